"""Text that is no expression is refused, with the column."""

import pytest

from nnmat.calculus import ParseError, ShapeError, matrix, parse, vector
from nnmat.calculus.parsing.parser import parse_all


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("   ", 1, "expected an expression, got the end"),
        ("x.T @ A @ (y", 13, r"expected '\)' for the '\(' in column 11, got the end"),
        ("x.T @ A @ y)", 12, "expected an operator or the end, got '\\)'. One parenthesis too many"),
        ("x.T @ $", 7, r"got '\$'"),
        ("x y", 3, "expected an operator or the end, got 'y'"),
        ("x + ", 4, "got the end. An operator needs an operand"),
        ("exq(x)", 1, "expected a function, got 'exq'. Did you mean"),
        ("inner(x)", 1, "expected 2 arguments of inner, got 1"),
        ("sum(x, axes=1)", 13, "expected options among axis of sum, got axes"),
        ("sum(A, axis=1, axis=0)", 16, "expected each option once, got 'axis'"),
        ("trace(A, axis=1)", 15, "expected no options of trace, got axis"),
        ("tr(A)", 1, "tr: expected a square matrix, got shape"),
        ("trc(A)", 1, "expected a function, got 'trc'. Did you mean"),
        ("A @ inv(x)", 5, "inv: expected a square matrix"),
        ("2 + A @ A", 7, r"expected shapes that fit|expected as many columns"),
        ("ones(x/2)", 7, "expected a dimension"),
        ("2 * 1e400 * x", 5, "expected a number from 1e-308 to 1e308, got 1e400"),
        ("x + 0.01e-400", 5, "expected a number from 1e-308 to 1e308, got 0.01e-400"),
        ("ones(0)", 1, "expected a positive size, got 0"),
        ("x / 0", 3, "expected a divisor other than 0"),
        ("inv(A", 6, r"expected ',' or '\)'"),
        ("__import__('os')", 12, 'got "\'"'),
        ("x + conv_kernel(A, A, 2, 2)", 5, r"conv_kernel: expected a first operand of shape \(M - 1, N - 1\), got"),
        (
            "kron_left(A, A, 2, 3)",
            1,
            r"kron_left: expected a first operand of shape \(2\*M, 3\*N\), got shape \(M, N\)",
        ),
        ("xᵀAy", 2, "got 'ᵀ'. Write A @ B, A \\* B, A.T"),
        ("2 * x²", 6, "got '²'"),
        ("x +\n\ty y", 8, "got 'y'"),
        ("(" * 200 + "x" + ")" * 200, 101, "at most 100 parentheses"),
    ],
)
def test_text_errors_point_at_the_column(text, column, message):
    with pytest.raises(ParseError, match=message) as caught:
        parse(text, A=("M", "N"), x=("N",), y=("N",))
    assert caught.value.column == column
    assert str(caught.value).splitlines()[-1].index("^") - 4 == column - 1


def test_shapes_are_declared_in_any_of_these_ways():
    S = matrix("S", "N", "N", symmetric=True)
    e = parse("S @ x * a + b * ones(N)", S=S, x="N", a=(), b=(1,))
    assert {s.name: str(s.shape[0]) for s in e.free} == {"S": "N", "x": "N", "a": "1", "b": "1"}
    assert S in e.free
    with pytest.raises(ShapeError, match=r"expected the shape of x as \(\), \('N',\) or \('M', 'N'\), got \(1, 2, 3\)"):
        parse("x", x=(1, 2, 3))


def test_texts_over_common_names():
    found = parse_all([("h", "A @ x"), ("y", "exp(h)"), ("", "y.T @ h")])
    h, y = found["h"], found["y"]
    assert [s.name for s in sorted(found[""].free, key=lambda s: s.name)] == ["A", "x"]
    assert str(found[""]) == "yᵀh"
    assert found[""].inline() is y.inline().T @ h
    with pytest.raises(ParseError, match="quantities that were named before, got y. Name it first"):
        parse_all([("h", "y + x"), ("y", "exp(h)"), ("", "y")])


def test_named_expressions_stand_in_text():
    z = vector("z", "K")
    assert parse("h + h", {"h": z}) is z + z
    assert str(parse("W @ h", {"h": z}).shape[0]) == "M"


def test_a_sum_of_many_terms_needs_no_stack():
    e = parse("x" + " * exp(x)" * 5 + " + x" * 2000)
    assert (e.op, len(e.args)) == ("add", 2001)


@pytest.mark.parametrize("text", ["-" * 5000 + "x", "x" + ".T" * 5000])
def test_too_many_operators_are_refused(text):
    with pytest.raises(ParseError, match="too many operators. Name parts of it with let"):
        parse(text)
