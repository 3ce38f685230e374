"""scripts/bench_kernels.py as a person runs it."""

import argparse
import json

import pytest

import bench_kernels
import nnmat_kernels
from tests.scripts.running import run as run_script
from tests.scripts.running import without


def run(*arguments):
    return run_script("bench_kernels.py", *arguments)


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
    assert (
        "the groups matmul, batched_matmul, conv, elementwise, norms, attention, recurrent, ladder, others"
        in done.stderr
    )


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
    arguments = ["--peer", "torch"] if script == "bench_kernels.py" else []
    done = run_script(script, *arguments, before=without("torch", tmp_path))
    assert done.returncode == 1
    assert "expected torch to be installed, it is not. Try: pip install -e '.[" in done.stderr
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)


def test_too_many_threads_are_a_usage_error():
    done = run("--threads", "100000")
    assert done.returncode == 2
    assert "argument --threads: set_num_threads: expected an integer from 1 to" in done.stderr
