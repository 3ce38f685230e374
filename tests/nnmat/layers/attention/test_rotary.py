"""Rotary positions: orthogonal, and only differences of places count."""

import numpy as np
import pytest

from nnmat import ConfigError, MultiHeadAttention, RotaryEmbedding, ShapeError


def test_backward_is_the_rotation_back(rng):
    layer = RotaryEmbedding(2).build((5, 12), dtype=np.float64)
    X = rng.standard_normal((3, 5, 12))
    Y = layer.forward(X, training=True)
    np.testing.assert_allclose(layer.backward(Y), X, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose((Y**2).sum(axis=2), (X**2).sum(axis=2), rtol=1e-13)
    assert np.array_equal(Y[:, 0], X[:, 0])


def test_products_depend_on_the_difference_of_places(rng):
    layer = RotaryEmbedding().build((9, 6), dtype=np.float64)
    q, k = rng.standard_normal((2, 6))
    Q, K = (layer.forward(np.tile(v, (1, 9, 1)))[0] for v in (q, k))
    S = Q @ K.T
    for shift in (-2, 0, 3):
        diagonal = np.diagonal(S, shift)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12)


def test_what_is_refused():
    with pytest.raises(ShapeError, match=r"expected input of shape \(B, T, heads d\) with heads = 2 and an even d"):
        RotaryEmbedding(2).build((5, 6))
    with pytest.raises(ConfigError, match="expected heads of an even width for rotary=True, got 3"):
        MultiHeadAttention(6, 2, rotary=True)
    with pytest.raises(ConfigError, match="expected base as a finite number > 0"):
        RotaryEmbedding(1, base=0)
