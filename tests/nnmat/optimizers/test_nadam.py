"""NAdam, step by step by its equations."""

import numpy as np
import pytest

from nnmat import ConfigError, Linear, NAdam


@pytest.mark.parametrize("decoupled", [False, True])
def test_the_equations(decoupled, rng):
    model = Linear(3, 2, bias=False).build((3,), dtype=np.float64)
    (b1, b2), eps, lr, decay, slope = (0.8, 0.95), 1e-6, 0.01, 0.1, 0.01
    theta, m, v, p = model.flat_parameters.copy(), 0.0, 0.0, 1.0
    optimizer = NAdam(model, lr, (b1, b2), eps, slope, decoupled, weight_decay=decay)
    for step in range(1, 6):
        model.flat_gradients[...] = g = rng.standard_normal(6)
        optimizer.step()
        d = g if decoupled else g + decay * theta
        m, v = b1 * m + (1 - b1) * d, b2 * v + (1 - b2) * d**2
        mu, coming = (b1 * (1 - 0.96 ** (k * slope) / 2) for k in (step, step + 1))
        p *= mu
        ahead = (1 - mu) * d / (1 - p) + coming * m / (1 - p * coming)
        theta = theta * (1 - lr * decay * decoupled) - lr * ahead / (np.sqrt(v / (1 - b2**step)) + eps)
        np.testing.assert_allclose(model.flat_parameters, theta, rtol=1e-13)
        assert optimizer.state()["product"] == pytest.approx(p, rel=1e-15)


def test_options():
    model = Linear(3, 2).build((3,))
    with pytest.raises(ConfigError, match=r"^NAdam: expected momentum_decay as a finite number >= 0, got -1"):
        NAdam(model, momentum_decay=-1)
    with pytest.raises(ConfigError, match=r"^NAdam: expected decoupled as True or False"):
        NAdam(model, decoupled=1)
