"""Expressions as objects: one for each, with arithmetic that checks its shapes."""

import copy
import pickle

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    ParseError,
    ShapeError,
    derive,
    dim,
    evaluate,
    inv,
    let,
    matrix,
    parse,
    scalar,
    sigmoid,
    sum,
    vector,
)
from nnmat.calculus.language.expr import (
    add,
    bottom_up,
    depending,
    dimensions,
    minus,
    nodes,
    ones,
    plus,
    replace,
    spread,
)

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


def test_one_object_for_each_expression():
    a, b = parse("x.T @ A @ y"), parse("x.T @ A @ y")
    assert a is b
    assert copy.deepcopy(a) is a
    assert pickle.loads(pickle.dumps(a)) is a
    assert parse("A * B + C").digest == parse("C + B * A", C=("M", "N")).digest


def test_names_stay_and_can_be_written_out():
    B, z = matrix("B", "N", "N"), vector("z", "N")
    h = let("h", inv(B) @ z)
    y = let("y", sigmoid(h))
    g = derive(sum(y), z).gradient
    assert str(g) == "B⁻ᵀ(y ⊙ (1 - y))"
    assert str(g.inline()) == "B⁻ᵀ(σ(B⁻¹z) ⊙ (1 - σ(B⁻¹z)))"
    assert str(g.inline(keep=["h"])) == "B⁻ᵀ(σ(h) ⊙ (1 - σ(h)))"


def test_numbers_that_float64_does_not_hold():
    for make in (lambda: 10**400 * x, lambda: derive(1e-200 * (1e-200 * x.T @ x), "x")):
        with pytest.raises(DomainError, match="number: expected numbers from 1e-308 to 1e308"):
            make()
    assert str(parse("2 ** 1000000000 * x")) == "2¹⁰⁰⁰⁰⁰⁰⁰⁰⁰ x"
    with pytest.raises(DomainError, match="finite values"):
        evaluate(parse("2.0 ** 1000000000 * x"), x=[1.0])


def test_expressions_are_no_truth_values_and_no_sequences():
    with pytest.raises(TypeError, match="Expr: expected a question about numbers"):
        bool(x)
    with pytest.raises(TypeError, match="Expr: expected an operation on the whole matrix"):
        list(x)


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
        (lambda: A @ np.eye(3), "expected an expression or a finite number beside A, got ndarray"),
        (lambda: np.eye(3) @ A, "got ndarray"),
        (lambda: A * float("nan"), "finite number"),
        (lambda: A**x.T, r"\*\*: expected equal shapes, got A of shape \(M, N\) and xᵀ of shape \(1, M\)"),
        (lambda: A ** "n", r"\*\*: expected a number as exponent, got n. Try 2, or a symbol"),
        (lambda: x ** float("nan"), "expected a number as exponent, got nan"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


@pytest.mark.parametrize("source", ["2 ** 2 ** 2 ** 2 ** 2 ** 2", "2 ** (0 - 5000)", "0 ** (0 - 1)", "(0 - 8) ** 0.5"])
def test_an_exponent_that_float64_does_not_hold(source):
    with pytest.raises(ParseError, match="expected a number as exponent that float64 holds"):
        parse(f"a ** ({source})")


def test_exponents_that_are_made_of_numbers_are_numbers():
    """As Python reads them: 2 ** 3 first."""
    for source, exponent in [("x ** 2 ** 3", 8), ("x ** (0.5 * 2)", 1), ("x ** (4 - 1)", 3), ("x ** 4 ** 0.5", 2)]:
        e = parse(source)
        assert (e.op, e.data) == ("pow", exponent)


def test_an_expression_as_exponent():
    a, b, n = scalar("a"), scalar("b"), vector("n", "N")
    assert [repr(e) for e in (a**b, 2**b, n ** (a + 1), y**y)] == ["a ** b", "2 ** b", "n ** (a + 1)", "y ** y"]
    assert evaluate(2**n, n=[0.0, 1.0, -1.0]).tolist() == [1, 2, 0.5]
    assert evaluate(n**b, n=[-2.0, 3.0], b=3).tolist() == [-8, 27]
    for base, exponent in ((-2.0, 0.5), (0.0, -1.0)):
        with pytest.raises(DomainError, match="expected positive numbers under a power"):
            evaluate(a**b, a=base, b=exponent)


def test_walks_meet_every_node_once():
    e = parse("exp(A @ x).T @ (A @ x) + x.T @ x", A=("N", "N"), x=("N",))
    found = list(nodes(e))
    assert len(found) == len(set(found))
    assert set(found) == everything(e)
    x = next(s for s in e.free if s.name == "x")
    ordered = depending(e, x)
    assert set(ordered) == {n for n in found if x in n.free}
    assert all(ordered.index(a) < ordered.index(n) for n in ordered for a in n.args if x in a.free)
    assert depending(parse("a"), x) == []


def everything(e):
    return {e}.union(*(everything(a) for a in e.args))


def test_bottom_up_passes_each_node_once_and_stops_where_it_is_told():
    e = parse("exp(x + y) * (x + y)", x=("N",), y=("N",))
    x = next(s for s in e.free if s.name == "x")
    left = []

    def leave(old, new):
        left.append(old)
        return new

    assert bottom_up(e, leave) is e
    assert len(left) == len(set(left)) == 5
    named = let("h", e.args[1])
    left.clear()
    assert str(bottom_up(e, leave, enter=lambda n: named if n.op == "add" else None)) == "exp(h) ⊙ h"
    assert x not in left
    assert replace(e, x, x * x) is parse("exp(x*x + y) * (x*x + y)", x=("N",), y=("N",))


def test_the_names_of_dimensions():
    assert dimensions(parse("A @ x / dim(B)", A=("M", dim("N") + 1))) == {"M", "N", "B"}


def test_a_walk_is_not_limited_by_the_stack():
    e = A
    for _ in range(5000):
        e = e.T
    assert len(list(nodes(e))) == 5001


def test_a_row_beside_a_matrix_stands_in_every_row():
    X, b = matrix("X", "B", "N"), vector("b", "N")
    assert X + b.T is add(X, ones("B") @ b.T)
    assert str(X + b.T) == "X + 1 bᵀ"
    assert str(b.T - X) == "1 bᵀ - X"
    assert str(X - b.T - b.T) == "X - 1 bᵀ - 1 bᵀ"
    values = {"X": np.arange(6.0).reshape(2, 3), "b": np.array([1.0, 2.0, 3.0])}
    assert np.array_equal(evaluate(X - b.T, **values), values["X"] - values["b"])
    assert derive(sum((X + b.T) * X), b).gradient.shape == b.shape
    for wrong in (lambda: X + b, lambda: X * b.T, lambda: X + vector("c", "K").T, lambda: b + b.T):
        with pytest.raises(ShapeError, match="expected equal shapes"):
            wrong()
    assert plus(X, b.T) is X + b.T
    assert minus(b.T, X) is b.T - X
    assert spread(b.T, b.T) == (b.T, b.T)


def test_expressions_are_not_compared_by_size():
    A = matrix("A", "M", "N")
    for compare in (lambda: A > 0, lambda: A < A, lambda: A >= 1, lambda: A <= 0):
        with pytest.raises(
            TypeError, match=r"expected a comparison of numbers, got one of expressions\. .*where\(A - B"
        ):
            compare()
