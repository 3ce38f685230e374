"""The plain recurrent network, step by step."""

import numpy as np

from nnmat import RNN


def test_its_equations(rng):
    layer = RNN(3, 4).build((5, 3), dtype=np.float64)
    layer.in_proj.bias.value = b = rng.standard_normal(4)
    Wx, Wh = layer.in_proj.weight.value, layer.weight.value
    X, G = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 5, 4))
    H = np.zeros((2, 6, 4))
    for t in range(5):
        H[:, t + 1] = np.tanh(X[:, t] @ Wx.T + b + H[:, t] @ Wh.T)
    np.testing.assert_allclose(layer.forward(X, training=True), H[:, 1:], rtol=1e-12)
    gX = layer.backward(G)
    delta, gWx, gWh, gb = np.zeros((2, 4)), 0, 0, 0
    for t in reversed(range(5)):
        delta = (G[:, t] + delta @ Wh) * (1 - H[:, t + 1] ** 2)
        gWx, gWh, gb = gWx + delta.T @ X[:, t], gWh + delta.T @ H[:, t], gb + delta.sum(axis=0)
        np.testing.assert_allclose(gX[:, t], delta @ Wx, rtol=1e-11)
    for p, right in ((layer.weight, gWh), (layer.in_proj.weight, gWx), (layer.in_proj.bias, gb)):
        np.testing.assert_allclose(p.grad, right, rtol=1e-11)
