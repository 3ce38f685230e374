"""The names of nnmat.datasets: all are there, some are imported when they are asked for."""

import subprocess
import sys

import pytest

from nnmat import datasets


def test_every_name_is_there():
    for name in datasets.__all__:
        assert callable(getattr(datasets, name)), name
        assert name in dir(datasets)
    with pytest.raises(AttributeError, match=r"module 'nnmat.datasets' has no attribute 'csv'"):
        _ = datasets.csv


def test_what_not_every_program_needs_is_imported_later():
    program = """if True:
        import sys, nnmat
        later = ["bundled", "images.augment", "images.image_folder", "splitting", "tables.table", "text.tokenizer"]
        early = [name for name in later if f"nnmat.datasets.{name}" in sys.modules]
        early += [name for name in ("pandas", "polars", "PIL", "sklearn") if name in sys.modules]
        from nnmat.datasets import table
        print(early, callable(table), nnmat.datasets.table is table)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] True True"
