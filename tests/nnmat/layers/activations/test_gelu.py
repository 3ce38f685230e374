"""GELU: exact values."""

import math

import numpy as np
import pytest

from nnmat import GELU, ConfigError

X = np.array([[-1000.0, -2.0, 0.0, 0.5, 1000.0]])
G = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])


def run(layer):
    layer.build((5,), dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(G)


def test_gelu_keeps_its_digits_far_to_the_left():
    Y, gX = run(GELU())
    phi = np.array([math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in X[0]])
    Phi = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in X[0]])
    np.testing.assert_allclose(Y[0], X[0] * Phi, rtol=1e-13)
    np.testing.assert_allclose(gX[0], G[0] * (Phi + X[0] * phi), rtol=1e-13)
    far = GELU().build((1,), dtype=np.float64).forward(np.array([[-9.0], [-37.0]]))
    np.testing.assert_allclose(far, [[-1.015729565358458e-18], [-37 * 0.5 * math.erfc(37 / math.sqrt(2))]], rtol=1e-12)


def test_gelu_by_tanh():
    with np.errstate(over="raise"):
        Y, gX = run(GELU("tanh"))
    U = math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * X**2)
    half = 0.5 * (1 + np.tanh(U))
    np.testing.assert_allclose(Y, X * half, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gX, G * (half + X * 2 * half * (1 - half) * slope), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("approximate", ["sigmoid", True, None])
def test_gelu_refuses(approximate):
    with pytest.raises(ConfigError, match=r"^GELU: expected approximate as 'none' or 'tanh', got"):
        GELU(approximate)


def test_gelu_config():
    assert GELU().config() == {}
    assert GELU(**GELU("tanh").config()).approximate == "tanh"
