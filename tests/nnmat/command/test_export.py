"""`nnmat export`: the file of ONNX takes the numbers of the table as they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnmat.command.export import whole_network
from nnmat.command.learning.model_file import read_model
from nnmat.command.learning.scores import probabilities_of
from nnmat.datasets import table
from tests.extras import needs
from tests.nnmat.command.samples import QUICK, flowers, houses, ran

pytestmark = needs("onnx", "onnxruntime")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outputs(path: str, X) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    dtype = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
    return session.run(None, {"X": np.asarray(X, dtype)})[0]


def test_classes_from_plain_numbers(capsys):
    flowers(Path("flowers.csv"))
    ran(capsys, "train", "flowers.csv", "--target", "species", *QUICK)
    said = ran(capsys, "export", "model.npz", "--onnx", "flowers.onnx")
    assert "input X: (B, 4), sepal, petal, colour=blue, colour=red; output Y: (B, 3)" in said
    plain = table("flowers.csv", "species", standardise=False)
    kept = read_model(Path("model.npz"))
    H = kept.model.forward(kept.recipe.read([Path("flowers.csv")])[1])
    np.testing.assert_allclose(outputs("flowers.onnx", plain.X), probabilities_of(H), atol=1e-5)

    import onnx

    proto = onnx.load("flowers.onnx")
    onnx.checker.check_model(proto, full_check=True)
    notes = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(notes["labels"]) == ["iris", "lily", "rose"]
    assert json.loads(notes["features"]) == plain.features
    assert notes["target"] == "species"
    assert "largest difference" in notes["nnmat.verified"]


def test_numbers_in_their_unit(capsys):
    houses(Path("houses.csv"))
    ran(capsys, "train", "houses.csv", "--target", "price", "--ignore", "id", *QUICK)
    ran(capsys, "export", "model.npz", "--onnx", "houses.onnx")
    plain = table("houses.csv", "price", ignore=["id"], standardise=False)
    kept = read_model(Path("model.npz"))
    expected = kept.recipe.in_units(kept.model.forward(kept.recipe.read([Path("houses.csv")])[1]))
    np.testing.assert_allclose(outputs("houses.onnx", plain.X)[:, 0], expected, rtol=1e-4)
    whole = whole_network(kept, np.float64)
    np.testing.assert_allclose(whole.forward(plain.X.astype(np.float64))[:, 0], expected, rtol=1e-5)


def test_numbers_far_from_0_for_their_spread_are_kept_in_double_precision(capsys):
    rng = np.random.default_rng(0)
    x = 1e9 + rng.normal(0, 1, 60)
    Path("far.csv").write_text("x,y\n" + "".join(f"{a!r},{'up' if a > 1e9 else 'down'}\n" for a in x.tolist()))
    ran(capsys, "train", "far.csv", "--target", "y", *QUICK, "--epochs", 60)
    ran(capsys, "export", "model.npz", "--onnx", "far.onnx")
    kept = read_model(Path("model.npz"))
    expected = probabilities_of(kept.model.forward(kept.recipe.read([Path("far.csv")])[1]))
    np.testing.assert_allclose(outputs("far.onnx", x[:, np.newaxis]), expected, atol=1e-4)


def test_files_that_stay(capsys):
    flowers(Path("flowers.csv"))
    ran(capsys, "train", "flowers.csv", "--target", "species", *QUICK)
    Path("mine.onnx").write_bytes(b"mine")
    assert "mine.onnx is there" in ran(capsys, "export", "model.npz", "--onnx", "mine.onnx", code=2)
    assert Path("mine.onnx").read_bytes() == b"mine"
    for _ in range(2):  # its own is replaced
        ran(capsys, "export", "model.npz", "--onnx", "own.onnx")
    assert "ends in .onnx" in ran(capsys, "export", "model.npz", "--onnx", "own.txt", code=2)
