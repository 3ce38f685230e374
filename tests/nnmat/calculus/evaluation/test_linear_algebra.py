"""Matrix functions against their definitions: series, eigenvalues, products of what they give."""

import math

import numpy as np
import pytest

from nnmat.calculus import DomainError
from nnmat.calculus.evaluation import linear_algebra as la

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((5, 5))
NEAR = np.eye(5) + 0.25 * RNG.standard_normal((5, 5))


def of_eigenvalues(f, x):
    values, vectors = np.linalg.eig(x)
    return ((vectors * f(values)) @ np.linalg.inv(vectors)).real


@pytest.mark.parametrize("size", [1e-3, 1.0, 8.0])
def test_the_exponential(size):
    x = size * NORMAL
    assert np.allclose(la.expm(x), of_eigenvalues(np.exp, x), rtol=1e-9, atol=1e-11 * np.exp(np.abs(x).max()))
    turn = size * np.array([[0.0, -1.0], [1.0, 0.0]])
    assert np.allclose(la.expm(turn), [[math.cos(size), -math.sin(size)], [math.sin(size), math.cos(size)]], rtol=1e-13)
    nilpotent = np.array([[0.0, size, 0.0], [0.0, 0.0, size], [0.0, 0.0, 0.0]])
    assert np.allclose(la.expm(nilpotent), np.eye(3) + nilpotent + nilpotent @ nilpotent / 2, rtol=1e-14)


def test_the_root_and_the_logarithm():
    for x in (NEAR, NEAR @ NEAR.T, 1e6 * NEAR, np.diag([1e-6, 1.0, 1e6]), np.array([[1.0, 5.0], [0.0, 1.0]])):
        root = la.sqrtm(x)
        assert np.allclose(root @ root, x, rtol=1e-9, atol=1e-12 * np.abs(x).max())
        assert np.allclose(la.expm(la.logm(x)), x, rtol=1e-9, atol=1e-9 * np.abs(x).max())
    assert np.allclose(la.logm(NEAR), of_eigenvalues(np.log, NEAR.astype(complex)), rtol=1e-10)
    assert np.allclose(la.logm(np.array([[1.0, 5.0], [0.0, 1.0]])), [[0, 5], [0, 0]], atol=1e-12)
    low = np.outer([1.0, 2.0], [1.0, 2.0])  # of rank one: a root, no logarithm
    assert np.allclose(la.sqrtm(low) @ la.sqrtm(low), low)


@pytest.mark.parametrize("x", [np.diag([1.0, -1.0]), np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 1.0]])])
def test_where_there_is_no_logarithm(x):
    with pytest.raises(DomainError, match="logm: expected a matrix without eigenvalues <= 0"):
        la.logm(x)
    if np.linalg.eigvals(x).real.min() < 0:
        with pytest.raises(DomainError, match="sqrtm: expected a matrix without"):
            la.sqrtm(x)


def test_an_exponential_that_float64_does_not_hold():
    with pytest.raises(DomainError, match="expm: expected a matrix whose exponential float64 holds"):
        la.expm(1e9 * np.eye(2))


def test_inverses_do_not_mind_the_scale():
    for x in (np.diag([1e7, 1e-7]), np.diag([1e150, 1e-150]), 1e-200 * NEAR, np.diag([1e100, 1.0]) @ NEAR[:2, :2]):
        assert not la.is_singular(la.balanced(x)[0])
        back = la.inverse(x, "inv")
        assert np.allclose(back @ x, np.eye(len(x)), atol=1e-9)
    for x in (np.ones((2, 2)), np.zeros((3, 3)), np.diag([1.0, 0.0]), np.outer([1e-9, 1.0], [1.0, 1e9])):
        assert la.is_singular(la.balanced(x)[0])
        with pytest.raises(DomainError, match="inv: expected an invertible matrix, got a singular one"):
            la.inverse(x, "inv")


def test_balancing_is_exact():
    x = np.exp(30 * RNG.standard_normal((4, 4)))
    s, r, c = la.balanced(x)
    assert np.array_equal(r[:, None] * s * c, x)
    assert np.array_equal(np.log2(r), np.round(np.log2(r)))
    assert np.abs(s).max() <= 2


def test_powers_and_signs():
    assert np.allclose(la.matrix_power(NEAR, -3, "power"), np.linalg.inv(NEAR @ NEAR @ NEAR))
    with pytest.raises(DomainError, match="power: expected an invertible matrix"):
        la.matrix_power(np.ones((2, 2)), -1, "power")
    assert la.sign_of_determinant(1e-200 * np.diag([1.0, -1.0, 1.0])) == -1
    assert la.sign_of_determinant(np.ones((2, 2))) == 0


def test_lengths_of_any_size():
    for scale in (1e-200, 1.0, 1e200):
        assert math.isclose(la.length(scale * np.array([[3.0], [4.0]])), 5 * scale, rel_tol=1e-15)
    assert la.length(np.zeros((2, 1))) == 0


def test_the_block_matrix_of_a_derivative():
    E, h = RNG.standard_normal((5, 5)), 1e-6
    found = la.expm(la.corner(NEAR, E))[:5, 5:]
    assert np.allclose(found, (la.expm(NEAR + h * E) - la.expm(NEAR - h * E)) / (2 * h), atol=1e-8)


def test_sylvester():
    b, c = RNG.standard_normal((2, 2)) + 3 * np.eye(2), RNG.standard_normal((5, 2))
    x = la.sylvester(NEAR, b, c)
    assert np.allclose(NEAR @ x + x @ b, c)
    with pytest.raises(DomainError, match="sylvester: expected A and -B without a common eigenvalue"):
        la.sylvester(np.eye(2), -np.eye(2), np.ones((2, 2)))


def test_the_pseudo_inverse():
    low = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    assert np.allclose(la.pseudo_inverse(low), np.linalg.pinv(low))
    assert np.array_equal(la.pseudo_inverse(np.zeros((2, 3))), np.zeros((3, 2)))
    with pytest.raises(DomainError, match="pinv: expected a matrix of rank 2 for a derivative, got one of rank 1"):
        la.pseudo_inverse(low, 2)


def test_signs_of_vectors_and_ties():
    vectors, largest = la.signed(np.array([[0.1, -0.9], [-0.8, 0.2]]))
    assert np.array_equal(vectors, [[-0.1, 0.9], [0.8, -0.2]])
    assert largest.tolist() == [1, 0]
    la.apart(np.array([1.0, 2.0]), "x")
    la.apart(np.array([1.0]), "x")
    with pytest.raises(DomainError, match="x: expected values that are all different, got a tie"):
        la.apart(np.array([2.0, 1.0, 2.0]), "x")
