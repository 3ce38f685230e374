"""Sigmoid and tanh: exact values."""

import numpy as np

from nnmat import Sigmoid, Tanh

X = np.array([[-1000.0, -2.0, 0.0, 0.5, 1000.0]])
G = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])


def run(layer):
    layer.build((5,), dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(G)


def test_sigmoid():
    with np.errstate(over="raise"):
        Y, gX = run(Sigmoid())
    np.testing.assert_allclose(Y, [[0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-0.5), 1]], rtol=1e-15)
    np.testing.assert_allclose(gX, G * Y * (1 - Y), rtol=1e-15)


def test_tanh():
    Y, gX = run(Tanh())
    np.testing.assert_allclose(Y, np.tanh(X), rtol=1e-15)
    np.testing.assert_allclose(gX, G / np.cosh(np.clip(X, -300, 300)) ** 2, rtol=1e-13, atol=1e-200)
