"""Layer norm and RMS norm: what they make of rows."""

import numpy as np

from nnmat import LayerNorm, RMSNorm


def test_rows_have_mean_zero_and_variance_one(rng):
    X = 5 + 3 * rng.standard_normal((4, 3, 50))
    Y = LayerNorm().build((3, 50), dtype=np.float64).forward(X)
    np.testing.assert_allclose(Y.mean(axis=2), 0, atol=1e-13)
    np.testing.assert_allclose(Y.var(axis=2), 1, rtol=1e-4)
    Y = RMSNorm().build((3, 50), dtype=np.float64).forward(X)
    np.testing.assert_allclose((Y**2).mean(axis=2), 1, rtol=1e-4)


def test_the_gradient_is_orthogonal_to_what_changes_nothing(rng):
    """Adding a constant to a row changes nothing, and for small ε nor does a factor."""
    layer = LayerNorm(eps=1e-12).build((7,), dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 7))
    layer.forward(X, training=True)
    gX = layer.backward(G)
    np.testing.assert_allclose(gX.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((gX * (X - X.mean(axis=1, keepdims=True))).sum(axis=1), 0, atol=1e-9)


def test_an_offset_costs_no_digits(rng):
    X = rng.standard_normal((4, 64)).astype(np.float32)
    layer = LayerNorm().build((64,))
    far = (X + np.float32(1e4)).astype(np.float32)
    right = far.astype(np.float64)
    right = (right - right.mean(axis=1, keepdims=True)) / np.sqrt(right.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer.forward(far), right, atol=1e-5)


def test_constant_rows_stay_finite():
    layer = LayerNorm().build((3,), dtype=np.float64)
    Y = layer.forward(np.full((2, 3), 4.0), training=True)
    assert (Y == 0).all()
    assert np.isfinite(layer.backward(np.ones((2, 3)))).all()
