"""Positions: the rows of the table that are used, and the sinusoidal one."""

import numpy as np
import pytest

from nnmat import ConfigError, PositionalEmbedding, ShapeError


def test_rows_behind_the_sequence_get_no_gradient(rng):
    layer = PositionalEmbedding(6).build((4, 3), dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 4, 3))
    assert np.array_equal(layer.forward(X, training=True), X + layer.weight.value[:4])
    layer.weight.grad = np.ones((6, 3))
    assert np.array_equal(layer.backward(G, keep=True), G)
    np.testing.assert_allclose(layer.weight.grad[:4], G.sum(axis=0), rtol=1e-13)
    assert (layer.weight.grad[4:] == 0).all()
    layer.weight.grad = np.ones((6, 3))
    layer.backward(G, accumulate=True)
    assert (layer.weight.grad[4:] == 1).all()


def test_sinusoidal(rng):
    layer = PositionalEmbedding(kind="sinusoidal").build((5, 4), dtype=np.float64)
    P = layer.forward(np.zeros((1, 5, 4)))[0]
    t = np.arange(5)
    np.testing.assert_allclose(P, np.stack([np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)], axis=1))
    assert layer.parameters() == []


def test_what_is_refused():
    with pytest.raises(ShapeError, match=r"expected sequences of at most length = 3, got \(B, 4, 2\)"):
        PositionalEmbedding(3).build((4, 2))
    with pytest.raises(ShapeError, match=r"expected input of shape \(B, T, D\), got \(B, 4\)"):
        PositionalEmbedding().build((4,))
    with pytest.raises(ConfigError, match="expected kind as one of learned, sinusoidal, got 'other'"):
        PositionalEmbedding(kind="other")
    with pytest.raises(ConfigError, match="expected length as an integer"):
        PositionalEmbedding(0)
