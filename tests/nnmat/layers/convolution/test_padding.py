"""Padding of convolutions: a layer of its own before one without padding computes the same."""

import numpy as np
import pytest

from nnmat import ConfigError, Conv1d, Conv2d, Pad, Sequential, ShapeError
from nnmat.layers.convolution.padding import Padding, ends_of_axis

CASES = [
    # padding, mode, and that of a layer Pad before it
    ("same", "zeros", ((1, 1), (0, 1))),
    ("same", "reflect", ((1, 1), (0, 1))),
    (((0, 2), (1, 0)), "zeros", ((0, 2), (1, 0))),
    ((2, 1), "circular", (2, 1)),
    (1, "replicate", 1),
    (1, "zeros", 1),
    ("valid", "circular", 0),
]


@pytest.mark.parametrize("method", ["auto", "im2col", "khat"])
@pytest.mark.parametrize(("padding", "mode", "same"), CASES)
def test_it_is_a_layer_before_it(padding, mode, same, method, rng):
    options = {"method": method, "padding": padding, "padding_mode": mode}
    layer = Conv2d(2, 3, (3, 2), **options).build((5, 6, 2), rng=1, dtype=np.float64)
    pad = Pad(same, {"zeros": "constant"}.get(mode, mode))
    chain = Sequential([pad, Conv2d(2, 3, (3, 2))], input_shape=(5, 6, 2), dtype=np.float64)
    chain.flat_parameters[...] = layer.flat_parameters
    X = rng.standard_normal((2, 5, 6, 2))
    Y = layer.forward(X, training=True)
    np.testing.assert_allclose(Y, chain.forward(X, training=True), atol=1e-13)
    G = rng.standard_normal(Y.shape)
    np.testing.assert_allclose(layer.backward(G), chain.backward(G), atol=1e-13)
    np.testing.assert_allclose(layer.flat_gradients, chain.flat_gradients, atol=1e-12)
    again = Conv2d(**layer.config())
    assert again.config() == layer.config()
    assert again.output_shape((5, 6, 2)) == layer.output_shape((5, 6, 2))


@pytest.mark.parametrize("size", range(1, 6))
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_keeps_the_size(size, dilation):
    assert Conv2d(1, 1, size, padding="same", dilation=dilation).output_shape((6, 9, 1)) == (6, 9, 1)
    assert Conv1d(1, 1, size, padding="same", dilation=dilation).output_shape((6, 1)) == (6, 1)


def test_zeros_at_equal_ends_are_left_to_the_kernels():
    own = Padding("Who", (1, 2), "zeros", (3, 3), (2, 2), (1, 1))
    assert (own.inside, own.explicit, own.given, own.factors((4, 4))) == ((1, 2), False, (1, 2), ())
    own = Padding("Who", ((1, 1), (2, 2)), "zeros", (3, 3), (2, 2), (1, 1))
    assert (own.inside, own.given) == ((1, 2), (1, 2))
    own = Padding("Who", ((1, 0), (2, 2)), "zeros", (3, 3), (2, 2), (1, 1))
    assert (own.inside, own.explicit, own.plane("Who", (4, 4))) == ((0, 0), True, (5, 8))
    assert ends_of_axis("Who", (1, 2)) == ((0, 0), (1, 2))
    assert ends_of_axis("Who", "same") == "same"


def test_refuses():
    with pytest.raises(ConfigError, match=r'^Conv2d: expected stride 1 with padding="same", got \(2, 1\)'):
        Conv2d(1, 1, 3, stride=(2, 1), padding="same")
    with pytest.raises(ConfigError, match=r"^Conv2d: unknown padding 'full'\. Known: same, valid, or numbers"):
        Conv2d(1, 1, 3, padding="full")
    with pytest.raises(ConfigError, match=r"^Conv1d: unknown padding_mode 'wrap'\. Known: zeros, reflect"):
        Conv1d(1, 1, 3, padding=1, padding_mode="wrap")
    with pytest.raises(ConfigError, match=r"^Conv1d: expected padding of at least 0, got \(1, -1\)"):
        Conv1d(1, 1, 3, padding=(1, -1))
    with pytest.raises(ShapeError, match=r'^Conv2d: expected "reflect" padding smaller than the image.* axis of 2'):
        Conv2d(1, 1, 3, padding=2, padding_mode="reflect").build((2, 5, 1))
    with pytest.raises(ShapeError, match=r"^Conv2d: expected a window that fits"):
        Conv2d(1, 1, 9, padding=((1, 0), (0, 0))).build((4, 9, 1))
