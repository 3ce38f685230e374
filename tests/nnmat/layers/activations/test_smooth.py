"""SiLU, Mish and softplus: exact values, far away too, and options."""

import numpy as np
import pytest

from nnmat import ConfigError, Mish, SiLU, Softplus

X = np.array([[-1000.0, -2.0, 0.0, 0.5, 1000.0]])
G = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])


def run(layer):
    layer.build((5,), dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(G)


def sigmoid(x):
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def test_silu():
    Y, gX = run(SiLU())
    np.testing.assert_allclose(Y, X * sigmoid(X), rtol=1e-14)
    np.testing.assert_allclose(gX, G * sigmoid(X) * (1 + X * sigmoid(-X)), rtol=1e-14)


def test_mish():
    Y, gX = run(Mish())
    T = np.tanh(np.logaddexp(0, X))
    np.testing.assert_allclose(Y, X * T, rtol=1e-14)
    np.testing.assert_allclose(gX, G * (T + X * (1 - T**2) * sigmoid(X)), rtol=1e-14)


@pytest.mark.parametrize("beta", [1.0, 0.3, 4.0])
def test_softplus(beta):
    Y, gX = run(Softplus(beta))
    np.testing.assert_allclose(Y, np.logaddexp(0, beta * X) / beta, rtol=1e-14)
    np.testing.assert_allclose(gX, G * sigmoid(beta * X), rtol=1e-14)


@pytest.mark.parametrize("beta", [0, -1, np.nan, np.inf, "1", None, True])
def test_softplus_refuses(beta):
    with pytest.raises(ConfigError, match=r"^Softplus: expected beta as a finite number"):
        Softplus(beta)


def test_config():
    assert Softplus(**Softplus(2.0).config()).beta == 2.0
