"""The likelihood of counts by its equations."""

import math

import numpy as np
import pytest

from nnmat import PoissonNegativeLogLikelihood
from nnmat.errors import ConfigError, LabelError


def test_value_and_gradient(rng):
    H, Y, s = rng.standard_normal((5, 3)), rng.poisson(2.0, (5, 3)), rng.random(5)
    loss = PoissonNegativeLogLikelihood()
    entries = np.exp(H) - Y * H
    assert loss.forward(H, Y, s) == pytest.approx((s[:, None] * entries).sum() / (3 * s.sum()), rel=1e-13)
    np.testing.assert_allclose(loss.backward(), s[:, None] * (np.exp(H) - Y) / (3 * s.sum()), rtol=1e-13)
    rates, loss = np.exp(H), PoissonNegativeLogLikelihood(log_input=False, eps=0)
    assert loss.forward(rates, Y, s) == pytest.approx((s[:, None] * entries).sum() / (3 * s.sum()), rel=1e-13)
    np.testing.assert_allclose(loss.backward(), s[:, None] * (1 - Y / rates) / (3 * s.sum()), rtol=1e-12, atol=1e-15)


def test_the_full_likelihood_is_nearly_that_of_the_distribution():
    y = np.array([[0.0], [1], [2], [10], [50]])
    L = PoissonNegativeLogLikelihood(full=True, reduction="none").forward(np.full((5, 1), math.log(3.0)), y)
    exact = [3 - k * math.log(3) + math.lgamma(k + 1) for k in y.ravel()]
    np.testing.assert_allclose(L.ravel(), exact, rtol=0, atol=0.05)  # of Stirling
    assert L[4, 0] == pytest.approx(exact[4], abs=2e-3)


def test_options_and_targets():
    who = "PoissonNegativeLogLikelihood"
    for options in ({"log_input": 1}, {"full": None}, {"eps": -1.0}, {"eps": np.inf}, {"reduction": "no"}):
        with pytest.raises(ConfigError, match=rf"^{who}: expected {next(iter(options))} as "):
            PoissonNegativeLogLikelihood(**options)
    with pytest.raises(LabelError, match=f"^{who}: expected finite targets from 0, got -1 in row 1"):
        PoissonNegativeLogLikelihood().check_targets(np.array([0, -1]), (1,))
    with pytest.raises(LabelError, match=f"^{who}: expected finite targets from 0, got -1.0 in row 0"):
        PoissonNegativeLogLikelihood().forward(np.zeros((1, 1)), np.array([-1.0]))
    assert PoissonNegativeLogLikelihood().config() == {"log_input": True, "full": False, "eps": 1e-8}
