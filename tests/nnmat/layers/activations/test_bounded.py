"""ReLU6 and Hardswish: exact values on both sides of each kink, and at it."""

import numpy as np

from nnmat import Hardswish, ReLU6

X = np.array([[-1000.0, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 6.0, 1000.0]])
G = np.arange(1.0, 10.0)[None]


def run(layer):
    layer.build((9,), dtype=np.float64)
    return layer.forward(X, record=True), layer.backward(G)


def test_relu6():
    Y, gX = run(ReLU6())
    np.testing.assert_array_equal(Y, [[0, 0, 0, 0, 1.5, 3, 4.5, 6, 6]])
    np.testing.assert_array_equal(gX, G * [0, 0, 0, 0, 1, 1, 1, 0, 0])


def test_hardswish():
    Y, gX = run(Hardswish())
    np.testing.assert_allclose(Y, [[0, 0, -0.375, 0, 1.125, 3, 4.5, 6, 1000]], rtol=1e-15)
    np.testing.assert_allclose(gX, G * [0, 0, 0, 0.5, 1, 1, 1, 1, 1], rtol=0, atol=1e-15)
