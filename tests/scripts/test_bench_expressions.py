"""The bench of expressions: both trainings, their figures, and its verdict."""

import json
import sys

import pytest

import bench_expressions
import nnmat
from bench_expressions import main, trained
from nnmat_kernels.runtime.config import settings


def test_both_trainings_have_one_curve():
    train, _ = nnmat.datasets.mnist()
    few = (train.X[:3840], train.y[:3840])  # 30 steps an epoch: fewer are done by hand
    (built_in, _, _), (expressions, _, program) = trained(False, few, 2), trained(True, few, 2)
    assert expressions == pytest.approx(built_in, rel=1e-5)
    assert program != bool(settings.DISABLE_JIT)


@pytest.mark.parametrize(("ratio", "verdict"), [(1.2, "PASS"), (1.5, "MISSED")])
def test_the_verdict(ratio, verdict, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        bench_expressions, "trained", lambda expressions, data, epochs: ([0.5], ratio if expressions else 1.0, True)
    )
    path = tmp_path / "r.json"
    monkeypatch.setattr(sys, "argv", ["bench_expressions.py", "--rounds", "1", "--json", str(path)])
    main()
    assert verdict in capsys.readouterr().out
    assert json.loads(path.read_text())["ratio"] == ratio
