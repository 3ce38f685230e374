"""scripts/bench_compiled.py as a person runs it."""

import json

import numpy as np
import pytest

import bench_compiled
from nnmat.calculus import evaluate
from tests.scripts.running import run, without


@pytest.mark.parametrize("name", bench_compiled.CASES)
def test_cases_are_functions_of_their_arrays(name):
    case = bench_compiled.CASES[name]()
    arrays = case.arrays(3, np.random.default_rng(0))
    assert np.isfinite(evaluate(case.f, **arrays))
    assert set(case.wrt) <= set(arrays) == {s.name for s in case.f.free}


def test_small_sizes_are_measured_and_right(tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "c.json"
    done = run("bench_compiled.py", "--sizes", "4", "--rounds", "1", "--seconds", "0.001", "--json", str(file))
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    assert [row["case"] for row in report["rows"]] == list(bench_compiled.CASES)
    assert all(row["error"] < 1e-9 and row["ratio"] == row["torch"] / row["ours"] for row in report["rows"])
    assert report["means"][0]["size"] == 4


def test_without_torch(tmp_path):
    done = run("bench_compiled.py", before=without("torch", tmp_path / "none"))
    assert done.returncode == 1
    assert "pip install" in done.stderr
