"""Wrong input is refused before any work, with the place and the remedy."""

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    NotDerivable,
    ParseError,
    ShapeError,
    UnverifiedError,
    adjugate,
    conv,
    derive,
    det,
    diagm,
    elementwise,
    evaluate,
    exp,
    hessian_product,
    inner,
    inv,
    latex,
    let,
    log,
    matrix,
    norm2,
    ones,
    parse,
    relu,
    reshape,
    scalar,
    simplify,
    sin,
    softmax,
    sqrt,
    sum,
    trace,
    vector,
)
from nnmat.calculus.checking.sampling import draw
from nnmat.calculus.evaluation.binding import lacking
from nnmat.calculus.language.convolution import conv_input
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.operators import kron_left, kron_right
from nnmat.errors import ConfigError

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: A @ x,
            r"@: expected as many columns.* got A of shape \(M, N\) and x of shape \(M\). Did you mean the transp",
        ),
        (lambda: A @ scalar("a"), r"A scalar multiplies with `\*`"),
        (lambda: A + B, r"\+: expected equal shapes, got A of shape \(M, N\) and B of shape \(N, N\)"),
        (lambda: A * y.T, r"\*: expected equal shapes.*Try ones\(m\) @ b.T"),
        (lambda: A + A.T, "Did you mean the transpose of one"),
        (lambda: inv(A), r"inv: expected a square matrix, got A of shape \(M, N\)"),
        (lambda: trace(A), "trace: expected a square matrix"),
        (lambda: det(x), "det: expected a square matrix"),
        (lambda: softmax(A), "softmax: expected a column, got A .* Try softmax_rows"),
        (lambda: norm2(A), "norm2: expected a column"),
        (lambda: diagm(A), "diagm: expected a column"),
        (lambda: inner(A, B), "inner: expected equal shapes"),
        (
            lambda: reshape(A, "M", 3),
            r"expected A of shape \(M, N\) to have as many entries as \(M, 3\), got M\*N and 3\*M. Check the sizes",
        ),
        (lambda: sum(A, axis=2), "sum: expected axis as 0, 1 or None, got 2"),
        (lambda: conv(matrix("X", 2, 2), matrix("K", 3, 3)), "conv: expected a kernel no larger than the padded image"),
        (lambda: conv(A, B, stride=0), "conv: expected stride as an integer >= 1"),
        (
            lambda: conv_input(matrix("H", 3, 3), matrix("K", 2, 2), matrix("X", 3, 3).shape, conv(A, B).data),
            r"expected the first operand of shape \(2, 2\), got H of shape \(3, 3\) with K of shape \(2, 2\)",
        ),
        (lambda: kron_left(A, B, x.shape), r"kron_left: expected the first operand of shape \(M\*N, N\), got A"),
        (lambda: kron_right(A, B, x.shape), r"kron_right: expected the first operand of shape \(M\*N, N\), got A"),
        (lambda: A @ np.eye(3), "expected an expression or a finite number beside A, got ndarray"),
        (lambda: np.eye(3) @ A, "got ndarray"),
        (lambda: A * float("nan"), "finite number"),
        (lambda: A**x.T, r"\*\*: expected a number as exponent"),
        (lambda: matrix("1A", 2, 2), "symbol: expected a name, got '1A'"),
        (lambda: matrix("A", "M", "N", symmetric=True), "A: expected a square matrix as symmetric"),
        (lambda: matrix("A", 2, 2, sparse=True), "A: expected attributes among symmetric"),
        (lambda: matrix("A", 2.5, 2), "dim: expected a name or a whole number, got 2.5"),
        (lambda: matrix("A", -3, 2), "dim: expected a positive size, got -3"),
        (lambda: ones(0), "dim: expected a positive size, got 0"),
        (lambda: matrix("A", "²", 2), "dim: expected a name or a whole number, got '²'"),
        (lambda: let("1", A), "let: expected a name"),
        (lambda: elementwise("exp", np.exp, exp), "elementwise: expected a new name, got 'exp'"),
        (
            lambda: derive(A @ y, "A"),
            r"derive: expected a scalar function, got Ay of shape \(M\). Pass its upstream gradient",
        ),
        (lambda: derive(A @ y, "A", G=y), "derive: expected G of the shape of Ay"),
        (lambda: derive(x.T @ A @ y, "B"), "derive: expected wrt among A, x, y, got 'B'. Check the spelling"),
        (lambda: derive(x.T @ A @ y, matrix("A", 2, 2)), "got another one of this name"),
        (lambda: derive(x.T @ A @ y, A @ y), "derive: expected wrt as a symbol or its name"),
        (lambda: derive(x.T @ A @ y, "A").check(trials=0), "check: expected trials as an integer >= 1, got 0"),
        (lambda: derive(x.T @ A @ y, "A", symmetric="yes"), "derive: expected symmetric as one of manifold, entries"),
        (
            lambda: derive(trace(B), "B", symmetric="entries"),
            "expected a symmetric variable for the gradient by free entries, got B .* Declare it symmetric=True",
        ),
        (lambda: hessian_product(x.T @ x, "x", y), "hessian_product: expected V of the shape of x"),
        (lambda: hessian_product(x.T @ x, "x", 2 * x), "without x, got 2 x .* Take a symbol for V"),
        (
            lambda: derive(sum(let("h", exp(x)) * let("h", sin(x))), "x"),
            r"expected one meaning of the name h, got the quantity exp\(x\) and the quantity sin\(x\). Rename one",
        ),
        (lambda: derive(sum(let("x", exp(x)) * x), "x"), "one meaning of the name x, got a symbol of .* and the quan"),
        (lambda: derive(trace(B) + trace(matrix("B", "N", "N", symmetric=True)), "B"), "one meaning of the name B"),
        (lambda: derive(sum(let("h", exp(x))), "h"), "got 'h'. The gradient of a named quantity stands in the chain"),
        (lambda: evaluate(x.T @ A @ y, x=[1.0], A=np.ones((1, 2))), "evaluate: expected a value for y, got none"),
        (lambda: evaluate(x.T @ A @ y, x=np.ones(2), A=np.ones((3, 2)), y=np.ones(2)), "evaluate: expected . of shape"),
        (lambda: evaluate(trace(A @ ones("N", "M")), A=np.ones(3)), "evaluate: expected A of shape"),
        (lambda: evaluate(ones("N").T @ ones("N")), "evaluate: expected the size of N, got none. Pass N=3"),
        (lambda: evaluate(ones("N").T @ ones("N"), N=-2), "evaluate: expected N as an integer >= 1, got -2"),
        (lambda: evaluate(x.T @ x, x="abc"), "evaluate: expected real numbers for x, got 'abc'"),
        (lambda: evaluate(x.T @ x, x=[1j]), "evaluate: expected real numbers for x"),
        (lambda: evaluate(x.T @ x, x=[]), "evaluate: expected x of shape"),
        (lambda: evaluate("x", x=1.0), "evaluate: expected an expression or a finite number, got str"),
        (lambda: latex(None), "latex: expected an expression"),
        (lambda: simplify("A"), "simplify: expected an expression"),
        (lambda: x ** float("nan"), "expected a number as exponent, got nan"),
        (lambda: elementwise("inv", np.exp, exp), "expected a new name, got 'inv': a function has it"),
        (lambda: elementwise("none", np.exp, 2), "expected value and derivative of none as functions"),
    ],
)
def test_shapes_and_names(make, text):
    with pytest.raises((ShapeError, ConfigError), match=text):
        make()


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
        ("tr(A)", 1, "expected a function, got 'tr'. Did you mean tril or trace"),
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


def test_a_function_of_the_user_takes_no_options():
    f = elementwise("sum_up", np.sin, lambda v: v)
    with pytest.raises(ParseError, match="expected no options of sum_up, got axis"):
        parse("sum_up(A, axis=1)")
    del FUNCTIONS[f.name]


def test_a_function_of_the_user_that_is_not_elementwise():
    f = elementwise("added_up", np.sum, lambda v: 1 + 0 * v)
    with pytest.raises(ShapeError, match=r"added_up: expected values of the shape of its argument, \(4, 1\), got \(\)"):
        derive(sum(f(x)), "x")
    del FUNCTIONS["added_up"]


@pytest.mark.parametrize(
    ("word", "good", "bad"),
    [
        ("symmetric", [[1, 2], [2, 0]], [[1, 2], [3, 0]]),
        ("positive_definite", [[2, 1], [1, 2]], [[1, 2], [2, 1]]),
        ("diagonal", [[1, 0], [0, 2]], [[1, 0], [1, 2]]),
        ("orthogonal", [[0, 1], [-1, 0]], [[0, 1], [-2, 0]]),
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


def test_numbers_that_float64_does_not_hold():
    for make in (lambda: 10**400 * x, lambda: derive(1e-200 * (1e-200 * x.T @ x), "x")):
        with pytest.raises(DomainError, match="number: expected numbers from 1e-308 to 1e308"):
            make()
    assert str(parse("2 ** 1000000000 * x")) == "2¹⁰⁰⁰⁰⁰⁰⁰⁰⁰ x"
    with pytest.raises(DomainError, match="finite values"):
        evaluate(parse("2.0 ** 1000000000 * x"), x=[1.0])


def test_points_outside_the_domain():
    v = vector("v", "N")
    for f, at, text in [
        (sum(log(v)), [1.0, -1.0], "log: expected points of its domain, got -1"),
        (sum(sqrt(v)), [1.0, -1.0], "sqrt: expected points of its domain"),
        (sum(1 / v), [1.0, 0.0], "expected divisors other than 0"),
        (sum(v**0.5), [1.0, -2.0], "expected positive numbers under the power 1/2"),
        (norm2(v), [0.0, 0.0], "norm: expected a vector other than 0"),
        (trace(inv(v @ v.T)), [1.0, 2.0], "inv: expected an invertible matrix, got a singular one"),
        (sum(exp(v)), [1.0, 1e4], "expected finite values"),
        (sum(v), [1.0, np.nan], "expected finite values for v, got NaN or infinity"),
    ]:
        with pytest.raises(DomainError, match=text):
            evaluate(f, v=at)


def test_what_is_refused_is_refused_with_node_and_reason():
    X = matrix("X", "N", "N")
    with pytest.raises(NotDerivable, match="the adjugate .* of a matrix that may be singular") as caught:
        derive(trace(adjugate(X)), "X")
    assert caught.value.node is adjugate(X)
    assert "singular" in caught.value.reason
    for word in ("constant", "orthogonal"):
        Q = matrix("Q", "N", "N", **{word: True})
        with pytest.raises(NotDerivable, match=f"Q: it is declared {word}"):
            derive(trace(Q @ X), Q)
    p = vector("p", "N", sums_to_one=True)
    with pytest.raises(NotDerivable, match="declared sums_to_one"):
        derive(p.T @ y, p)


def test_an_empty_domain_is_an_error_and_no_result():
    v = vector("v", "N")
    with pytest.raises(UnverifiedError, match="expected 3 points of the domain"):
        derive(sum(log(-exp(v))), "v")


def test_an_expression_too_deep_for_the_stack_is_refused():
    v = vector("v", "N")
    e = v
    for _ in range(150):
        e = relu(e * 0.5 + v)
    with pytest.raises(NotDerivable, match="nested deeper than Python's stack"):
        derive(sum(e), "v")


def test_zero_is_never_silent():
    v, w = vector("v", "N"), vector("w", "N")
    d = derive(v.T @ v + 0 * (w.T @ w), "w")
    assert str(d.gradient) == "0"
    assert d.steps  # there is a record of why
    with pytest.raises(ShapeError, match="expected wrt among v"):
        derive(v.T @ v, "w")


def test_kinks_are_kept_away_from():
    v = vector("v", "N")
    assert str(derive(sum(relu(v)), "v").gradient) == "step(v)"


def test_expressions_are_no_truth_values_and_no_sequences():
    with pytest.raises(TypeError, match="Expr: expected a question about numbers"):
        bool(x)
    with pytest.raises(TypeError, match="Expr: expected an operation on the whole matrix"):
        list(x)
