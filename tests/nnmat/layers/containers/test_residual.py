"""The residual connection."""

import numpy as np
import pytest

from nnmat import Add, ConfigError, Conv2d, Embedding, Linear, Residual, Sequential, ShapeError, Tanh


def test_it_is_the_sum_of_both_ways(rng):
    layer = Residual(Sequential([Linear(4, 4), Tanh()]), Linear(4, 4, bias=False)).build((4,), dtype=np.float64)
    twin = Add([Sequential([Linear(4, 4), Tanh()]), Linear(4, 4, bias=False)]).build((4,), dtype=np.float64)
    twin.flat_parameters[...] = layer.flat_parameters
    X, G = rng.standard_normal((2, 3, 4))
    np.testing.assert_allclose(layer.forward(X, training=True), twin.forward(X, training=True), rtol=1e-14)
    np.testing.assert_allclose(layer.backward(G), twin.backward(G), rtol=1e-14)
    np.testing.assert_allclose(layer.flat_gradients, twin.flat_gradients, rtol=1e-14)


def test_the_gradient_goes_past_the_block(rng):
    layer = Residual(Linear(4, 4)).build((4,), dtype=np.float64)
    layer.block.weight.value = np.zeros((4, 4))
    G = rng.standard_normal((3, 4))
    layer.forward(rng.standard_normal((3, 4)), training=True)
    assert np.array_equal(layer.backward(G), G)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"^Residual: expected a block that gives the shape of the shortcut, \(B, 4\)"):
        Residual(Linear(4, 3)).build((4,))
    Residual(Conv2d(3, 4, 3, 2, 1), Conv2d(3, 4, 1, 2)).build((6, 6, 3))
    for wrong in (Linear, None, 3):
        with pytest.raises(ConfigError, match=r"^Residual: expected layers"):
            Residual(wrong)
    with pytest.raises(ConfigError, match="it takes tokens, to which nothing can be added"):
        Residual(Embedding(3, 4), Embedding(3, 4)).build((2,))
