"""RMSProp, step by step by its equations."""

import numpy as np
import pytest

from nnmat import Linear, RMSProp


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


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_the_equations(centered, momentum, model, rng):
    alpha, eps, lr, decay = 0.9, 1e-6, 0.01, 0.1
    theta, v, a, b = model.flat_parameters.copy(), 0.0, 0.0, 0.0
    optimizer = RMSProp(model, lr, alpha, eps, centered, momentum, weight_decay=decay)
    for g, now in zip(*steps(model, optimizer, rng), strict=True):
        d = g + decay * theta
        v, a = alpha * v + (1 - alpha) * d**2, alpha * a + (1 - alpha) * d
        b = momentum * b + d / (np.sqrt(v - a**2 if centered else v) + eps)
        theta = theta - lr * b
        np.testing.assert_allclose(now, theta, rtol=1e-12)
