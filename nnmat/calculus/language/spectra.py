"""Eigenvalues of symmetric matrices, singular values, and the norms that are made of these."""

from ..dimensions import ONE
from .expr import Expr, lift, node
from .matrix_functions import symmetric
from .operators import checked


def eigenvalues(a: Expr) -> Expr:
    """The eigenvalues of a symmetric matrix, in ascending order (n,). They have derivatives where they are distinct."""
    a = symmetric("eigenvalues", a)
    return node("eigenvalues", (a,), None, (a.shape[0], ONE))


def eigenvectors(a: Expr) -> Expr:
    """Q of A = Q Diag(λ) Qᵀ, λ the eigenvalues in ascending order; of each column the largest entry is positive."""
    a = symmetric("eigenvectors", a)
    return node("eigenvectors", (a,), None, a.shape)


def gaps(v: Expr) -> Expr:
    """The matrix of 1/(v_j - v_i), with zeros on the diagonal: how eigenvectors turn where eigenvalues are v."""
    (v,) = checked("gaps", v)
    return node("gaps", (v,), None, (v.shape[0], v.shape[0]))


def singular_values(a: Expr) -> Expr:
    """The singular values of a matrix with at least as many rows as columns, in descending order (n,).

    They have derivatives where they are distinct and not 0.
    """
    a = lift(a, "singular_values")
    return node("singular_values", (a,), None, (a.shape[1], ONE))


def right_singular(a: Expr) -> Expr:
    """V (n, n) of A = U Diag(σ) Vᵀ, in the order of `singular_values`; of each column the largest entry is positive."""
    a = lift(a, "right_singular")
    return node("right_singular", (a,), None, (a.shape[1], a.shape[1]))


def nuclear(a: Expr) -> Expr:
    """The nuclear norm, the sum of the singular values."""
    return node("nuclear", (lift(a, "nuclear"),))


def spectral(a: Expr) -> Expr:
    """The spectral norm, the largest singular value."""
    return node("spectral", (lift(a, "spectral"),))


def polar(a: Expr) -> Expr:
    """U Vᵀ of A = U Diag(σ) Vᵀ, where no singular value is 0: the gradient of the nuclear norm."""
    a = lift(a, "polar")
    return node("polar", (a,), None, a.shape)


def dyad(a: Expr) -> Expr:
    """u vᵀ of the largest singular value, where there is one such: the gradient of the spectral norm."""
    a = lift(a, "dyad")
    return node("dyad", (a,), None, a.shape)
