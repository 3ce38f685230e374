"""Dimensions: polynomials in names and floors, against whole numbers; and what is no dimension."""

import numpy as np
import pytest

from nnmat.calculus import ShapeError, derive, dim, logdet, matrix, ones, sum, vector
from nnmat.calculus.dimensions import ONE, show


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
        (n / 2 + np.float32(0.5) * x, "(N/2) 1 + (1/2) x"),
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


def test_sizes_are_those_of_whole_numbers():
    """Random sums, products and floors, against Python's integers."""
    rng = np.random.default_rng(0)
    sizes = {"M": 5, "N": 7, "K": 3}
    made = [(dim(name), value) for name, value in sizes.items()]
    for _ in range(300):
        (a, p), (b, q) = (made[i] for i in rng.integers(len(made), size=2))
        c = int(rng.integers(1, 5))
        d, value = [(a + b, p + q), (a - b, p - q), (a * b, p * q), (a + c, p + c), (a.floor_divided(c), p // c)][
            int(rng.integers(5))
        ]
        assert d.value(sizes) == value
        assert d.names <= set(sizes)
        if abs(value) < 10**6:
            made.append((d, value))
    assert all((a == b) <= (p == q) for a, p in made for b, q in made)


def test_equal_sizes_have_one_form():
    m, n = dim("M"), dim("N")
    assert (m + n) * (m - n) == m * m - n * n
    assert hash((m + 1) * 2) == hash(2 + m * 2)
    assert (n + 4).floor_divided(2) != (n + 2).floor_divided(2) + 1  # no rule for that: unknown counts as different
    assert dim("12") == dim(12)


def test_shapes_for_people():
    m, n = dim("M"), dim("N")
    assert [show(s) for s in ((ONE, ONE), (m, ONE), (ONE, n), (m, n + 1))] == ["()", "(M)", "(1, N)", "(M, N + 1)"]
