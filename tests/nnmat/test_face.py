"""The package's own name: rooms that are loaded when they are asked for."""

import subprocess
import sys

import pytest

import nnmat

PROGRAM = """
import sys, nnmat
assert not {f"nnmat.{name}" for name in nnmat.LATER} & set(sys.modules)
print(nnmat.calculus.derive.__name__, nnmat.plots.plot_khat.__name__)
"""


def test_rooms_are_there_without_an_import_of_their_own():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout == "derive plot_khat\n", done.stderr


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="module 'nnmat' has no attribute 'calculuss'"):
        _ = nnmat.calculuss
