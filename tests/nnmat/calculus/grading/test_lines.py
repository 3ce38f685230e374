"""What a line is about, and what stands in it."""

import pytest

from nnmat.calculus import ParseError, matrix, vector
from nnmat.calculus.grading.lines import Known, split

A, x = matrix("A", "M", "N"), vector("x", "M")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("df = x.T @ x", "df"),
        ("  d f = x.T @ x", "df"),
        ("d(r) = x", "dr"),
        ("f = x", "f"),
        ("= x", ""),
        ("x.T @ x", ""),
        ("gradient = x", "gradient"),
        ("∇f = x", "gradient"),
        ("∇_A f = x", "gradient"),
        ("grad = x", "gradient"),
        ("G = x", "gradient"),
        ("df/dA = x", "gradient"),
        ("f' = x", "gradient"),
        ("r = A @ x", "r"),
    ],
)
def test_left_sides(text, about):
    assert split(text).about == about


@pytest.mark.parametrize("text", ["x y = x", "df =", "df = (x", "3 = x"])
def test_what_is_no_line(text):
    with pytest.raises(ParseError):
        split(text)


def test_columns_are_those_of_the_line():
    with pytest.raises(ParseError) as found:
        split("df = x @ @ x")
    assert found.value.column == 10
    known = Known({"A": A, "x": x}, A, ["M", "N"])
    line = split("df = x.T @ B")
    with pytest.raises(ParseError, match="expected names among A, x, or dA, got B") as found:
        known.expression(line.tree, line)
    assert found.value.column == 12


def test_differentials_and_sizes():
    known = Known({"A": A, "x": x}, A, ["M", "N"])

    def read(text):
        line = split(text)
        return known.expression(line.tree, line)

    assert read("dA") is read("d(A)")
    assert read("x.T @ dA").has_differential
    assert read("d(x.T @ A)").args == (x.T @ A,)
    assert str(read("M * x / dim(N)")) == str(read("dim(M) * x / dim(N)"))
    assert read("ones(M)").shape == x.shape
    known.define("r", x.T @ A)
    assert read("dr").shape == (x.T @ A).shape
