"""scripts/bench_kernels.py as a person runs it."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench_kernels
import nnmat_kernels
from bench import cases as bench_cases
from bench import groups as bench_groups
from bench import ladder as bench_ladder
from bench import machine as bench_machine

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
    chosen = sum("relu" in row["name"] for row in report["rows"])  # leaky_relu and both gradients, too
    assert chosen > 1
    assert f"compared with {file}: {chosen} of {chosen} rows, on average" in done.stdout


@pytest.mark.parametrize("words", [["nonsense"], ["relu", "nonsense"]])
def test_an_unknown_kernel_is_a_usage_error(words):
    done = run("--only", *words)
    assert done.returncode == 2
    assert "no kernel's name contains nonsense. There are: matmul, batched_matmul" in done.stderr
    assert "the groups matmul, batched_matmul, conv, elementwise, ladder, others" in done.stderr


def test_each_word_chooses_a_group_or_kernels():
    def chosen(*only, quick=False):
        options = argparse.Namespace(only=list(only), quick=quick)
        return bench_kernels.chosen_cases(argparse.ArgumentParser(), options)

    assert {case.group for case in chosen("ladder")} == {"ladder"}
    assert {case.name for case in chosen("batched_matmul", "sigmoid_back")} == {"batched_matmul", "sigmoid_backward"}
    assert {case.group for case in chosen("batched_matmul")} == {"batched_matmul"}  # the group, not all of that name
    assert len(chosen("batched", "batched_matmul")) == 7  # none twice
    assert len(chosen("2048x2048")) == 4  # a shape
    assert chosen("tile", quick=True) == []  # it has rows of its own
    assert len({case.key for case in chosen()}) == len(chosen())


def test_a_file_of_another_kind_is_no_comparison(tmp_path):
    for text in ("no JSON", "[]", '{"rows": [{"case": "step"}]}'):
        (tmp_path / "old.json").write_text(text)
        done = run("--only", "relu", "--compare", str(tmp_path / "old.json"))
        assert done.returncode == 1
        assert "old.json: expected a file that `bench_kernels.py --json` wrote. Try: " in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", ["bench_kernels.py", "bench_training.py"])
def test_a_peer_that_is_not_installed_is_said_before_the_work(script, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    arguments = ["--peer", "torch"] if script == "bench_kernels.py" else []
    path = f"{tmp_path}:{ROOT}:{ROOT / 'kernels'}"
    command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 1
    assert "expected torch to be installed, it is not. Try: pip install -e '.[" in done.stderr
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)


def test_the_steps_of_the_ladder_are_right():
    """The page's own functions; each is one of its steps, from the loops to the kernels."""
    for case in bench_ladder.cases():
        arrays = case.arrays(np.random.default_rng(0))
        exact = bench_kernels.results(case.call(bench_kernels.twins(), *bench_kernels.copies(arrays, np.float64)))
        assert bench_kernels.largest_error(bench_kernels.results(case.call(nnmat_kernels, *arrays)), exact) < 1e-5
    page = bench_ladder.defined()
    names = [*bench_ladder.PRODUCTS.values(), *bench_ladder.CONVOLUTIONS.values(), *bench_ladder.FUNCTIONS.values()]
    compiled = [value for value in page.values() if hasattr(value, "py_func")]
    assert all(any(value is page[name] for name in names) for value in compiled)  # no step is forgotten


def test_a_wrong_kernel_is_seen():
    right = next(case for case in bench_cases.quick_cases() if case.name == "relu")

    def wrong(module, X, **outs):
        Y = right.call(module, X, **outs)
        return Y if module is not nnmat_kernels else Y * np.float32(1.001)

    options = argparse.Namespace(seed=0, quick=True, rounds=1, threads=1)
    peaks = {"GFLOP/s": 1.0, "GB/s": 1.0}
    for call, holds in ((right.call, True), (wrong, False)):
        case = dataclasses.replace(right, call=call)
        row = bench_kernels.measure(case, bench_kernels.twins(), peaks, None, options)
        assert row["pass"] == holds
        assert row["numpy_pass"]
        assert ("FAIL" in bench_kernels.shown(row, None)) == (not holds)


def test_the_command_is_shown_without_files():
    words = ["/some/where/bench_kernels.py", "--only", "relu", "--json", "/tmp/x.json", "--peer", "torch", "--json=y"]
    assert bench_machine.command(words) == "python scripts/bench_kernels.py --only relu --peer torch"


def test_the_shapes_of_the_groups():
    groups = {}
    for case in bench_groups.cases():
        groups.setdefault(case.group, []).append(case)
    sizes = {name: len(cases) for name, cases in groups.items()}
    assert sizes == {"matmul": 42, "batched_matmul": 5, "conv": 10, "elementwise": 15}
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
    assert bench_kernels.group_rows(group("others", [1.0])) == []


LADDER = {case.shape: case for case in bench_ladder.cases()}.values()  # one for each of its problems
PEERS = [*bench_cases.quick_cases(), *(c for c in bench_groups.cases() if c.group == "conv"), *LADDER]


@pytest.mark.parametrize("case", PEERS, ids=lambda case: case.key)
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
