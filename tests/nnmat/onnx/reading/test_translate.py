"""Nodes as layers, one by one: what nnmat wrote itself, read back without its own notes."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs
from tests.nnmat.layers.test_all_layers import CASES, build, draw

pytestmark = needs("onnx")

import onnx  # noqa: E402

from nnmat.onnx import load, save  # noqa: E402

BACK = """linear / linear no bias / linear on sequences / conv / conv all options / conv depthwise / conv 1x1 /
conv im2col / transposed conv / transposed conv all options / transposed conv depthwise / conv same / conv circular /
conv of sequences / max pool / max pool overlapping / max pool dilated / max pool to the end / average pool /
average pool overlapping / global average pool / upsample / upsample bilinear / upsample corners / pad / pad reflect /
flatten / sigmoid / relu / leaky relu / gelu / gelu tanh / elu / silu / mish / relu6 / hardswish / prelu /
prelu by channels / softmax / softmax along an axis / log softmax / layer norm / batch norm / batch norm of images /
embedding / residual block / nested"""
# Images whose channels are first or last for all that their nodes show: they are taken for the former.
EITHER = {"flatten", "relu", "silu", "relu6", "prelu", "prelu by channels", "softmax along an axis"}
NAMES = [" ".join(name.split()) for name in BACK.split("/")]


IMAGES = [name for name in NAMES if len(CASES[name][1]) == 3]


@pytest.mark.parametrize(
    ("name", "layout"),
    [(name, "NHWC") for name in NAMES if name not in EITHER] + [(name, "NCHW") for name in IMAGES],
)
def test_layers_of_nodes(name, layout, tmp_path, rng):
    layer = build(CASES[name], np.float32)
    path = tmp_path / "m.onnx"
    save(layer, path, layout=layout, verify=False)
    proto = onnx.load(path)
    del proto.metadata_props[:]
    onnx.save(proto, path)
    twin = load(path, layers=True)
    X = draw(layer, 3, rng, np.float32)
    Y = layer.forward(X)
    np.testing.assert_allclose(twin.forward(X), Y, rtol=0, atol=1e-5 * np.abs(Y).max())
    assert sum(p.size for p in twin.parameters()) == sum(p.size for p in layer.parameters())


def test_rows_that_were_images_keep_their_order(tmp_path, rng):
    """A flattened image, normalised and multiplied: the file has the channels first, nnmat last."""
    model = nnmat.Sequential([nnmat.Conv2d(1, 3, 3), nnmat.Flatten(), nnmat.Linear(None, 4)], (6, 6, 1))
    path = tmp_path / "m.onnx"
    save(model, path, layout="NCHW", verify=False)
    proto = onnx.load(path)
    del proto.metadata_props[:]
    turned = next(n for n in proto.graph.node if n.op_type == "Transpose")
    proto.graph.node.remove(turned)  # as other libraries flatten: without turning the image
    flat = next(n for n in proto.graph.node if n.op_type == "Flatten")
    flat.input[0] = turned.input[0]
    onnx.save(proto, path)
    twin = load(path, layers=True)
    assert [layer.kind for layer in twin] == ["Conv2d", "Flatten", "Linear"]
    other = load(path)
    X = rng.standard_normal((2, 6, 6, 1)).astype(np.float32)
    Y = other.forward(np.ascontiguousarray(X.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(twin.forward(X), Y, rtol=0, atol=1e-5 * np.abs(Y).max())
    assert not np.allclose(model.forward(X), Y)
