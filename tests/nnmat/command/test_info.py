"""`nnmat info`: what stands in it is so."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import numpy as np

import nnmat
from nnmat.command import info
from tests.nnmat.command.samples import ran

ROOT = Path(__file__).resolve().parents[3]


def test_versions_threads_and_extras(capsys):
    facts = dict(re.split(r" {2,}", line, maxsplit=1) for line in ran(capsys, "info").splitlines())
    assert facts["nnmat"] == nnmat.__version__
    assert facts["numpy"] == np.__version__
    assert facts["threads"].startswith(f"{nnmat.get_num_threads()} in use, of ")
    assert facts["extra plot"] == f"matplotlib {importlib.metadata.version('matplotlib')}"
    assert re.match(r"\d+ compiled, [\d.]+ MiB in ", facts["kernels"])
    assert facts["processor"] != "unknown"


def test_the_extras_are_those_of_the_package():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, packages in info.EXTRAS.items():
        assert tuple(re.match(r"[\w-]+", line)[0] for line in declared[name]) == packages
    everything = set(re.findall(r"\w+", declared["all"][0])) - {"nnmat"}
    assert everything == set(info.EXTRAS)


def test_what_is_missing_comes_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(info, "version", {"onnx": "1.0"}.get)
    assert info.extra("onnx", ("onnx", "onnxruntime")) == "onnx 1.0; onnxruntime missing: pip install 'nnmat[onnx]'"
    assert info.extra("keras", ("h5py",)) == "h5py missing: pip install 'nnmat[keras]'"


def test_an_empty_cache_says_what_fills_it(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert info.cache() == f"0 compiled, 0.0 MiB in {tmp_path / 'nnmat'}; nnmat warmup compiles the usual ones"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert "cannot be written to: set NUMBA_CACHE_DIR" in info.cache()
