"""From trees to expressions, and dimensions that are written as text."""

import numpy as np
import pytest

from nnmat.calculus import ParseError, matrix
from nnmat.calculus.dimensions import ONE, dim
from nnmat.calculus.parsing.builder import build, no_function, size_of
from nnmat.calculus.parsing.grammar import tree_of

N = dim("N")
SHAPES = {"A": (N, N), "x": (N, ONE)}


def size(text):
    return size_of(tree_of(text), text)


@pytest.mark.parametrize(
    "text", ["M", "12", "M + N*2 - 3", "-(M - N) * (M + 1)", "floor(M/2)", "floor((M*N - 3)/4) + 1", "2 * floor(N/3)"]
)
def test_a_size_is_what_python_says(text):
    for seed in range(5):
        at = {name: int(v) for name, v in zip("MN", np.random.default_rng(seed).integers(1, 20, 2), strict=True)}
        wanted = eval(text.replace("/", "//"), {"floor": int, **at})
        assert size(text).value(at) == wanted


@pytest.mark.parametrize("text", ["M/2", "M ** 2", "2.5", "exp(M)", "floor(M)", "floor(M/N)", "M @ N", "M.T"])
def test_what_is_no_size(text):
    with pytest.raises(ParseError, match="expected a dimension") as caught:
        size(f"1 + {text}")
    assert caught.value.column >= 5


def test_names_are_symbols_of_their_shapes_unless_they_are_known():
    text = "A @ x"
    A, x = matrix("A", N, N), matrix("x", N, ONE)
    assert build(tree_of(text), text, SHAPES, {}) is A @ x
    S = matrix("A", N, N, symmetric=True)
    assert build(tree_of(text), text, SHAPES, {"A": S}) is S @ x


def test_an_error_of_a_constructor_points_at_its_call():
    text = "x + inv(x)"
    with pytest.raises(ParseError, match="inv: expected a square matrix, got x") as caught:
        build(tree_of(text), text, SHAPES, {})
    assert caught.value.column == 5


def test_a_call_that_makes_no_expression():
    text = "2 * floor(x)"
    with pytest.raises(ParseError, match="got 'floor'. It stands for a dimension only") as caught:
        build(tree_of(text), text, SHAPES, {})
    assert caught.value.column == 5
    assert str(no_function(tree_of(text).parts[1], text)) == str(caught.value)
