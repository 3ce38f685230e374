"""scripts/train_cnn.py as a person runs it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import train_cnn
from tests.scripts.running import QUICK, run


def test_train_cnn_then_evaluate(tmp_path):
    files = ["--save", "m.npz", "--json", "r.json", "--plot", "run.png"]
    out = run("train_cnn.py", *QUICK, *files, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert "Picture written to run.png" in out.stdout
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    accuracy = json.loads((tmp_path / "r.json").read_text())["test_accuracy"]
    assert accuracy > 0.7
    out = run("evaluate.py", "m.npz", "--json", "e.json", "--picture", "p.png", "--worst", 5, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["test_accuracy"] == pytest.approx(accuracy)
    assert np.sum(result["confusion"]) == 10000
    assert np.trace(result["confusion"]) == round(10000 * accuracy)
    assert len(result["worst"]) == 5
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_channels_are_those_asked_for():
    model = train_cnn.lenet(SimpleNamespace(channels=(3, 5), hidden=7, method="auto", dropout=0.5, seed=0))
    assert model.output_shape((28, 28, 1)) == (10,)
    weights = [3 * 25 + 3, 5 * 25 * 3 + 5, 16 * 5 * 7 + 7, 7 * 10 + 10]
    assert model.flat_parameters.size == sum(weights)
