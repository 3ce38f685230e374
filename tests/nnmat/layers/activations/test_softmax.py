"""What the sweep over all layers does not cover of the softmax layer: its Jacobian, row by row."""

import numpy as np
import pytest

from nnmat import ShapeError, Softmax


def jacobian(layer, x):
    """∂p/∂x of one row: row i is backward of the i-th unit vector."""
    layer.forward(np.repeat(x[np.newaxis], x.size, axis=0), record=True)
    return layer.backward(np.eye(x.size)).copy()


def test_jacobian(rng):
    layer = Softmax().build((5,), dtype=np.float64)
    x = rng.standard_normal(5)
    p = layer.forward(x[np.newaxis])[0]
    J = jacobian(layer, x)
    np.testing.assert_allclose(J, np.diag(p) - np.outer(p, p), rtol=0, atol=1e-16)
    np.testing.assert_allclose(J.sum(axis=1), 0, atol=1e-16)
    np.testing.assert_allclose(J, J.T, atol=1e-16)
    assert np.linalg.eigvalsh(J).min() > -1e-16


def test_largest_eigenvalue_is_one_half():
    J = jacobian(Softmax().build((3,), dtype=np.float64), np.array([0.0, 0.0, -1000.0]))
    np.testing.assert_allclose(np.linalg.eigvalsh(J).max(), 0.5, rtol=1e-15)


def test_rows_are_the_last_axis(rng):
    layer = Softmax().build((2, 3, 4), dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 2, 3, 4))
    P = layer.forward(X, record=True)
    np.testing.assert_allclose(P.sum(axis=-1), 1, rtol=1e-15)
    gX = layer.backward(G)
    p, g = P[1, 0, 2], G[1, 0, 2]
    np.testing.assert_allclose(gX[1, 0, 2], (np.diag(p) - np.outer(p, p)) @ g, rtol=0, atol=1e-15)


def test_needs_a_row():
    with pytest.raises(ShapeError, match=r"^Softmax: expected input of shape \(B, \.\.\., M\), got \(B,\)"):
        Softmax().build(())
