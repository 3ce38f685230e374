"""log Γ and its derivative: known values, their recurrences, the ends."""

import math

import numpy as np
import pytest

from nnmat_kernels.expressions.special import digamma, log_gamma

EULER = 0.57721566490153286


@pytest.mark.parametrize(
    ("x", "value"),
    [
        (1.0, -EULER),
        (0.5, -EULER - 2 * math.log(2)),
        (2.0, 1 - EULER),
        (0.25, -EULER - math.pi / 2 - 3 * math.log(2)),
        (1.4616321449683623, 0.0),
        (1e10, math.log(1e10) - 0.5e-10),
        (1e-8, -1e8 - EULER),
        (math.inf, math.inf),
    ],
)
def test_values_of_the_derivative(x, value):
    assert digamma(x) == pytest.approx(value, rel=2e-15, abs=2e-15)


def test_it_is_the_derivative_and_has_its_recurrence():
    for x in np.random.default_rng(0).uniform(0.05, 30, 50):
        h = 1e-5 * x
        assert digamma(x) == pytest.approx((log_gamma(x + h) - log_gamma(x - h)) / (2 * h), rel=1e-7, abs=1e-7)
        assert digamma(x + 1) == pytest.approx(digamma(x) + 1 / x, rel=1e-14, abs=1e-14)
        assert log_gamma(x + 1) == pytest.approx(log_gamma(x) + math.log(x), rel=1e-13, abs=1e-13)


def test_outside_of_the_domain():
    for x in (-0.5, -2.0, math.nan, -math.inf):
        assert math.isnan(log_gamma(x))
        assert math.isnan(digamma(x))
    assert log_gamma(0.0) == math.inf
    assert math.isnan(digamma(0.0))
    assert log_gamma(math.inf) == math.inf
