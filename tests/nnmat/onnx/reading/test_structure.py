"""Files as layers of nnmat: chains, branches that meet, products with their biases."""

import itertools
import pathlib
import tracemalloc

import numpy as np
import pytest

import nnmat
from nnmat import (
    Add,
    BatchNorm2d,
    Concatenate,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    SiLU,
)
from tests.extras import needs

pytestmark = needs("onnx")

import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from nnmat.onnx import Graph, load, save  # noqa: E402

FOLDER = pathlib.Path(__file__).parent / "exported"
OUTPUTS = np.load(FOLDER / "outputs.npz")
CNN = ["Conv2d", "GELU", "GroupNorm", "SiLU", "AvgPool2d", "AdaptiveAvgPool2d", "Flatten", "Linear", "LogSoftmax"]
LAST = ["ELU", "Hardswish", "Mish", "Softplus", "PReLU", "ReLU6"]
KINDS = {
    "mlp_dynamo": ["Linear", "ReLU", "BatchNorm1d", "Linear", "Softmax"],
    "mlp_script": ["Linear", "ReLU", "BatchNorm1d", "Linear", "Softmax"],
    "residual_dynamo": ["Concatenate", "ReLU"],
    "residual_script": ["Concatenate", "ReLU"],
    "tokens_dynamo": ["Embedding", "Linear", "LayerNorm", "Linear"],
    "tokens_script": ["Embedding", "Linear", "LayerNorm", "Linear"],
    "cnn_dynamo": CNN,
    "cnn_script": CNN,
    "upsampling_script": ["ConvTranspose2d", "LeakyReLU", "Upsample", "Pad", "Conv2d", "Upsample", *LAST],
    "lenet_dynamo": ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "Tanh", "Flatten", "Linear", "Sigmoid"],
}


@pytest.mark.parametrize("name", KINDS)
def test_files_of_torch_as_layers(name):
    model = load(FOLDER / f"{name}.onnx", layers=True)
    assert [layer.kind for layer in model] == KINDS[name]
    X, Y = (OUTPUTS[f"{name.partition('_')[0]}/{what}"] for what in "XY")
    X, Y = (np.moveaxis(A, 1, -1) if A.ndim == 4 else A for A in (X, Y))
    np.testing.assert_allclose(model.forward(np.ascontiguousarray(X)), Y, rtol=0, atol=1e-5 * np.abs(Y).max())


@pytest.mark.parametrize("name", ["lstm_script", "transformer_dynamo"])
def test_what_has_no_layer_is_named(name):
    with pytest.raises(nnmat.FileFormatError, match=r"node '.*for which there is no layer. Leave out layers=True."):
        load(FOLDER / f"{name}.onnx", layers=True)


def branches():
    inside = Sequential([Conv2d(4, 4, 3, padding=1), BatchNorm2d(), SiLU(), Conv2d(4, 4, 1)])
    side = Concatenate([None, Conv2d(4, 2, 3, padding=1), Sequential([ReLU(), Conv2d(4, 3, 1)])])
    return [Conv2d(2, 4, 3), Residual(inside), side, MaxPool2d(2), Flatten(), Add([Linear(27 * 3, 5), Linear(81, 5)])]


def test_a_file_of_nnmat_read_as_any_other(tmp_path, rng):
    model = Sequential(branches(), (8, 8, 2))
    save(model, tmp_path / "m.onnx", layout="NCHW", verify=False)
    again = onnx.load(tmp_path / "m.onnx")
    del again.metadata_props[:]
    onnx.save(again, tmp_path / "m.onnx")
    assert isinstance(load(tmp_path / "m.onnx"), Graph)
    twin = load(tmp_path / "m.onnx", layers=True)
    kinds = ["Conv2d", "Add", "Concatenate", "MaxPool2d", "Flatten", "Add"]
    assert [layer.kind for layer in twin] == kinds
    X = rng.standard_normal((3, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(twin.forward(X), model.forward(X), rtol=0, atol=1e-5)
    assert sum(p.size for p in twin.parameters()) == sum(p.size for p in model.parameters())
    nnmat.save(twin, tmp_path / "m.npz")
    assert repr(nnmat.load(tmp_path / "m.npz")) == repr(twin)


def chain_of(*nodes, shape=("B", 4), arrays=(), path=None):
    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, list(shape))
    Y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["B"] + ["?"] * (len(shape) - 1))
    graph = helper.make_graph(list(nodes), "g", [X], [Y], list(arrays))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_products_and_their_biases(tmp_path, rng):
    W, b = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal(3).astype(np.float32)
    arrays = [onnx.numpy_helper.from_array(W, "W"), onnx.numpy_helper.from_array(b, "b")]
    nodes = [helper.make_node("MatMul", ["X", "W"], ["A"]), helper.make_node("Add", ["b", "A"], ["Y"])]
    model = load(chain_of(*nodes, arrays=arrays, path=tmp_path / "m.onnx"), layers=True)
    assert [layer.kind for layer in model] == ["Linear"]
    X = rng.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_allclose(model.forward(X), X @ W + b, atol=1e-5)
    alone = load(
        chain_of(helper.make_node("MatMul", ["X", "W"], ["Y"]), arrays=arrays[:1], path=tmp_path / "m.onnx"),
        layers=True,
    )
    assert model[0].bias is not None
    assert alone[0].bias is None


def test_more_than_one_input_and_the_empty_graph(tmp_path):
    X, Z, Y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 4]) for name in "XZY")
    graph = helper.make_graph([helper.make_node("Add", ["X", "Z"], ["Y"])], "g", [X, Z], [Y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    with pytest.raises(nnmat.FileFormatError, match="expected one input for layers=True, got 2"):
        load(tmp_path / "m.onnx", layers=True)
    assert isinstance(load(tmp_path / "m.onnx"), Graph)
    path = chain_of(helper.make_node("Identity", ["X"], ["Y"]), path=tmp_path / "m.onnx")
    assert [layer.kind for layer in load(path, layers=True)] == ["Identity"]


def test_long_chains_are_read_in_linear_time(tmp_path):
    """The places where branches meet are found without a list of all that lies before each array."""
    names = ["X", *(f"A{i}" for i in range(3000)), "Y"]
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
    path = chain_of(*nodes, path=tmp_path / "m.onnx")
    tracemalloc.start()
    assert len(load(path, layers=True)) == 3001
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
