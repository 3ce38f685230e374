"""scripts/bench_training.py as a person runs it."""

import json

import pytest

import bench_training
from bench import training
from tests.scripts.running import run


def test_an_unknown_case_is_a_usage_error():
    done = run("bench_training.py", "--only", "nonsense")
    assert done.returncode == 2
    assert "no case contains nonsense. There are: step 16-32-10 32" in done.stderr


def test_the_chosen_cases_are_measured_shown_and_written(tmp_path, monkeypatch, capsys):
    """With cases that take no time, in place of those that need every peer."""
    row = training.Row("step cnn 32", "us", [90.0, 100.0, 110.0], [200.0], "torch, 1 thread", 3.5)
    made = {"step cnn 32": lambda run: row, "start cold": lambda run: pytest.fail("it was not chosen")}
    monkeypatch.setattr(bench_training, "cases", lambda: made)
    monkeypatch.setattr(bench_training, "need", lambda *what: None)
    file = tmp_path / "t.json"
    monkeypatch.setattr("sys.argv", ["scripts/bench_training.py", "--only", "cnn", "--json", str(file)])
    bench_training.main()
    lines = capsys.readouterr().out.splitlines()
    assert "python scripts/bench_training.py --only cnn" in lines
    assert lines[-2].split() == ["case", "ours", "peer", "ratio", "bar"]
    assert lines[-1] == str(row)
    assert "not measured" not in "".join(lines)
    report = json.loads(file.read_text())
    assert list(report) == ["machine", "rows"]
    assert report["rows"] == [vars(row) | {"ratio": 2.0, "holds": False}]


def test_what_was_not_measured_is_counted(monkeypatch, capsys):
    row = training.Row("jax 16-32-10 32", "us", [], [], "", 2.0, missing="jax is not installed")
    monkeypatch.setattr(bench_training, "cases", lambda: {"jax 16-32-10 32": lambda run: row})
    monkeypatch.setattr(bench_training, "need", lambda *what: None)
    monkeypatch.setattr("sys.argv", ["scripts/bench_training.py"])
    bench_training.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].split(maxsplit=3)[3] == "not measured: jax is not installed"
    assert lines[-1] == "1 of 1 cases not measured: jax 16-32-10 32."
