"""The GRU, step by step, in PyTorch's form."""

import numpy as np

from nnmat import GRU


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_its_equations(rng):
    layer = GRU(3, 4, states=True).build(((5, 3), (4,)), dtype=np.float64)
    layer.in_proj.bias.value, layer.bias.value = rng.standard_normal((2, 12))
    X, H = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 4))
    Y = layer.forward((X, H))
    for t in range(5):
        A = X[:, t] @ layer.in_proj.weight.value.T + layer.in_proj.bias.value
        U = H @ layer.weight.value.T + layer.bias.value
        r, z = sigmoid(A[:, :4] + U[:, :4]), sigmoid(A[:, 4:8] + U[:, 4:8])
        n = np.tanh(A[:, 8:] + r * U[:, 8:])
        H = (1 - z) * n + z * H
        np.testing.assert_allclose(Y[:, t], H, rtol=1e-12)


def test_without_biases():
    assert [p.name for p in GRU(3, 4, bias=False).build((5, 3)).parameters()] == ["weight", "in_proj.weight"]
