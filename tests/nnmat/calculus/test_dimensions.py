"""Dimensions: polynomials in names and floors, against whole numbers; and what is no dimension."""

import numpy as np
import pytest

from nnmat.calculus import ShapeError, derive, dim, logdet, matrix, ones, sum, vector


def test_dimensions():
    n = dim("N")
    assert str((n + 2) * (n - 2)) == "N*N - 4"
    assert (n * 2 - n).value({"N": 7}) == 7
    assert str((n - 3).floor_divided(2) + 1) == "floor((N - 3)/2) + 1"
    assert (n - n).constant == 0
    assert vector("x", 2 * n - 1 + np.int64(3)).shape == vector("x", n * 2 + 2).shape
    assert str(-n + 1) == "-N + 1"


def test_a_dimension_is_a_scalar_on_either_side():
    n, x, S = dim("N"), vector("x", "N"), matrix("S", "D", "D", positive_definite=True)
    for f, form in [
        (n * logdet(S), "N log|S|"),
        (n - x.T @ x, "N - xᵀx"),
        (1 / n * sum(x), "sum(x)/N"),
        (sum(x) / (2 * n), "sum(x)/(2 N)"),
        (n / 2 + np.float32(0.5) * x, "N/2 + (1/2) x"),
        (n**2 * x, "N² x"),
    ]:
        assert str(f) == form
    assert str(derive(n * logdet(S), S).gradient) == "N S⁻¹"
    with pytest.raises(ShapeError, match="expression or a finite number beside N, got NoneType"):
        n * None


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: matrix("A", 2.5, 2), "dim: expected a name or a whole number, got 2.5"),
        (lambda: matrix("A", -3, 2), "dim: expected a positive size, got -3"),
        (lambda: ones(0), "dim: expected a positive size, got 0"),
        (lambda: matrix("A", "²", 2), "dim: expected a name or a whole number, got '²'"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()
