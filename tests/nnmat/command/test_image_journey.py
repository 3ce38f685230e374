"""From folders of images to labels of new ones, and to a file of ONNX, in two commands."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import nnmat
from tests.extras import needs
from tests.nnmat.command.samples import ran, stripes

pytestmark = needs("PIL", "onnx", "onnxruntime")
WORDS = ["--size", 8, "--channels", 8, "--hidden", 16, "--epochs", 20, "--quiet", "--flip", "both", "--lr", 0.01]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stripes(tmp_path / "stripes")


def test_a_folder_of_images_to_onnx_is_two_commands(capsys):
    said = ran(capsys, "train", "--images", "stripes", *WORDS)
    assert "24 images, 19 to learn from and 5 kept apart" in said
    assert "2 classes: across, down" in said
    assert "accuracy 100.0 %" in said
    said = ran(capsys, "export", "model.npz", "--onnx", "model.onnx")
    assert "input X: (B, 8, 8, 3), from 0 to 1; output Y: (B, 2), the probabilities of across, down" in said

    import onnx
    import onnxruntime

    proto = onnx.load("model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    notes = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(notes["labels"]) == ["across", "down"]
    assert json.loads(notes["size"]) == [8, 8]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    data = nnmat.datasets.image_folder("stripes", 8)
    P = session.run(None, {"X": data.X})[0]
    assert np.mean(P.argmax(axis=1) == data.y) == 1.0

    table = list(csv.reader(io.StringIO(ran(capsys, "predict", "model.npz", "stripes", "--quiet"))))
    assert table[0] == ["file", "label", "p(across)", "p(down)"]
    assert table[1][:2] == [str(Path("stripes/across/0.png")), "across"]
    np.testing.assert_allclose([[float(x) for x in row[2:]] for row in table[1:]], P[_sorted(data)], atol=1e-5)
    ran(capsys, "export", "model.npz", "--onnx", "model.onnx", "--layout", "NCHW")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"X": np.moveaxis(data.X, -1, 1)})[0], P, atol=1e-5)


def _sorted(data):
    """The images in the order of their paths, as both read them."""
    return np.arange(len(data))


def test_measured_on_other_images(capsys, tmp_path):
    ran(capsys, "train", "--images", "stripes", *WORDS)
    stripes(tmp_path / "others", 5)
    said = ran(capsys, "evaluate", "model.npz", "others")
    assert "others: 10 images" in said
    assert "accuracy 100.0 % (10 of 10 right)" in said
    (tmp_path / "others/down").rename(tmp_path / "others/checked")
    error = ran(capsys, "evaluate", "model.npz", "others", code=1)
    assert "expected folders of the classes across, down, found 'checked'" in error


def test_one_folder_is_no_task_and_a_table_no_image(capsys):
    error = ran(capsys, "train", "--images", ".", code=1)
    assert "expected a folder for each of at least two classes" in error
    ran(capsys, "train", "--images", "stripes", *WORDS[:-1], 0.01, "--epochs", 1)
    Path("a.csv").write_text("a,b\n1,2\n")
    assert "an image that Pillow reads" in ran(capsys, "predict", "model.npz", "a.csv", code=1)
    Path("stripes/down/0.png").write_bytes(b"")
    error = ran(capsys, "train", "--images", "stripes", *WORDS, code=1)
    assert "0.png to be an image that Pillow reads, got something else. Repair the file or remove it." in error
    Path("empty").mkdir()
    assert "expected images in empty" in ran(capsys, "predict", "model.npz", "empty", code=1)
