"""What an evaluation is given: shapes, sizes, attributes."""

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    DtypeError,
    ShapeError,
    dim,
    evaluate,
    matrix,
    ones,
    simplify,
    sum,
    trace,
    vector,
)
from nnmat.calculus.checking.sampling import draw
from nnmat.calculus.evaluation.binding import bind, lacking
from nnmat.errors import ConfigError

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


@pytest.mark.parametrize(
    ("word", "good", "bad"),
    [
        ("symmetric", [[1, 2], [2, 0]], [[1, 2], [3, 0]]),
        ("positive_definite", [[2, 1], [1, 2]], [[1, 2], [2, 1]]),
        ("diagonal", [[1, 0], [0, 2]], [[1, 0], [1, 2]]),
        ("orthogonal", [[0, 1], [-1, 0]], [[0, 1], [-2, 0]]),
        ("lower_triangular", [[1, 0], [2, 3]], [[1, 1], [2, 3]]),
        ("positive", [[1, 2], [3, 4]], [[1, 0], [3, 4]]),
        ("sums_to_one", [[0.25, 0.75], [1, 0]], [[0.25, 0.75], [1, 1]]),
    ],
)
def test_values_have_the_attributes_that_were_declared(word, good, bad):
    X = matrix("X", "N", "N", **{word: True})
    evaluate(trace(X), X=np.float32(good))
    with pytest.raises(DomainError, match=f"evaluate: expected X as it was declared, {word}, got an array that is not"):
        evaluate(trace(X), X=bad)


def test_the_rows_of_a_matrix_sum_to_one_even_if_they_have_one_entry():
    P, p = matrix("P", "B", "K", sums_to_one=True), vector("p", "B", sums_to_one=True)
    assert evaluate(simplify(P @ ones("K")), B=3, K=1).tolist() == [1, 1, 1]
    assert evaluate(sum(P), P=np.ones((3, 1))) == 3
    with pytest.raises(DomainError, match="expected P as it was declared, sums_to_one"):
        evaluate(sum(P), P=[[0.2], [0.3], [0.5]])
    assert evaluate(sum(p), p=[0.25, 0.25, 0.5]) == 1
    assert lacking(P, draw(P, {"B": 3, "K": 1}, 0, np.random.default_rng(0))) == []


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: evaluate(x.T @ A @ y, x=[1.0], A=np.ones((1, 2))), "evaluate: expected a value for y, got none"),
        (lambda: evaluate(x.T @ A @ y, x=np.ones(2), A=np.ones((3, 2)), y=np.ones(2)), "evaluate: expected . of shape"),
        (lambda: evaluate(trace(A @ ones("N", "M")), A=np.ones(3)), "evaluate: expected A of shape"),
        (lambda: evaluate(ones("N").T @ ones("N")), "evaluate: expected the size of N, got none. Pass N=3"),
        (lambda: evaluate(ones("N").T @ ones("N"), N=-2), "evaluate: expected N as an integer >= 1, got -2"),
        (lambda: evaluate(x.T @ x, x="abc"), "evaluate: expected x to hold real numbers, got dtype <U3"),
        (lambda: evaluate(x.T @ x, x=[1j]), "evaluate: expected x to hold real numbers, got dtype complex128. Try"),
        (lambda: evaluate(x.T @ x, x=[]), "evaluate: expected x of shape"),
        (lambda: evaluate("x", x=1.0), "evaluate: expected an expression or a finite number, got str"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises((ShapeError, DtypeError, ConfigError), match=text):
        make()


def test_sizes_come_from_the_arrays_or_by_name():
    arrays, sizes = bind(A @ y + ones("M", 1) / dim("K"), {"A": np.ones((2, 3)), "y": [1, 2, 3], "K": 7})
    assert sizes == {"M": 2, "N": 3, "K": 7}
    assert {s.name: a.shape for s, a in arrays.items()} == {"A": (2, 3), "y": (3, 1)}
    assert all(a.dtype == np.float64 for a in arrays.values())


def test_a_size_that_is_computed_is_checked():
    B = matrix("B", dim("M") + 1, "N")
    with pytest.raises(ShapeError, match=r"expected B of shape \(M \+ 1, N\) with M = 2, N = 3, got \(2, 3\)"):
        bind(sum(B), {"M": 2, "B": np.ones((2, 3))})
    assert bind(sum(B), {"M": 2, "B": np.ones((3, 3))})[1] == {"M": 2, "N": 3}


def test_attributes_hold_as_far_as_float32_tells():
    S = matrix("S", "N", "N", symmetric=True)
    a = np.array([[1.0, 2.0], [2.0, 3.0]])
    assert lacking(S, a + 1e-7 * np.triu(a)) == []
    assert lacking(S, a + 1e-3 * np.triu(a)) == ["symmetric"]


def test_a_computed_size_is_checked_in_any_order_of_the_symbols():
    """Each name comes first once: what gives M may stand behind what needs it."""
    for first, second in (("A", "B"), ("B", "A"), ("a", "Z"), ("Z", "a")):
        longer, plain = matrix(first, dim("M") + 1, "N"), matrix(second, "M", "N")
        f = sum(longer) * sum(plain)
        with pytest.raises(
            ShapeError, match=rf"expected {first} of shape \(M \+ 1, N\) with M = 2, N = 3, got \(7, 3\)"
        ):
            evaluate(f, **{first: np.ones((7, 3)), second: np.ones((2, 3))})
        assert evaluate(f, **{first: np.ones((3, 3)), second: np.ones((2, 3))}) == 54
