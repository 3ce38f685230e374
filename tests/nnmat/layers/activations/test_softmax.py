"""What the sweep over all layers does not cover of softmax and its logarithm: Jacobians row by row, the axis."""

import numpy as np
import pytest

from nnmat import ConfigError, LogSoftmax, ShapeError, Softmax


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


def test_jacobian_of_the_logarithm(rng):
    layer = LogSoftmax().build((5,), dtype=np.float64)
    x = rng.standard_normal(5)
    y = layer.forward(x[np.newaxis])[0]
    np.testing.assert_allclose(y, np.log(Softmax().build((5,), dtype=np.float64).forward(x[np.newaxis])[0]), rtol=1e-14)
    J = jacobian(layer, x)  # row i of it is that of the i-th output
    np.testing.assert_allclose(J, np.eye(5) - np.exp(y), rtol=0, atol=1e-15)
    np.testing.assert_allclose(J.sum(axis=1), 0, atol=1e-15)


def test_a_row_that_is_nearly_sure_keeps_its_digits():
    Y = LogSoftmax().build((2,), dtype=np.float64).forward(np.array([[0.0, -50.0]]))
    np.testing.assert_allclose(Y, [[-np.exp(-50.0), -50.0]], rtol=1e-15)


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_another_axis_is_the_last_one_of_the_array_turned(kind, axis, rng):
    X, G = rng.standard_normal((2, 5, 2, 3, 4))
    turned = [np.moveaxis(A, axis, -1) for A in (X, G)]
    layer, rows = (kind(axis).build((2, 3, 4), dtype=np.float64), kind().build(turned[0].shape[1:], dtype=np.float64))
    Y, expected = layer.forward(X, record=True), rows.forward(turned[0], record=True)
    np.testing.assert_allclose(np.moveaxis(Y, axis, -1), expected, rtol=1e-13)
    np.testing.assert_allclose(np.moveaxis(layer.backward(G), axis, -1), rows.backward(turned[1]), rtol=0, atol=1e-14)
    assert kind(**layer.config()).axis == axis


@pytest.mark.parametrize("axis", [0, True, 1.0, "1", None, (1, 2)])
def test_axes_that_are_none(axis):
    with pytest.raises(ConfigError, match=r"^LogSoftmax: expected axis as an integer .*the axis of the batch.* Try -1"):
        LogSoftmax(axis)


@pytest.mark.parametrize("axis", [3, -3, 7])
def test_there_must_be_such_an_axis(axis):
    with pytest.raises(ShapeError, match=r"^Softmax: expected axis from 1 to 2, or from -2 to -1, .*\(B, 3, 4\), got"):
        Softmax(axis).build((3, 4))
