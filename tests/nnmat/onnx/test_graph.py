"""A graph as a layer: against the layers that its file was written from."""

import copy
import pickle

import numpy as np
import pytest

import nnmat
from tests.extras import needs
from tests.nnmat.layers.test_all_layers import CASES, arrays, build, draw

pytestmark = needs("onnx")

from nnmat.onnx import Graph, save  # noqa: E402
from nnmat.onnx.reading.describe import asked, graph  # noqa: E402
from nnmat.onnx.reading.proto import read  # noqa: E402

EXPORTED = sorted(set(CASES) - {"expression by hand", "two inputs", "tied"})


def both(name, tmp_path, dtype=np.float64):
    layer = build(CASES[name], dtype)
    save(layer, tmp_path / "model.onnx", verify=False)
    found = read(tmp_path / "model.onnx")
    return layer, graph(found, asked(found))


@pytest.mark.parametrize("name", EXPORTED)
def test_a_graph_computes_what_the_layers_do(name, tmp_path, rng):
    """Outputs, gradients of inputs and of weights, in float64 (attributes of ONNX are float32)."""
    layer, model = both(name, tmp_path)
    X = draw(layer, 3, rng)
    Y, Z = layer.forward(X, record=True), model.forward(X, record=True)
    close = 1e-7 * np.abs(Y).max()
    np.testing.assert_allclose(Z, Y, rtol=0, atol=close)
    G = rng.standard_normal(Y.shape)
    expected, found = layer.backward(G), model.backward(G)
    for a, b in zip(arrays(expected), arrays(found), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-6 * max(np.abs(a).max(), 1e-3))
    own = {p.name: p.grad for p in layer.parameters()}
    theirs = {p.name: p.grad for p in model.parameters()}
    assert sum(g.size for g in own.values()) == sum(g.size for g in theirs.values())
    for p, g in own.items():  # in another order there
        np.testing.assert_allclose(
            np.sort(theirs[p].ravel()), np.sort(g.ravel()), rtol=0, atol=1e-6 * abs(g).max() + 1e-9
        )


def test_the_contract_of_layers(tmp_path, rng):
    layer, model = both("residual block", tmp_path)
    X = draw(layer, 3, rng)
    Y = model.forward(X, record=True)
    G = rng.standard_normal(Y.shape)
    kept = copy.deepcopy(X)
    gX = model.backward(G, keep=True)
    first = model.flat_gradients.copy()
    model.backward(G, accumulate=True, keep=True)
    np.testing.assert_allclose(model.flat_gradients, 2 * first, rtol=1e-12)
    assert model.backward(G, input_gradient=False) is None
    assert np.array_equal(model.flat_gradients, first)
    assert np.array_equal(X, kept)
    assert gX.shape == X.shape
    with pytest.raises(nnmat.StateError, match="needs a recorded forward"):
        model.backward(G)
    twin, copied = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    assert np.array_equal(copied.forward(X), Y)
    twin.flat_parameters[...] = 0
    assert np.array_equal(model.forward(X), Y)
    assert model.forward(X[:0]).shape == (0, *Y.shape[1:])
    assert not model.recordable


def test_a_graph_in_a_model(tmp_path, rng):
    """As the first part of one that goes on; a step of training changes its weights."""
    _, part = both("global average pool", tmp_path, np.float32)
    fresh = Graph(part.config()["description"])
    model = nnmat.Sequential([fresh, nnmat.Linear(4, 2)], (7, 6, 4))
    X, y = rng.standard_normal((8, 7, 6, 4)).astype(np.float32), rng.integers(0, 2, 8)
    optimizer = nnmat.SGD(model, lr=0.1)
    nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), optimizer).fit((X, y), epochs=1, progress=False)
    assert "Graph(" in repr(model)


def test_descriptions_that_are_none():
    for wrong in ({}, {"nodes": 3}, {"nodes": [], "inputs": [], "output": "Y", "dtype": "float32"}, None, "text"):
        with pytest.raises(nnmat.ConfigError, match="expected a description as nnmat.onnx.load makes it"):
            Graph(wrong)


def test_wrong_dtype_and_inputs(tmp_path):
    _, model = both("linear", tmp_path, np.float32)
    description = model.config()["description"]
    with pytest.raises(nnmat.ConfigError, match="expected dtype=float32, that of the file, got float64"):
        Graph(description).build((5,), dtype=np.float64)
    with pytest.raises(nnmat.ShapeError, match=r"expected 1 inputs \(X\), got"):
        Graph(description).build(((5,), (5,)))
    with pytest.raises(nnmat.FileFormatError, match=r"\(Gemm\): it cannot be run on"):
        Graph(description).build((4,))
