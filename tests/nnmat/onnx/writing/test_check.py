"""Who runs a file that was written, and what is said of it."""

import sys

import numpy as np
import pytest

import nnmat
from nnmat import Embedding, Linear, ReLU, Sequential
from tests.extras import needs

pytestmark = needs("onnx", "onnxruntime")

from nnmat.onnx import Verification, save  # noqa: E402


def test_the_reference_where_onnxruntime_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = save(Sequential([Linear(4, 3), ReLU()], (4,)), tmp_path / "m.onnx", progress=False)
    assert found.by.startswith("the reference of onnx")
    assert found.difference < 1e-6


def test_float32_where_onnxruntime_has_no_float64(tmp_path):
    model = nnmat.LSTM(3, 4).build((5, 3), dtype=np.float64)
    found = save(model, tmp_path / "m.onnx", progress=False)
    assert found.by.endswith(", in float32")
    plain = save(Sequential([Linear(4, 3)], (4,), dtype=np.float64), tmp_path / "m.onnx", progress=False)
    assert plain.difference < 1e-14
    assert "float32" not in plain.by


def test_tokens_are_drawn_from_the_table(tmp_path):
    found = save(Sequential([Embedding(2, 3)], (6,)), tmp_path / "m.onnx", progress=False)
    assert found.difference == 0


def test_how_it_reads():
    assert str(Verification(1.25e-7, 3.0, "onnxruntime 1")) == "largest difference 1.2e-07 of 3, onnxruntime 1"


def test_infinite_outputs_are_compared(tmp_path):
    model = nnmat.Expression("log(X)").build((3,))
    X = np.array([[0.0, 1.0, 2.0]], np.float32)
    found = save(model, tmp_path / "m.onnx", example=X, progress=False)
    assert found.difference < 1e-6


@pytest.mark.parametrize("X", [np.zeros((0, 4)), np.full((2, 4), np.nan)])
def test_nothing_to_compare_is_no_check(X, tmp_path):
    model = Sequential([Linear(4, 3)], (4,))
    with pytest.raises(nnmat.StateError, match="expected outputs to compare, got .* without a finite number"):
        save(model, tmp_path / "m.onnx", example=X.astype(np.float32))
    assert not (tmp_path / "m.onnx").exists()


def test_infinite_numbers_have_a_sign(tmp_path, monkeypatch):
    from nnmat.onnx.writing.writer import WRITERS

    monkeypatch.setitem(WRITERS, nnmat.Expression, lambda w, layer, X: X.like(w.node("Neg", w.node("Log", X.there()))))
    model = nnmat.Expression("log(X)").build((3,))
    X = np.array([[0.0, 1.0, 1.0]], np.float32)
    with pytest.raises(nnmat.StateError, match="or NaN and infinite numbers at other places. Nothing was written."):
        save(model, tmp_path / "m.onnx", example=X)
