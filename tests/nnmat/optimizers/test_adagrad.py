"""Adagrad, step by step by its equations."""

import numpy as np
import pytest

from nnmat import Adagrad, ConfigError, Linear


@pytest.mark.parametrize("initial", [0.0, 0.5])
def test_the_equations(initial, rng):
    model = Linear(3, 2, bias=False).build((3,), dtype=np.float64)
    theta, v = model.flat_parameters.copy(), initial
    optimizer = Adagrad(model, lr=0.1, eps=1e-6, initial=initial, weight_decay=0.1)
    for _ in range(5):
        model.flat_gradients[...] = g = rng.standard_normal(6)
        optimizer.step()
        d = g + 0.1 * theta
        v = v + d**2
        theta = theta - 0.1 * d / (np.sqrt(v) + 1e-6)
        np.testing.assert_allclose(model.flat_parameters, theta, rtol=1e-13)


def test_options():
    model = Linear(3, 2).build((3,))
    with pytest.raises(ConfigError, match=r"^Adagrad: expected initial as a finite number >= 0, got -1"):
        Adagrad(model, initial=-1)
    with pytest.raises(ConfigError, match=r"^Adagrad: expected eps as a finite number > 0, got 0"):
        Adagrad(model, eps=0)
