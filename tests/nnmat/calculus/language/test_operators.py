"""Symbols and functions of matrices: what their constructors refuse, with the remedy."""

import re

import pytest

from nnmat.calculus import (
    ShapeError,
    det,
    diag,
    diagm,
    inner,
    inv,
    let,
    matrix,
    norm2,
    reshape,
    softmax,
    sum,
    trace,
    vector,
)
from nnmat.calculus.language.operators import kron_left, kron_right
from nnmat.calculus.language.signatures import SIGNATURES
from nnmat.calculus.language.vocabulary import known_functions

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


@pytest.mark.parametrize(
    ("make", "text"),
    [
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
        (lambda: kron_left(A, B, x.shape), r"kron_left: expected the first operand of shape \(M\*N, N\), got A"),
        (lambda: kron_right(A, B, x.shape), r"kron_right: expected the first operand of shape \(M\*N, N\), got A"),
        (lambda: matrix("1A", 2, 2), "symbol: expected a name, got '1A'"),
        (lambda: matrix("A", "M", "N", symmetric=True), "A: expected a square matrix as symmetric"),
        (lambda: matrix("A", 2, 2, sparse=True), "A: expected attributes among symmetric"),
        (lambda: let("1", A), "let: expected a name"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_a_hint_names_a_function_that_there_is():
    A, x = matrix("A", "M", "N"), vector("x", "M")
    for make, said in [
        (lambda: norm2(A), "norm2: expected a column, got A of shape .* Try frobenius"),
        (lambda: softmax(A), "Try softmax_rows for a matrix"),
        (lambda: diagm(A), "Try diag"),
        (lambda: diag(x), "Try diagm"),
        (lambda: inv(A), "Try A.T @ A, or another operand"),
    ]:
        with pytest.raises(ShapeError, match=said):
            make()
    for signature in SIGNATURES.values():
        if (signature.square or signature.columns) and signature.name != "outer":
            named = set(re.findall(r"[a-z]\w+(?=\(| for)", signature.hint))
            assert named <= set(known_functions()), signature.name
