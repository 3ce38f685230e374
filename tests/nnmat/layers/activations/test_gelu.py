"""GELU: exact values."""

import math

import numpy as np

from nnmat import GELU

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
