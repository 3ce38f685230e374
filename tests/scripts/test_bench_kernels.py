"""scripts/bench_kernels.py as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import bench_cases
import bench_groups
import bench_kernels
import numpy as np
import pytest

import nnmat_kernels

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench_kernels.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}", "PYTHONIOENCODING": "utf-8"},
    )


@pytest.mark.slow
def test_every_kernel_is_measured_and_right(tmp_path):
    file = tmp_path / "b.json"
    done = run("--quick", "--rounds", "1", "--threads", "1", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(file.read_text())
    assert all(row["pass"] and row["rate"] > 0 and row["numpy_microseconds"] > 0 for row in report["rows"])
    for row in report["rows"]:
        assert row["of_peak"] == pytest.approx(row["rate"] / report["peaks"][row["unit"]])
        assert row["ratio"] == pytest.approx(row["numpy_microseconds"] / row["microseconds"])
    measured = {row["name"] for row in report["rows"]}
    settings = {"get_num_threads", "max_num_threads", "set_num_threads"}
    assert measured == {name for name in nnmat_kernels.__all__ if name.islower()} - settings
    assert report["machine"]["threads"] == 1
    assert report["machine"]["cpu"]
    assert [row["k"] for row in report["tile"]] == [128, 256, 384]
    assert all(0.2 < row["of_peak"] < 1.1 and row["residual"] < 1e-5 for row in report["tile"])
    assert report["groups"] == []  # their bars are against PyTorch, which was not asked for
    old = next(row for row in report["rows"] if row["name"] == "relu")
    old["microseconds"] = 1e9
    file.write_text(json.dumps(report))
    done = run("--quick", "--rounds", "1", "--threads", "1", "--only", "relu", "--compare", str(file))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("relu  ")]
    assert len(lines) == 1
    assert float(lines[0].split("PASS  ")[1].split("x the old")[0]) > 1000


def test_an_unknown_kernel_is_a_usage_error():
    done = run("--only", "nonsense")
    assert done.returncode == 2
    assert "no kernel's name contains nonsense. There are: matmul, batched_matmul" in done.stderr


def test_the_shapes_of_the_groups():
    groups = {}
    for case in bench_groups.cases():
        groups.setdefault(case.group, []).append(case)
    assert {name: len(cases) for name, cases in groups.items() if name != "elementwise"} == {
        "matmul": 42,
        "batched_matmul": 5,
        "conv": 10,
    }
    assert len(groups["elementwise"]) == 3 * (5 if hasattr(nnmat_kernels, "gelu") else 4)
    assert all(case.torch for case in bench_groups.cases())
    assert len({case.key for case in bench_groups.cases()}) == len(bench_groups.cases())


def group(name, ratios):
    row = {"name": "k", "group": name, "torch_microseconds": 1.0}
    return [row | {"shape": str(i), "ratio": ratio} for i, ratio in enumerate(ratios)]


def test_a_group_holds_if_its_mean_and_its_smallest_ratio_do():
    (found,) = bench_kernels.group_rows(group("conv", [1.0, 4.0]))
    assert (found["mean"], found["least"], found["where"], found["holds"]) == (pytest.approx(2.0), 1.0, "k 0", True)
    assert not bench_kernels.group_rows(group("conv", [0.5, 8.0]))[0]["holds"]  # the smallest is below 0.85
    assert not bench_kernels.group_rows(group("conv", [1.0, 1.2]))[0]["holds"]  # the mean is below 1.25
    assert bench_kernels.group_rows(group("", [1.0])) == []


@pytest.mark.parametrize("case", bench_cases.quick_cases() + [c for c in bench_groups.cases() if c.group == "conv"])
def test_the_peers_compute_the_same(case):
    """NumPy beside the float64 twins, in the results' order; the first layer's case has no input gradient."""
    if not case.comparable:
        return
    arrays = case.arrays(np.random.default_rng(0))
    exact = bench_kernels.results(case.call(bench_kernels.twins(), *bench_kernels.copies(arrays, np.float64)))
    last = exact[len(exact) - len(case.outs) :]
    kinds = {"indices": np.int32}
    outs = {name: np.empty(A.shape, kinds.get(name, np.float32)) for name, A in zip(case.outs, last, strict=True)}
    found = bench_kernels.results(case.peer(*arrays, **outs))
    assert bench_kernels.largest_error(found, exact) < 1e-5


def test_too_many_threads_are_a_usage_error():
    done = run("--threads", "100000")
    assert done.returncode == 2
    assert "argument --threads: set_num_threads: expected an integer from 1 to" in done.stderr
