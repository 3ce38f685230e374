"""Adam and AdamW, step by step by their equations."""

import numpy as np
import pytest

from nnmat import Adam, AdamW, ConfigError, Linear


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


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_the_equations(kind, model, rng):
    (b1, b2), eps, lr, decay = (0.8, 0.95), 1e-6, 0.01, 0.1
    theta, m, v = model.flat_parameters.copy(), 0.0, 0.0
    found = steps(model, kind(model, lr=lr, betas=(b1, b2), eps=eps, weight_decay=decay), rng)
    for step, (g, now) in enumerate(zip(*found, strict=True), 1):
        d = g + decay * theta if kind is Adam else g
        m, v = b1 * m + (1 - b1) * d, b2 * v + (1 - b2) * d**2
        theta = theta if kind is Adam else (1 - lr * decay) * theta
        theta = theta - lr * (m / (1 - b1**step)) / (np.sqrt(v / (1 - b2**step)) + eps)
        np.testing.assert_allclose(now, theta, rtol=1e-13)


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_options(kind, model):
    with pytest.raises(ConfigError, match=rf"^{kind.__name__}: expected betas as two numbers, got 0\.9"):
        kind(model, betas=0.9)
    with pytest.raises(ConfigError, match=rf"^{kind.__name__}: expected betas\[1\] as a number from 0 to below 1"):
        kind(model, betas=(0.9, 1.0))
    with pytest.raises(ConfigError, match=rf"^{kind.__name__}: expected eps as a finite number > 0"):
        kind(model, eps=0)
    assert kind(model).config()["weight_decay"] == (0.0 if kind is Adam else 0.01)
