"""The values of a convolution against loops, and its adjoints against the definition of an adjoint."""

import numpy as np
import pytest

from nnmat.calculus.evaluation.windows import forward, input_adjoint, kernel_adjoint
from nnmat.calculus.language.convolution import setting_of

SETTINGS = [
    {},
    {"stride": 2},
    {"padding": (2, 1)},
    {"dilation": (2, 1)},
    {"stride": (3, 2), "padding": 1, "dilation": (1, 2)},
]


def by_loops(X, K, setting):
    """Σ_ab X_pad[i s + a δ, j s + b δ] K_ab."""
    (s, t), (p, q), (d, e) = setting
    padded = np.zeros((X.shape[0] + 2 * p, X.shape[1] + 2 * q))
    padded[p : p + X.shape[0], q : q + X.shape[1]] = X
    rows = (padded.shape[0] - (K.shape[0] - 1) * d - 1) // s + 1
    columns = (padded.shape[1] - (K.shape[1] - 1) * e - 1) // t + 1
    H = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for a in range(K.shape[0]):
                for b in range(K.shape[1]):
                    H[i, j] += padded[i * s + a * d, j * t + b * e] * K[a, b]
    return H


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_the_value(options):
    rng, setting = np.random.default_rng(0), setting_of(**options)
    X, K = rng.standard_normal((7, 8)), rng.standard_normal((3, 2))
    assert np.abs(forward(X, K, setting) - by_loops(X, K, setting)).max() < 1e-14


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_the_adjoints(options):
    """⟨H, X ⋆ K⟩ = ⟨F(H, K), X⟩ = ⟨G(H, X), K⟩ for every H, X, K."""
    rng, setting = np.random.default_rng(1), setting_of(**options)
    for _ in range(5):
        X, K = rng.standard_normal((7, 8)), rng.standard_normal((3, 2))
        value = by_loops(X, K, setting)
        H = rng.standard_normal(value.shape)
        whole = (H * value).sum()
        F, G = input_adjoint(H, K, X.shape, setting), kernel_adjoint(H, X, K.shape, setting)
        assert (F.shape, G.shape) == (X.shape, K.shape)
        assert abs((F * X).sum() - whole) < 1e-12
        assert abs((G * K).sum() - whole) < 1e-12
