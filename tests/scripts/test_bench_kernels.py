"""scripts/bench_kernels.py as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

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
    done = run("--quick", "--threads", "1", "--json", str(tmp_path / "b.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert all(row["pass"] and row["rate"] > 0 and row["numpy_rate"] > 0 for row in report["rows"])
    measured = {row["name"] for row in report["rows"]}
    settings = {"get_num_threads", "max_num_threads", "set_num_threads"}
    assert measured == {name for name in nnmat_kernels.__all__ if name.islower()} - settings
    assert report["machine"]["threads"] == 1
    assert report["machine"]["cpu"]


def test_an_unknown_kernel_is_a_usage_error():
    done = run("--only", "nonsense")
    assert done.returncode == 2
    assert "no kernel's name contains nonsense. There are: matmul, batched_matmul" in done.stderr


def test_too_many_threads_are_a_usage_error():
    done = run("--threads", "100000")
    assert done.returncode == 2
    assert "argument --threads: set_num_threads: expected an integer from 1 to" in done.stderr
