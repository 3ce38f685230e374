"""Bounded and learned rectifiers, softmax along an axis, flattened axes, masks of channels against PyTorch, float64."""

import numpy as np
import pytest
import torch
from torch import nn

import nnmat
from nnmat import (
    Conv2d,
    Dropout2d,
    Flatten,
    Hardswish,
    Identity,
    Linear,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU6,
    Sequential,
    Softmax,
    convert,
)
from tests.judge.autograd import close, drawn, same_passes

SHAPES = [(), (37,), (5, 6), (3, 4, 5)]
SCALES = [0.1, 3.0, 100.0]


def theirs_of(module):
    return lambda x, p: module(x[0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Identity, nn.Identity), (ReLU6, nn.ReLU6), (Hardswish, nn.Hardswish), (Mish, nn.Mish)],
)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", SCALES)
def test_activations(ours, theirs, shape, scale, rng):
    layer, _ = drawn(ours(), shape, rng)
    same_passes(layer, scale * rng.standard_normal((7, *shape)), theirs_of(theirs()), {}, rng)


@pytest.mark.parametrize("kind", [ReLU6, Hardswish])
def test_kinks(kind, rng):
    layer, _ = drawn(kind(), (4,), rng)
    same_passes(layer, np.array([[-3.0, 0.0, 3.0, 6.0]]), theirs_of(getattr(nn, kind.__name__)()), {}, rng)


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5)])
def test_learned_slopes(channels, shape, rng):
    layer, values = drawn(PReLU(channels), shape, rng)
    X = rng.standard_normal((7, *shape))
    X[0] = 0  # at the kink, too

    def theirs(x, p):
        return nn.functional.prelu(x[0].movedim(-1, 1), p["slope"]).movedim(1, -1)

    same_passes(layer, X, theirs, values, rng)


@pytest.mark.parametrize(("kind", "theirs"), [(Softmax, nn.Softmax), (LogSoftmax, nn.LogSoftmax)])
@pytest.mark.parametrize(("shape", "axis"), [((37,), -1), ((5, 6), 1), ((5, 6), 2), ((3, 4, 5), -3), ((3, 4, 5), 2)])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_softmax_along_an_axis(kind, theirs, shape, axis, scale, rng):
    layer, _ = drawn(kind(axis), shape, rng)
    same_passes(layer, scale * rng.standard_normal((7, *shape)), theirs_of(theirs(dim=axis)), {}, rng)


@pytest.mark.parametrize("axes", [(1, -1), (1, 2), (2, 3), (3, 4), (-3, -2), (4, 4)])
def test_flatten(axes, rng):
    layer, _ = drawn(Flatten(*axes), (2, 3, 4, 5), rng)
    same_passes(layer, rng.standard_normal((7, 2, 3, 4, 5)), theirs_of(nn.Flatten(*axes)), {}, rng)


def test_channels_are_dropped_as_there(rng):
    """The masks are others; PyTorch's function with ours as its mask is the layer."""
    layer, _ = drawn(Dropout2d(0.4), (3, 4, 50), rng)
    stream = layer.buffers()["stream"]
    before = stream.copy()
    mask = torch.from_numpy(layer.forward(np.ones((9, 3, 4, 50)), training=True)[:, :1, :1].copy())
    stream[...] = before
    same_passes(layer, rng.standard_normal((9, 3, 4, 50)), lambda x, p: x[0] * mask, {}, rng)
    there = nn.Dropout2d(0.4)(torch.ones(9, 50, 3, 4, dtype=torch.float64)).numpy()
    assert set(np.unique(there)) == set(np.unique(mask.numpy())) == {0.0, 1 / (1 - 0.4)}
    assert all(len(np.unique(image[c])) == 1 for image in there for c in range(50))


def both_ways(model, make, X):
    """Outputs are equal after from_torch, and after to_torch into another module; images and sequences turned round."""
    module, other = make().double().eval(), make().double().eval()
    for p in module.parameters():
        p.data.uniform_(-1, 1)
    convert.from_torch(model, module)
    state = zip(other.state_dict(), convert.to_torch(model).values(), strict=True)
    other.load_state_dict({name: torch.from_numpy(A) for name, A in state})
    x = torch.from_numpy(np.moveaxis(X, -1, 1).copy())
    for twin in (module, other):
        close(np.moveaxis(model.forward(X), -1, 1), twin(x), "output")


def test_state_dicts(rng):
    """Slopes before and behind a Flatten of images, and sequences made of images."""
    X = rng.standard_normal((3, 5, 4, 3))

    def ours(*layers):
        return Sequential([*layers, Linear(None, 6)], input_shape=(5, 4, 3), dtype=np.float64)

    both_ways(
        ours(Conv2d(3, 2, 3), PReLU(2), Dropout2d(0.2), Flatten(), PReLU(None), PReLU()),
        lambda: nn.Sequential(
            nn.Conv2d(3, 2, 3), nn.PReLU(2), nn.Dropout2d(), nn.Flatten(), nn.PReLU(12), nn.PReLU(), nn.Linear(12, 6)
        ),
        X,
    )
    both_ways(
        ours(Flatten(1, 2), nnmat.BatchNorm1d(), Hardswish(), Flatten(), Mish()),
        lambda: nn.Sequential(
            nn.Flatten(2), nn.BatchNorm1d(3), nn.Hardswish(), nn.Flatten(), nn.Mish(), nn.Linear(60, 6)
        ),
        X,
    )
    both_ways(
        ours(Softmax(), LogSoftmax(2), Flatten()),
        lambda: nn.Sequential(nn.Softmax(dim=1), nn.LogSoftmax(dim=-1), nn.Flatten(), nn.Linear(60, 6)),
        X,
    )
    gray = Sequential([Flatten(2, 3), nnmat.Conv1d(4, 2, 3), Flatten()], input_shape=(5, 4, 1), dtype=np.float64)
    assert list(convert.to_torch(gray)) == ["1.weight", "1.bias"]


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        (Softmax, lambda: nn.Softmax(dim=-1), "Softmax with dim=1, that of Softmax '0', got -1"),
        (lambda: Softmax(2), lambda: nn.Softmax(dim=2), "dim=3, that of Softmax '0', got 2"),
        (lambda: LogSoftmax(1), lambda: nn.LogSoftmax(dim=1), "dim=2, that of LogSoftmax '0', got 1"),
        (
            lambda: Flatten(1, 2),
            nn.Flatten,
            "start_dim=2 and end_dim=3, those of Flatten '0', got 1 and -1",
        ),
        (Flatten, lambda: nn.Flatten(2), "start_dim=1 and end_dim=3, those of Flatten '0', got 2 and -1"),
    ],
)
def test_modules_of_other_axes_are_refused(ours, theirs, text):
    model = Sequential([ours()], input_shape=(5, 4, 3))
    with pytest.raises(nnmat.ConfigError, match=rf"^from_torch: expected .*{text}\. It computes something else"):
        convert.from_torch(model, theirs())
