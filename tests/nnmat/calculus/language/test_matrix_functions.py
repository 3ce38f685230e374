"""Functions of matrices: values of known cases, and what the constructors refuse."""

from fractions import Fraction

import numpy as np
import pytest

from nnmat.calculus import ShapeError, dim, evaluate, matrix, parse, scalar
from nnmat.calculus.language import matrix_functions as f

A, B = matrix("A", "N", "N"), matrix("B", "M", "N")
P = matrix("P", "N", "N", positive_definite=True)
RNG = np.random.default_rng(1)
X = np.eye(4) + 0.3 * RNG.standard_normal((4, 4))


def test_an_exponent_is_a_whole_number_or_the_name_of_one():
    for given, wanted in [(3, 3), (-2, -2), (2.0, 2), (Fraction(4, 2), 2), ("n", "n"), (dim("n") + 1, dim("n") + 1)]:
        assert f.exponent(given) == dim(wanted)
    for given in (0.5, scalar("a"), True, None, float("nan"), float("inf")):
        with pytest.raises(ShapeError, match="power: expected a whole number or the name of one as exponent"):
            f.exponent(given)


def test_the_power_of_a_matrix_is_no_power_of_its_entries():
    assert np.allclose(evaluate(f.matrix_power(A, 3), A=X), X @ X @ X)
    assert np.allclose(evaluate(f.matrix_power(A, -2), A=X), np.linalg.inv(X @ X))
    assert np.allclose(evaluate(f.matrix_power(A, "n"), A=X, n=5), np.linalg.matrix_power(X, 5))
    assert np.array_equal(evaluate(f.matrix_power(A, "n"), A=X, n=0), np.eye(4))
    assert np.allclose(evaluate(A**3, A=X), X**3)


def test_functions_undo_one_another():
    assert np.allclose(evaluate(f.expm(f.logm(A)), A=X), X, rtol=1e-13)
    root = evaluate(f.sqrtm(A), A=X)
    assert np.allclose(root @ root, X, rtol=1e-13)
    factor = evaluate(f.cholesky(P), P=X @ X.T)
    assert np.allclose(factor @ factor.T, X @ X.T)
    assert np.array_equal(factor, np.tril(factor))
    tall = RNG.standard_normal((4, 2))
    plus = evaluate(f.pinv(B), B=tall)
    assert np.allclose(plus @ tall, np.eye(2))
    assert np.allclose(evaluate(f.pinv_full(B), B=tall), plus)


def test_sylvester():
    a, b, c = X, RNG.standard_normal((2, 2)) + 3 * np.eye(2), RNG.standard_normal((4, 2))
    e = f.sylvester(A, matrix("Z", "K", "K"), matrix("C", "N", "K"))
    found = evaluate(e, A=a, Z=b, C=c)
    assert np.allclose(a @ found + found @ b, c)


@pytest.mark.parametrize("name", ["power_frechet", "expm_frechet", "logm_frechet"])
def test_derivatives_along_a_direction(name):
    E, direction, h = matrix("E", "N", "N"), RNG.standard_normal((4, 4)), 1e-5
    along = f.power_frechet(A, E, 4) if name == "power_frechet" else getattr(f, name)(A, E)
    whole = f.matrix_power(A, 4) if name == "power_frechet" else getattr(f, name.removesuffix("_frechet"))(A)
    assert f.along(whole, A, E) is along
    ahead, behind = (evaluate(whole, A=X + step * direction) for step in (h, -h))
    assert np.allclose(evaluate(along, A=X, E=direction), (ahead - behind) / (2 * h), atol=1e-7)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: f.matrix_power(B, 2), "power: expected a square matrix, got B"),
        (lambda: f.expm_frechet(A, B), "expm_frechet: expected equal shapes, got A .* and B"),
        (lambda: f.sylvester(A, B, A), "sylvester: expected A and B square and C with the rows of A"),
        (lambda: f.cholesky(A), "cholesky: expected a symmetric matrix, got A .* not known to be one. Declare it"),
        (lambda: f.symmetric("eigenvalues", B), "eigenvalues: expected a square matrix"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_what_is_symmetric_by_its_form():
    for source in ("A.T @ A", "(A + A.T) / 2", "inv(P)", "expm(P)", "power(P, n)"):
        e = parse(source, A=A, P=P)
        assert f.symmetric("cholesky", e) is e


def test_exponents_by_whole_numbers_of_numpy():
    A = matrix("A", "N", "N")
    assert f.matrix_power(A, np.int64(3)) is f.matrix_power(A, 3)
