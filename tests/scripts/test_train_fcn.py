"""scripts/train_fcn.py as a person runs it."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

import nnmat
import train_fcn
from tests.scripts.running import QUICK, run


def test_train_fcn_writes_its_results(tmp_path):
    out = run("train_fcn.py", *QUICK, "--json", "r.json", "--save", "m.npz", "--seed", 1, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert set(result) >= {"test_accuracy", "epochs", "seconds", "seconds_per_epoch", "settings"}
    assert result["epochs"] == 2
    assert result["settings"]["seed"] == 1
    assert result["settings"]["hidden"] == [128]
    assert 0.7 < result["test_accuracy"] < 1
    assert f"{100 * result['test_accuracy']:.2f} %" in out.stdout
    _, test = nnmat.datasets.mnist()
    model = nnmat.load(tmp_path / "m.npz")
    assert np.mean(model.forward(test.X).argmax(1) == test.y) == pytest.approx(result["test_accuracy"])


def test_softmax_regression_has_no_hidden_layer(tmp_path):
    out = run("train_fcn.py", "--hidden", *QUICK, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert re.search(r"total +\(B, 10\) +7,850 ", out.stdout)


@pytest.mark.parametrize("activation", train_fcn.ACTIVATIONS)
def test_the_layers_are_those_asked_for(activation):
    args = SimpleNamespace(hidden=[5, 4], activation=activation, dropout=0.5, seed=0)
    kinds = [type(layer).__name__ for layer in train_fcn.fully_connected(args).layers]
    hidden = ["Linear", train_fcn.ACTIVATIONS[activation].__name__, "Dropout"]
    assert kinds == ["Flatten", *hidden, *hidden, "Linear"]
    args.dropout = 0.0
    assert "Dropout" not in [type(layer).__name__ for layer in train_fcn.fully_connected(args).layers]
