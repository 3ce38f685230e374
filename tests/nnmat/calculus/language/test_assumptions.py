"""What is assumed of an expression holds of its values; what does not hold is not assumed."""

import numpy as np
import pytest

from nnmat.calculus import evaluate, matrix, parse, vector
from nnmat.calculus.checking.sampling import draw
from nnmat.calculus.language.assumptions import (
    assumed,
    attributes,
    is_invertible,
    is_orthogonal,
    is_positive,
    is_symmetric,
    sums_to_one,
)

SYMBOLS = {
    s.name: s
    for s in (
        *(matrix(name, "N", "N") for name in ("A", "B")),
        matrix("S", "N", "N", symmetric=True),
        matrix("P", "N", "N", positive_definite=True),
        matrix("D", "N", "N", diagonal=True),
        matrix("Q", "N", "N", orthogonal=True),
        matrix("R", "N", "N", invertible=True),
        matrix("T", "N", "N", positive=True),
        matrix("W", "N", "N", sums_to_one=True),
        vector("x", "N"),
        vector("t", "N", positive=True),
        vector("p", "N", sums_to_one=True),
    )
}


def value(e, seed):
    rng = np.random.default_rng(seed)
    return evaluate(e, N=4, **{s.name: draw(s, {"N": 4}, 0, rng) for s in e.free})


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("S + D", True),
        ("S * P", True),
        ("A.T @ S @ A", True),
        ("A @ A.T", True),
        ("S @ S.T", True),
        ("A.T @ A.T.T", True),
        ("(A + 2 * B) + (A + 2 * B).T", True),
        ("exp(A @ B) * exp(A @ B).T", True),
        ("inv(A + B) @ inv(A.T + B.T)", True),
        ("(A + B).T @ diagm(x) @ (B + A)", True),
        ("A + B.T", False),
        ("S @ D @ S", True),
        ("P.T @ A.T @ S @ A @ P", True),
        ("inv(P)", True),
        ("diagm(x)", True),
        ("exp(S)", True),
        ("eye(N) + ones(N, N)", True),
        ("x.T @ A @ x", True),
        ("A", False),
        ("S @ P", False),
        ("A + A", False),
        ("A.T @ B @ A", False),
    ],
)
def test_symmetric(source, known):
    e = parse(source, **SYMBOLS)
    assert is_symmetric(e) == known
    a = np.atleast_2d(value(e, 0))
    assert np.allclose(a, a.T) == known


@pytest.mark.parametrize(
    ("source", "known"),
    [("R", True), ("R @ P", True), ("R.T", True), ("2 * Q", True), ("inv(A)", True), ("A", False), ("0 * R", False)],
)
def test_invertible(source, known):
    e = parse(source, **SYMBOLS)
    assert is_invertible(e) == known
    if known:
        assert abs(np.linalg.det(value(e, 1))) > 1e-6


@pytest.mark.parametrize(("source", "known"), [("Q", True), ("Q.T", True), ("S", False), ("2 * Q", False)])
def test_orthogonal(source, known):
    e = parse(source, **SYMBOLS)
    assert is_orthogonal(e) == known
    a = value(e, 2)
    assert np.allclose(a.T @ a, np.eye(4)) == known


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("T @ T", True),
        ("exp(x) + t", True),
        ("t ** -2", True),
        ("softmax(x)", True),
        ("3 * t", True),
        ("norm2(x)", True),
        ("dim(N) * t", True),
        ("x", False),
        ("-t", False),
        ("t - x", False),
        ("sin(t)", False),
    ],
)
def test_positive(source, known):
    e = parse(source, **SYMBOLS)
    assert is_positive(e) == known
    if known:
        assert all(np.all(value(e, seed) > 0) for seed in range(5))


@pytest.mark.parametrize(
    ("source", "known"),
    [("p", "column"), ("W", "rows"), ("softmax(x)", "column"), ("softmax_rows(A)", "rows"), ("x", None), ("2*p", None)],
)
def test_sums(source, known):
    e = parse(source, **SYMBOLS)
    assert sums_to_one(e) == known
    a = value(e, 3)
    if known:
        assert np.allclose(a.sum(axis=0 if known == "column" else 1), 1)


def test_only_symbols_have_attributes():
    assert attributes(SYMBOLS["P"]) == {"positive_definite"}
    assert attributes(SYMBOLS["P"] + SYMBOLS["A"]) == frozenset()


def test_shapes_found_from_use_are_remembered_with_what_was_read():
    e = parse("p.T @ Q @ (lambda * r)")
    assert assumed(e) == (["Q", "lambda", "p", "r"], ["lambda"])
    assert assumed(e + 1) == assumed(e)
    assert assumed(parse("p.T @ p", p="L")) == ([], [])
    Q, p = (next(s for s in e.free if s.name == name) for name in "Qp")
    assert assumed(Q @ Q.T) == assumed(p) == ([], [])
    assert parse("Q @ r") is not None  # of another text nothing changes
    assert assumed(e) == (["Q", "lambda", "p", "r"], ["lambda"])
    assert matrix("Q", *Q.shape) is Q
    assert assumed(e) == (["lambda", "p", "r"], ["lambda"])  # but it does if one of them is declared now
    part = parse("p.T @ Q @ (lambda * r)", Q=Q, **{"lambda": ()})
    assert part is e
    assert assumed(e) == (["p", "r"], [])
