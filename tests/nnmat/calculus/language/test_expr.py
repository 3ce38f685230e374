"""Expressions as objects: one for each, with arithmetic that checks its shapes."""

import copy
import pickle

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    ShapeError,
    derive,
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
        (lambda: A**x.T, r"\*\*: expected a number as exponent"),
        (lambda: x ** float("nan"), "expected a number as exponent, got nan"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()
