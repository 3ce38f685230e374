"""Files of PyTorch, by both of its exporters, as models of nnmat (made by `export.py`)."""

import copy
import pathlib
import sys

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("onnx")

from nnmat.onnx import Graph, load, save  # noqa: E402
from nnmat.onnx.graph import described_array  # noqa: E402

FOLDER = pathlib.Path(__file__).parent / "exported"
FILES = sorted(path.stem for path in FOLDER.glob("*.onnx"))
OUTPUTS = np.load(FOLDER / "outputs.npz")


def arrays_of(name):
    model = name.rpartition("_")[0]
    return OUTPUTS[f"{model}/X"], OUTPUTS[f"{model}/Y"]


def test_there_are_files_of_both_exporters():
    assert sum(name.endswith("_dynamo") for name in FILES) == 11
    assert sum(name.endswith("_script") for name in FILES) == 10


@pytest.mark.parametrize("name", FILES)
def test_a_model_of_torch_computes_the_same(name):
    model = load(FOLDER / f"{name}.onnx")
    X, Y = arrays_of(name)
    np.testing.assert_allclose(model.forward(X), Y, rtol=0, atol=1e-5 * np.abs(Y).max())
    again = np.concatenate([X, X, X])  # another batch
    np.testing.assert_allclose(model.forward(again), np.concatenate([Y, Y, Y]), rtol=0, atol=1e-5 * np.abs(Y).max())
    assert model.forward(X[:0]).shape == (0, *Y.shape[1:])


def in_double_precision(model):
    """The same graph in float64."""
    own = copy.deepcopy(model.config()["description"])
    own["inputs"] = [[name, dtype.replace("float32", "float64")] for name, dtype in own["inputs"]]
    doubled = {n: A.astype(np.float64) if A.dtype == np.float32 else A for n, A in model.plan.constants.items()}
    own |= {"dtype": "float64", "constants": {name: described_array(A) for name, A in doubled.items()}}
    twin = Graph(own).build(model.input_shape, dtype=np.float64)
    twin.flat_parameters[...] = model.flat_parameters
    return twin


@pytest.mark.parametrize("name", FILES)
def test_a_model_of_torch_is_differentiated(name):
    """Along a random direction of all weights and of the inputs, by a difference."""
    model = in_double_precision(load(FOLDER / f"{name}.onnx"))
    rng = np.random.default_rng(3)
    X, Y = arrays_of(name)
    X = X.astype(np.float64) if X.dtype == np.float32 else X
    G = rng.standard_normal(Y.shape)
    model.forward(X, record=True)
    gX = model.backward(G)
    theta, direction = model.flat_parameters.copy(), rng.standard_normal(model.flat_parameters.shape)
    D = None if gX is None else rng.standard_normal(X.shape)

    def value(t):
        model.flat_parameters[...] = theta + t * direction
        return float(np.vdot(G, model.forward(X if D is None else X + t * D)))

    exact = float(np.vdot(model.flat_gradients, direction)) + (0.0 if D is None else float(np.vdot(gX, D)))
    h = 1e-6
    assert abs((value(h) - value(-h)) / (2 * h) - exact) <= 1e-6 * max(abs(exact), np.abs(G).sum())


def test_a_model_of_torch_trains(rng):
    model = load(FOLDER / "lenet_dynamo.onnx")
    X, y = rng.standard_normal((40, 1, 12, 12)).astype(np.float32), rng.integers(0, 5, 40)
    trainer = nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), nnmat.Adam(model, lr=0.01))
    history = trainer.fit((X, y), epochs=4, batch_size=10, progress=False)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("name", ["mlp_dynamo", "lenet_script", "lstm_dynamo"])
def test_it_is_saved_in_both_formats(name, tmp_path):
    model = load(FOLDER / f"{name}.onnx")
    X, _ = arrays_of(name)
    nnmat.save(model, tmp_path / "model.npz")
    twin = nnmat.load(tmp_path / "model.npz", layers=[Graph])
    assert np.array_equal(twin.forward(X), model.forward(X))
    save(model, tmp_path / "model.onnx", progress=False)
    third = load(tmp_path / "model.onnx")
    assert np.array_equal(third.forward(X), model.forward(X))
    assert [p.name for p in third.parameters()] == [p.name for p in model.parameters()]


def test_outputs_and_shapes_that_are_asked_for(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, ["B", "N"])
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", "N"]) for name in ("Y", "Z")]
    nodes = [helper.make_node("Relu", ["X"], ["Y"]), helper.make_node("Exp", ["Y"], ["Z"])]
    graph = helper.make_graph(nodes, "two", [X], outs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "two.onnx")
    with pytest.raises(nnmat.ConfigError, match=r"two.onnx: expected output as one of 'Y', 'Z', got several"):
        load(tmp_path / "two.onnx", input_shape=(3,))
    with pytest.raises(nnmat.ShapeError, match=r"fixed sizes behind the batch, got 'X' of shape \(\?, \?\)"):
        load(tmp_path / "two.onnx", output="Z")
    model = load(tmp_path / "two.onnx", output="Y", input_shape=(3,))
    assert [node.kind for node in model.plan.nodes] == ["Relu"]
    assert load(tmp_path / "two.onnx", output="Z", input_shape=(3,)).output_shape((3,)) == (3,)


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(nnmat.MissingExtraError, match=r"nnmat.onnx.load: expected onnx.*nnmat\[onnx\]"):
        load(FOLDER / "mlp_script.onnx")
    with pytest.raises(nnmat.MissingExtraError, match=r"nnmat.onnx.save: expected onnx.*nnmat\[onnx\]"):
        save(nnmat.Linear(3, 2).build((3,)), tmp_path / "model.onnx")


def test_all_that_is_not_supported_is_listed(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    X, Y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 4]) for name in "XY")
    nodes = [
        helper.make_node("GridSample", ["X", "X"], ["A"], name="sampled"),
        helper.make_node("Relu", ["A"], ["C"]),
        helper.make_node("Bernoulli", ["C"], ["Y"], name="drawn"),
    ]
    graph = helper.make_graph(nodes, "odd", [X], [Y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "odd.onnx")
    message = r"not supported: operator GridSample \(node 'sampled' .*; operator Bernoulli \(node 'drawn'"
    with pytest.raises(nnmat.FileFormatError, match=message):
        load(tmp_path / "odd.onnx")
    nodes = [helper.make_node("GRU", ["X", "W", "R"], ["", "Y"], name="unit", hidden_size=4)]
    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, [5, "B", 4])
    W = [helper.make_tensor(name, TensorProto.FLOAT, [1, 12, 4], [0.0] * 48) for name in "WR"]
    graph = helper.make_graph(nodes, "odd", [X], [Y], W)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "odd.onnx")
    message = r"node 'unit' \(GRU\): linear_before_reset=0 is not supported. Supported: linear_before_reset=1"
    with pytest.raises(nnmat.FileFormatError, match=message):
        load(tmp_path / "odd.onnx", input_shape=(2, 4))


@pytest.mark.parametrize("shape", [(12, 12, 1), (1, 1, 12, 12), (1, 13, 12), 12, ((1, 12, 12), (1, 12, 12))])
def test_shapes_that_are_not_those_of_the_file(shape):
    with pytest.raises(nnmat.ShapeError, match=r"expected input_shape as the file has it, one sample of \(1, 12, 12\)"):
        load(FOLDER / "lenet_script.onnx", input_shape=shape)
    with pytest.raises(nnmat.ShapeError, match="expected input_shape as a tuple of positive integers"):
        load(FOLDER / "lenet_script.onnx", input_shape="a word")
