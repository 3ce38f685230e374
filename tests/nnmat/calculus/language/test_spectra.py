"""Eigenvalues and singular values: values by NumPy, signs that are nobody's word made one."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, ShapeError, derive, evaluate, matrix, vector
from nnmat.calculus.language import spectra as s

S, T = matrix("S", "N", "N", symmetric=True), matrix("T", "M", "N")
RNG = np.random.default_rng(3)
A, B = RNG.standard_normal((4, 4)), RNG.standard_normal((5, 3))
A = A + A.T


def test_eigenvalues_and_eigenvectors():
    values, vectors = evaluate(s.eigenvalues(S), S=A), evaluate(s.eigenvectors(S), S=A)
    assert np.allclose(values, np.linalg.eigvalsh(A))
    assert np.allclose((vectors * values) @ vectors.T, A)
    assert all(column[np.abs(column).argmax()] > 0 for column in vectors.T)


def test_singular_values():
    values, right = evaluate(s.singular_values(T), T=B), evaluate(s.right_singular(T), T=B)
    assert np.allclose(values, np.linalg.svd(B, compute_uv=False))
    assert np.allclose(np.linalg.norm(B @ right, axis=0), values)
    assert abs(evaluate(s.nuclear(T), T=B) - values.sum()) < 1e-12
    assert abs(evaluate(s.spectral(T), T=B) - values[0]) < 1e-12
    u, _, v = np.linalg.svd(B, full_matrices=False)
    assert np.allclose(evaluate(s.polar(T), T=B), u @ v)
    assert np.allclose(evaluate(s.dyad(T), T=B), np.outer(u[:, 0], v[0]))


def test_gaps():
    found = evaluate(s.gaps(vector("x", "N")), x=[1.0, 3.0, 7.0])
    assert np.allclose(found, [[0, 1 / 2, 1 / 6], [-1 / 2, 0, 1 / 4], [-1 / 6, -1 / 4, 0]])


def test_equal_values_have_a_value_and_no_gradient():
    """What a domain does not hold is refused at the point: equal eigenvalues, a rank that is too low."""
    x = vector("x", "N")
    equal, low = np.diag([1.0, 2.0, 2.0]), np.outer([1.0, 2.0], [1.0, 1.0])
    for f, wrt, at, said in [
        (x.T @ s.eigenvalues(S), S, {"S": equal, "x": [1.0, 2.0, 3.0]}, "eigenvectors: expected values that are all"),
        (s.nuclear(T), T, {"T": low}, "polar: expected singular values other than 0"),
        (s.spectral(T), T, {"T": np.eye(2)}, "dyad: expected one largest singular value"),
        (x.T @ s.singular_values(T), T, {"T": np.eye(3), "x": [1.0, 2.0, 3.0]}, "right_singular: expected values"),
    ]:
        assert np.isfinite(evaluate(f, **at))
        with pytest.raises(DomainError, match=said):
            evaluate(derive(f, wrt).gradient, **at)
    assert np.array_equal(evaluate(s.eigenvalues(S), S=equal), [1, 2, 2])


def test_what_is_refused():
    with pytest.raises(ShapeError, match="eigenvalues: expected a symmetric matrix, got T"):
        s.eigenvalues(matrix("T", "N", "N"))
    with pytest.raises(ShapeError, match="gaps: expected a column"):
        s.gaps(T)
    with pytest.raises(DomainError, match="expected at least as many rows as columns.*Take the transpose"):
        evaluate(s.singular_values(T), T=B.T)
