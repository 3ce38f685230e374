"""same() compares values; == compares what is written, and says so."""

import pytest

from nnmat.calculus import ShapeError, derive, inv, log, matrix, norm2, same, sum, trace, vector

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


def test_values_are_compared():
    G = derive(norm2(A @ y - x) ** 2, "y").gradient
    assert same(G, 2 * A.T @ (A @ y - x))
    assert same(2 * A.T @ A @ y - 2 * A.T @ x, G)
    assert not same(G, 2 * A.T @ (A @ y + x))
    assert same(inv(B @ B), inv(B) @ inv(B))
    assert not same(inv(B).T, inv(B))
    assert same(trace(A @ A.T), sum(A * A))
    assert not same(A, A.T)
    assert same(A, A)


def test_equality_says_what_it_compares():
    G = derive(norm2(A @ y - x) ** 2, "y").gradient
    other = 2 * A.T @ (A @ y) - 2 * A.T @ x
    assert other != G
    assert repr(other == G) == "False: == compares how expressions are written; same(a, b) compares their values"
    assert (A + A == A + A) is True
    assert (other != G) is True
    assert A not in [B, x]
    assert len({A, B, A + A, A + A}) == 3
    assert (A == 3) is False


def test_attributes_count():
    S = matrix("S", "N", "N", symmetric=True)
    assert same(S.T, S)
    with pytest.raises(ShapeError, match="one meaning of the name S"):
        same(S, matrix("S", "N", "N"))


def test_no_common_domain():
    with pytest.raises(Exception, match="expected 3 points where both are defined"):
        same(log(-(x * x)), log(-(x * x) - 1))
    with pytest.raises(ShapeError, match="expected an expression"):
        same(A, "A")
