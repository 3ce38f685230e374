"""Difference quotients beside a pole: none is taken across it."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, inv, logdet, matrix
from nnmat.calculus.differences import quotient
from nnmat.calculus.evaluator import Evaluation

X = matrix("X", 1, 1)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (inv(X), lambda x: -1 / x**2),
        (1 / X, lambda x: -1 / x**2),
        (X**-2, lambda x: -2 / x**3),
        (logdet(X), lambda x: 1 / x),
    ],
)
def test_a_quotient_says_how_far_it_is_off(f, slope):
    believed = 0
    for x in np.geomspace(1e-5, 1, 200):
        try:
            found, doubt = quotient(Evaluation({X: np.array([[x]])}, {}), X, np.ones((1, 1)), f)
        except DomainError:
            continue
        large = max(abs(found[0, 0]), abs(slope(x)))
        if doubt <= 1e-5 * large:
            believed += 1
            assert abs(found[0, 0] - slope(x)) <= 1e-6 * large + 10 * doubt
    assert believed > 50
