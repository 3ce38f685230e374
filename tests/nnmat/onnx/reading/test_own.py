"""Files of nnmat come back as the layers that wrote them, or as the graph that they hold."""

import numpy as np
import pytest

from tests.extras import needs
from tests.nnmat.layers.test_all_layers import CASES, build, draw

pytestmark = needs("onnx")

import onnx  # noqa: E402

from nnmat.onnx import Graph, load, save  # noqa: E402

EXPORTED = sorted(set(CASES) - {"expression by hand", "two inputs", "tied"})


@pytest.mark.parametrize("name", EXPORTED)
def test_the_same_layers(name, tmp_path, rng):
    layer = build(CASES[name], np.float32)
    save(layer, tmp_path / "model.onnx", verify=False)
    twin = load(tmp_path / "model.onnx")
    assert repr(twin) == repr(layer)
    assert np.array_equal(twin.flat_parameters, layer.flat_parameters)
    X = draw(layer, 3, rng, np.float32)
    assert np.array_equal(twin.forward(X), layer.forward(X))


def test_double_precision_and_the_other_layout(tmp_path, rng):
    layer = build(CASES["conv all options"], np.float64)
    save(layer, tmp_path / "model.onnx", layout="NCHW", verify=False)
    twin = load(tmp_path / "model.onnx")
    assert repr(twin) == repr(layer)
    assert twin.dtype == np.float64
    X = draw(layer, 3, rng)
    assert np.array_equal(twin.forward(X), layer.forward(X))


def changed(path, change):
    proto = onnx.load(path)
    change(proto)
    onnx.save(proto, path)


def lie(**said):
    def change(proto):
        props = {p.key: p.value for p in proto.metadata_props} | said
        onnx.helper.set_model_props(proto, props)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda proto: setattr(proto.graph.node[0], "op_type", "MatMul") or proto.graph.node[0].ClearField("attribute"),
        lambda proto: setattr(proto.graph.node[-1], "op_type", "Relu"),
        lie(**{"nnmat.architecture": "[" * 100_000}),
        lie(**{"nnmat.architecture": '{"type": "Linear", "in_features": 5, "out_features": 4}'}),
        lie(**{"nnmat.architecture": '{"type": "Linear", "in_features": 5, "out_features": 900000000}'}),
        lie(**{"nnmat.architecture": '{"type": "Linear", "in_features": 5, "out_features": 9000000}'}),
        lie(**{"nnmat.input_shape": "[3, 5]"}),
        lie(**{"nnmat.layout": "other"}),
    ],
)
def test_the_graph_counts_and_not_what_is_said_of_it(change, tmp_path, rng):
    layer = build(CASES["linear"], np.float32)
    save(layer, tmp_path / "model.onnx", verify=False)
    changed(tmp_path / "model.onnx", change)
    try:
        model = load(tmp_path / "model.onnx")
    except ValueError:  # the graph makes no sense any more
        return
    assert isinstance(model, Graph)
    X = draw(layer, 3, rng, np.float32)
    Y = layer.forward(X)
    assert any(np.allclose(model.forward(X), W, atol=1e-6) for W in (Y, np.maximum(Y, 0)))
