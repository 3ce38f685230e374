"""Lion, step by step by its equations."""

import numpy as np
import pytest

from nnmat import ConfigError, Linear, Lion


def test_the_equations(rng):
    model = Linear(3, 2, bias=False).build((3,), dtype=np.float64)
    theta, m = model.flat_parameters.copy(), np.zeros(6)
    optimizer = Lion(model, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)
    for _ in range(5):
        model.flat_gradients[...] = g = rng.standard_normal(6) * [0, 1, 1, 1, 1, 1]
        optimizer.step()
        theta = (1 - 0.01 * 0.1) * theta - 0.01 * np.sign(0.8 * m + 0.2 * g)
        m = 0.95 * m + 0.05 * g
        np.testing.assert_allclose(model.flat_parameters, theta, rtol=1e-13)


def test_options():
    with pytest.raises(ConfigError, match=r"^Lion: expected betas\[0\] as a number from 0 to below 1, got 1"):
        Lion(Linear(3, 2).build((3,)), betas=(1, 0.9))
