"""The LSTM, step by step."""

import numpy as np

from nnmat import LSTM


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_its_equations(rng):
    layer = LSTM(3, 4, states=True).build(((5, 3), (4,), (4,)), dtype=np.float64)
    layer.in_proj.bias.value = b = rng.standard_normal(16)
    X, H, C = rng.standard_normal((2, 5, 3)), *rng.standard_normal((2, 2, 4))
    Y = layer.forward((X, H, C))
    for t in range(5):
        A = X[:, t] @ layer.in_proj.weight.value.T + b + H @ layer.weight.value.T
        i, f, g, o = np.split(A, 4, axis=1)
        C = sigmoid(f) * C + sigmoid(i) * np.tanh(g)
        H = sigmoid(o) * np.tanh(C)
        np.testing.assert_allclose(Y[:, t], H, rtol=1e-12)


def test_a_gate_that_forgets_nothing_keeps_the_cell(rng):
    layer = LSTM(2, 3, states=True).build(((4, 2), (3,), (3,)), dtype=np.float64)
    layer.flat_parameters[...] = 0
    layer.in_proj.bias.value = np.repeat([-50.0, 50.0, 0.0, 50.0], 3)
    C = rng.standard_normal((1, 3))
    Y = layer.forward((rng.standard_normal((1, 4, 2)), np.zeros((1, 3)), C), training=True)
    np.testing.assert_allclose(Y, np.broadcast_to(np.tanh(C)[:, None], Y.shape), rtol=1e-12)
