"""Operators of matrices at a point: values where only the derivative fails, refusals, and the pieces they note."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, derive, evaluate, gradient, matrix, parse, vector
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.evaluation.matrices import MATRICES

A, x = matrix("A", "N", "N"), vector("x", "N")


@pytest.mark.parametrize(
    ("source", "at", "value"),
    [
        ("norm2(x)", [0.0, 0.0], 0),
        ("norm2(x)", [3e200, 4e200], 5e200),
        ("norm2(x)", [3e-200, 4e-200], 5e-200),
        ("frobenius(x @ x.T)", [0.0, 0.0], 0),
        ("sum(sqrt(x))", [0.0, 4.0], 2),
        ("sum(x ** 0.5)", [0.0, 4.0], 2),
        ("sum(x ** 0)", [0.0, 4.0], 2),
        ("sum(abs(x))", [0.0, -4.0], 4),
        ("max(x)", [4.0, 4.0], 4),
        ("nuclear(x @ x.T)", [0.0, 0.0], 0),
        ("spectral(diagm(x))", [2.0, 2.0], 2),
        ("sum(pinv(x @ x.T))", [0.0, 0.0], 0),
        ("sum(eigenvalues(diagm(x)))", [2.0, 2.0], 4),
        ("sum(sqrtm(x @ x.T))", [0.0, 2.0], 2),
        ("sum(solve(diagm(x), x))", [1e7, 1e-7], 2),
        ("sum(inv(diagm(x)) @ x)", [1e200, 1e-200], 2),
        ("sum(maximum(x, 1))", [1.0, 2.0], 3),
        ("sum(norm2_rows(x @ x.T))", [0.0, 0.0], 0),
    ],
)
def test_a_value_where_the_derivative_may_fail(source, at, value):
    assert np.isclose(evaluate(parse(source, x="N"), x=at), value, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("source", "at", "said"),
    [
        ("norm2(x)", [0.0, 0.0], "expected divisors other than 0"),
        ("sum(sqrt(x))", [0.0, 4.0], "expected divisors other than 0"),
        ("sum(x ** 0.5)", [0.0, 4.0], "expected divisors other than 0"),
        ("max(x)", [4.0, 4.0], "max: expected one largest entry"),
        ("nuclear(diagm(x))", [1.0, 0.0], "polar: expected singular values other than 0"),
        ("spectral(diagm(x))", [2.0, 2.0], "dyad: expected one largest"),
        ("sum(maximum(x, 1))", [1.0, 2.0], "maximum: expected entries that differ"),
    ],
)
def test_a_gradient_that_is_not_there_is_refused_there(source, at, said):
    with pytest.raises(DomainError, match=said):
        evaluate(gradient(parse(source, x="N"), "x"), x=at)


@pytest.mark.parametrize(
    ("source", "array", "said"),
    [
        ("trace(inv(A))", np.ones((2, 2)), "inv: expected an invertible matrix, got a singular one in A"),
        ("trace(cholesky(A @ A.T - eye(N)))", np.eye(2), "cholesky: expected a positive definite matrix"),
        ("trace(logm(A))", -np.eye(2), "logm: expected a matrix without eigenvalues <= 0"),
        ("trace(power(A, -1))", np.ones((2, 2)), "power: expected an invertible matrix"),
        ("sum(A ** A)", -np.eye(2) / 2, r"\*\*: expected positive numbers under a power"),
        ("sum(gaps(diag(A)))", np.eye(2), "gaps: expected values that are all different"),
        ("trace(expm(A))", 1e9 * np.eye(2), "expm: expected a matrix whose exponential float64 holds"),
    ],
)
def test_points_outside_the_domain(source, array, said):
    with pytest.raises(DomainError, match=said):
        evaluate(parse(source, A=A), A=array)


def test_the_gradients_of_norms_of_any_size():
    g = derive(parse("norm2(x)"), "x").gradient
    for scale in (1e-200, 1.0, 1e200):
        assert np.allclose(evaluate(g, x=scale * np.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-14)


def test_names_that_unicode_holds_equal():
    """ϵ and ε, µ (micro) and μ: Python reads them so, as names of arguments."""
    assert evaluate(parse("2 * ϵ", ϵ=()), **{"ϵ": 1.5}) == evaluate(parse("2 * ε", ε=()), **{"ϵ": 1.5}) == 3
    assert evaluate(parse("2 * µ", **{"µ": ()}), **{"µ": 2.0}) == evaluate(parse("2 * μ", μ=()), **{"µ": 2.0}) == 4


def test_pieces_are_noted():
    """Between points of two pieces no difference quotient is looked at."""
    here = Evaluation({x: np.array([[1.0], [3.0], [2.0]])}, {"N": 3})
    here.value(parse("max(x) + sum(maximum(x, 2)) + sum(where(x - 2, x, 0))", x=x))
    assert [np.ravel(k).tolist() for k in here.kinks] == [[1], [-1, 1, 0], [-1, 1, 0]]


def test_a_derivative_needs_the_largest_rank():
    """Of a product that is as low as its inner size: its own largest rank."""
    d = derive(parse("sum(pinv(X @ Y))", X=("M", 2), Y=(2, "N")), "X")
    assert d.error < 1e-6
    low = np.outer([1.0, 2.0, 3.0], [1.0, 1.0])
    with pytest.raises(DomainError, match="pinv: expected a matrix of rank 2 for a derivative, got one of rank 1"):
        evaluate(gradient(parse("sum(pinv(X))", X=("M", "N")), "X"), X=low)


def test_every_operator_is_one_of_the_language():
    from nnmat.calculus.evaluation.evaluator import OPERATORS
    from nnmat.calculus.laws.differentials import LAWS

    assert set(MATRICES) <= set(OPERATORS)
    assert set(MATRICES) - set(LAWS) == {"commutation"}  # a constant
