"""Every layer in ONNX, run by onnxruntime."""

import numpy as np
import pytest

import nnmat
from nnmat import (
    GELU,
    LSTM,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    LayerNorm,
    Linear,
    MaxPool2d,
    PositionalEmbedding,
    ReLU,
    Residual,
    Sequential,
    Tied,
    TransformerBlock,
)
from tests.extras import needs
from tests.nnmat.layers.test_all_layers import CASES, build, draw

pytestmark = needs("onnx", "onnxruntime")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from nnmat.onnx import save  # noqa: E402
from nnmat.onnx.writing.writer import WRITERS  # noqa: E402

NOT = {"expression by hand", "two inputs", "tied"}  # an inverse, and classes of tests
EXPORTED = sorted(set(CASES) - NOT)
SINGLE, DOUBLE = 1e-5, 1e-5  # of the largest output; of float64 onnxruntime runs some in float32


def outputs(path, X, layout="NHWC"):
    """What onnxruntime gives; images turned as the layout has them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    parts = X if isinstance(X, tuple) else (X,)
    turned = [np.moveaxis(A, -1, 1) if layout == "NCHW" and A.ndim == 4 else A for A in parts]
    names = [given.name for given in session.get_inputs()]
    Y = session.run(None, dict(zip(names, map(np.ascontiguousarray, turned), strict=True)))[0]
    return np.moveaxis(Y, 1, -1) if layout == "NCHW" and Y.ndim == 4 else Y


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", EXPORTED)
def test_every_layer_in_onnxruntime(name, layout, tmp_path, rng):
    layer = build(CASES[name], np.float32)
    found = save(layer, tmp_path / "model.onnx", layout=layout, progress=False)
    assert found.by.startswith("onnxruntime")
    assert found.difference < SINGLE * found.largest
    X = draw(layer, 5, rng, np.float32)  # another batch than that of the check
    Y = layer.forward(X, record=False)
    np.testing.assert_allclose(outputs(tmp_path / "model.onnx", X, layout), Y, rtol=0, atol=SINGLE * np.abs(Y).max())


@pytest.mark.parametrize("name", EXPORTED)
def test_every_layer_in_double_precision(name, tmp_path):
    layer = build(CASES[name], np.float64)
    found = save(layer, tmp_path / "model.onnx", progress=False)
    assert found.difference < DOUBLE * found.largest
    proto = onnx.load(tmp_path / "model.onnx")
    assert proto.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE


def test_all_public_layers_have_a_form():
    public = [getattr(nnmat.layers, name) for name in nnmat.layers.__all__]
    classes = {c for c in public if isinstance(c, type) and c is not nnmat.Layer}
    assert classes <= set(WRITERS)
    assert {CASES[name][0]().__class__ for name in EXPORTED} >= classes - {Tied}  # in the language model below


def cnn():
    parts = [Conv2d(1, 8, 3, padding=1), BatchNorm2d(), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3), GELU(), AvgPool2d(2)]
    return Sequential([*parts, Flatten(), Dropout(0.3), Linear(None, 32), ReLU(), Linear(32, 10)], (16, 16, 1))


def residual_network():
    def block(C):
        inside = [Conv2d(C, C, 3, padding=1, bias=False), BatchNorm2d(), ReLU(), Conv2d(C, C, 3, padding=1)]
        return Residual(Sequential([*inside, BatchNorm2d()]))

    down = Residual(Conv2d(8, 16, 3, stride=2, padding=1), Conv2d(8, 16, 1, stride=2))
    return Sequential([Conv2d(3, 8, 3), block(8), down, block(16), GlobalAvgPool2d(), Linear(16, 5)], (14, 14, 3))


def language_model():
    table = Embedding(30, 16)
    blocks = [TransformerBlock(16, 4, causal=True, rotary=True, feed_forward="gated", norm="rms") for _ in range(2)]
    return Sequential([table, PositionalEmbedding(12), *blocks, LayerNorm(), Tied(table, transpose=True)], (10,))


def recurrent_classifier():
    return Sequential([Embedding(20, 8), LSTM(8, 12), LSTM(12, 6, last=True), Add([None, Linear(6, 6)])], (9,))


@pytest.mark.parametrize("make", [cnn, residual_network, language_model, recurrent_classifier])
def test_whole_models_in_onnxruntime(make, tmp_path, rng):
    model = make()
    for A in model.buffers().values():
        if A.dtype.kind == "f":  # running figures that are not 0 and 1
            A[...] = rng.uniform(0.5, 2.0, A.shape)
    found = save(model, tmp_path / "model.onnx", progress=False)
    assert found.difference < SINGLE * found.largest
    X = draw(model, 7, rng, np.float32)
    Y = model.forward(X, record=False)
    np.testing.assert_allclose(outputs(tmp_path / "model.onnx", X), Y, rtol=0, atol=SINGLE * np.abs(Y).max())
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)


def test_what_the_file_says(tmp_path, capsys):
    found = save(cnn(), tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    said = {p.key: p.value for p in proto.metadata_props}
    assert said["nnmat.verified"] == str(found)
    assert capsys.readouterr().out == f"model.onnx: {found}\n"
    assert proto.producer_name == "nnmat"
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in shape] == ["B", 16, 16, 1]
    assert {t.name for t in proto.graph.initializer} >= {"0.weight", "0.bias", "1.running_mean", "11.bias"}
    save(cnn(), tmp_path / "first.onnx", layout="NCHW", progress=False)
    shape = onnx.load(tmp_path / "first.onnx").graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in shape] == ["B", 1, 16, 16]


def test_transposes_stand_at_the_ends_alone(tmp_path):
    save(residual_network(), tmp_path / "model.onnx", progress=False)
    kinds = [n.op_type for n in onnx.load(tmp_path / "model.onnx").graph.node]
    assert kinds.count("Transpose") == 1  # of the input; the pooling behind leaves rows


def test_what_cannot_be_written_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(nnmat.ConfigError, match=r"ends in .onnx, got .*model.npz"):
        save(cnn(), tmp_path / "model.npz")
    with pytest.raises(nnmat.BuildError, match="expected a built model"):
        save(Linear(3, 2), path)
    with pytest.raises(nnmat.ConfigError, match="expected verify as True or False, got 'no'"):
        save(cnn(), path, verify="no")
    with pytest.raises(FileNotFoundError, match="the folder .* does not exist"):
        save(cnn(), tmp_path / "missing" / "model.onnx", progress=True)
    with pytest.raises(nnmat.ConfigError, match="expected layout as one of NHWC, NCHW, got 'CHWN'"):
        save(cnn(), path, layout="CHWN")
    with pytest.raises(nnmat.ConfigError, match=r"got Added.*of a class of its own. Supported: .*Add.*Linear"):
        save(build(CASES["two inputs"], np.float32), path)
    with pytest.raises(nnmat.ConfigError, match=r"expected operators with a form in ONNX, got inv in Expression"):
        save(build(CASES["expression by hand"], np.float32), path)
    assert not path.exists()


def test_nothing_is_written_if_the_outputs_differ(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    save(cnn(), path, progress=False)
    before = path.read_bytes()
    monkeypatch.setitem(WRITERS, ReLU, lambda w, layer, X: w.by_entries(X, "Sigmoid"))
    with pytest.raises(nnmat.StateError, match=r"expected onnxruntime .* to give nnmat's outputs, got largest diff"):
        save(cnn(), path, progress=False)
    assert path.read_bytes() == before
    assert save(cnn(), path, verify=False) is None
    assert path.read_bytes() != before


def test_an_example_of_the_users(tmp_path, rng):
    model = cnn()
    X = rng.standard_normal((2, *model.input_shape)).astype(np.float32)
    found = save(model, tmp_path / "model.onnx", example=X, progress=False)
    assert found.largest == np.abs(model.forward(X)).max()
    with pytest.raises(nnmat.ShapeError, match="expected X of shape"):
        save(model, tmp_path / "model.onnx", example=X[..., 0])
