"""Where `*`, `/` and `**` of undeclared matrices are questions, and where they are not."""

import pytest

from nnmat.calculus import ParseError, parse
from nnmat.calculus.parsing.parser import parse_all


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("trace(A * B)", 9),
        ("logdet(A * B + C)", 10),
        ("trace(A * B) + x.T @ x", 9),
        ("frobenius(A * B)", 13),
        ("sum((A * B) ** 2)", 8),
        ("sum(exp(A * B))", 11),
        ("inner(C, A * B)", 12),
        ("sum(A / N)", 7),
        ("sum(x / n)", 7),
        ("sum(A @ B / N)", 11),
        ("det(A ** 2)", 7),
        ("A ** -1 @ x", 3),
        ("x.T @ (A @ B) ** 2 @ x", 15),
    ],
)
def test_a_question(text, column):
    with pytest.raises(ParseError, match=r"whether `.*` is meant element by element, got .* Declare") as caught:
        parse(text)
    assert caught.value.column == column
    parse(text, **{n: ("N", "N") for n in "ABCN"}, x=("N",), n=("N",))  # what is declared is meant as it stands


@pytest.mark.parametrize(
    "text",
    [
        "A * B + C",
        "sum(A * B)",
        "sum(A * exp(B) * C)",
        "x.T @ (A * B) @ y",
        "frobenius(C * (A - U @ V.T))",
        "sum(p * log(p / q))",
        "sum(A ** 2)",
        "sum(A) * trace(B)",
        "2 * A / alpha",
        "logdet(exp(A) @ (A * A))",
    ],
)
def test_no_question(text):
    parse(text)


def test_all_texts_are_one_in_this():
    with pytest.raises(ParseError, match="whether `\\*` is meant"):
        parse_all([("Z", "A * B"), ("", "frobenius(Z)")])
    parse_all([("Z", "A * B"), ("", "frobenius(Z @ C)")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(exp(X * beta))", "Write X @ beta for the matrix product"),
        ("X * beta", "Write X @ beta"),
        ("exp(x.T * beta) @ A", r"Write x.T @ beta"),
        ("x.T @ y / x.T @ x", r"which is \(\(x.T @ y\) / x.T\) @ x. Write \(x.T @ y\) / \(x.T @ x\)"),
    ],
)
def test_products_with_greek_names_and_quotients_of_products(text, message):
    with pytest.raises(ParseError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "text", ["beta * X", "(Q @ K.T) * tau", "x.T @ y / (x.T @ x)", "A @ x / alpha", "alpha * x.T @ y"]
)
def test_the_usual_ways_to_write_them_are_no_question(text):
    parse(text)
