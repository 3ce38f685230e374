"""Stochastic gradient descent, step by step by its equations."""

import numpy as np
import pytest

from nnmat import SGD, ConfigError, Linear


@pytest.fixture
def model(rng):
    model = Linear(3, 2, bias=False).build((3,), dtype=np.float64)
    model.flat_parameters[...] = rng.standard_normal(6)
    return model


def steps(model, optimizer, rng, count=4):
    """The gradients of some steps, and the parameters after each."""
    gradients, values = [], []
    for _ in range(count):
        model.flat_gradients[...] = rng.standard_normal(6)
        gradients.append(model.flat_gradients.copy())
        optimizer.step()
        values.append(model.flat_parameters.copy())
    return gradients, values


@pytest.mark.parametrize(("momentum", "dampening", "nesterov"), [(0, 0, 0), (0.9, 0, 0), (0.9, 0.5, 0), (0.9, 0, 1)])
def test_the_equations(momentum, dampening, nesterov, model, rng):
    theta, v = model.flat_parameters.copy(), None
    options = {"momentum": momentum, "dampening": dampening, "nesterov": bool(nesterov)}
    for g, now in zip(*steps(model, SGD(model, lr=0.1, weight_decay=0.01, **options), rng), strict=True):
        d = g + 0.01 * theta
        v = d if v is None else momentum * v + (1 - dampening) * d
        theta = theta - 0.1 * (d + momentum * v if nesterov else v if momentum else d)
        np.testing.assert_allclose(now, theta, rtol=1e-13)


def test_nesterov_needs_momentum(model):
    with pytest.raises(ConfigError, match=r"^SGD: expected momentum > 0 and dampening = 0 with nesterov=True"):
        SGD(model, nesterov=True)
