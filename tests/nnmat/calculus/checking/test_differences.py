"""The judge: difference quotients beside a pole, points that have the attributes, gradients with a structure."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, UnverifiedError, derive, inv, logdet, matrix, parse
from nnmat.calculus.checking.differences import FIRST, compare, quotient
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.language.expr import number

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


@pytest.mark.parametrize("source", ["log(x - 5)", "(x - 3) ** 0.5", "log(-5 - x)"])
def test_a_domain_far_from_zero(source):
    assert derive(parse(f"sum({source})"), "x").error < 1e-6


@pytest.mark.parametrize("wrong", ["A", "A.T + ones(N, N) - ones(N, N)"])
def test_a_gradient_has_the_structure_of_its_variable(wrong):
    """Along symmetric directions A and (A + Aᵀ)/2 are the same: the quotients alone would let A pass."""
    A = matrix("A", "N", "N")
    for word in ("symmetric", "diagonal"):
        f = parse("trace(A @ S)", A=A, S=matrix("S", "N", "N", **{word: True}))
        S = next(s for s in f.free if s.name == "S")
        assert compare(f, derive(f, S).gradient, S) < 1e-6
        with pytest.raises(UnverifiedError, match="the structure of S"):
            compare(f, parse(wrong, A=A), S)
    f = parse("trace(A @ S)", A=A, S=matrix("S", "N", "N", symmetric=True))
    with pytest.raises(UnverifiedError, match="the structure of S"):
        compare(f, parse("A + A.T", A=A), next(s for s in f.free if s.name == "S"), entries=True)


@pytest.mark.parametrize("periods", [1, 2])
def test_first_steps_of_whole_periods_of_a_function(periods):
    f = parse(f"a + 1e-3 * sin({4 * np.pi * periods / FIRST:.12f} * a)", a=())
    (a,) = f.free
    assert compare(f, derive(f, a).gradient, a) < 1e-6
    with pytest.raises(UnverifiedError, match="got 1 from 1"):
        compare(f, number(1), a)
