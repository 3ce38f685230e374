"""Functions of matrices: powers, exponential, logarithm, root, their derivatives along a direction; pseudo-inverse,
Cholesky factor, and the solution of a Sylvester equation."""

from fractions import Fraction
from math import isfinite
from numbers import Integral
from typing import Any

from ..dimensions import Dim, dim
from ..errors import ShapeError
from .assumptions import is_symmetric
from .expr import Expr, described, lift, node
from .operators import checked, made

DERIVATIVE = {"mpow": "mpow_frechet", "expm": "expm_frechet", "logm": "logm_frechet"}  # along a direction E


def exponent(n: Any) -> Dim:
    """The exponent of a matrix: a whole number, or a name that stands for one. Raises ShapeError."""
    whole = n.data if isinstance(n, Expr) and n.op in ("num", "dim") else n
    if isinstance(whole, float | Fraction) and isfinite(whole) and whole == int(whole):
        whole = int(whole)
    if isinstance(whole, Dim | Integral | str) and not isinstance(whole, bool):
        return dim(whole)
    raise ShapeError(
        f"power: expected a whole number or the name of one as exponent, got {n!s:.40}. "
        "Try power(A, 3), power(A, 'n'), sqrtm(A), or expm(p * logm(A))."
    )


def matrix_power(a: Expr, n: Any) -> Expr:
    """Aⁿ = A ⋯ A of a square matrix; n a whole number or the name of one. `A ** n` works element by element."""
    (a,) = checked("power", a)
    return node("mpow", (a,), exponent(n), a.shape)


def expm(a: Expr) -> Expr:
    """I + A + A²/2 + ⋯, the exponential of a square matrix; `exp` works element by element."""
    return made("expm", "expm", a)


def logm(a: Expr) -> Expr:
    """The logarithm of a square matrix without eigenvalues <= 0: expm(logm(A)) = A."""
    return made("logm", "logm", a)


def sqrtm(a: Expr) -> Expr:
    """The root of a square matrix without negative eigenvalues: sqrtm(A) @ sqrtm(A) = A."""
    return made("sqrtm", "sqrtm", a)


def power_frechet(a: Expr, e: Expr, n: Any) -> Expr:
    """The derivative of Aⁿ along E: Σ_{k<n} Aᵏ E Aⁿ⁻¹⁻ᵏ."""
    a, e = _pair("power_frechet", a, e)
    return node("mpow_frechet", (a, e), exponent(n), a.shape)


def expm_frechet(a: Expr, e: Expr) -> Expr:
    """The derivative of expm(A) along E, ∫₀¹ expm((1 - t)A) E expm(tA) dt."""
    a, e = _pair("expm_frechet", a, e)
    return node("expm_frechet", (a, e), None, a.shape)


def logm_frechet(a: Expr, e: Expr) -> Expr:
    """The derivative of logm(A) along E, ∫₀¹ (t(A - I) + I)⁻¹ E (t(A - I) + I)⁻¹ dt."""
    a, e = _pair("logm_frechet", a, e)
    return node("logm_frechet", (a, e), None, a.shape)


def _pair(who: str, a: Expr, e: Expr) -> tuple[Expr, Expr]:
    a, e = checked(who, a, e)
    if a.shape != e.shape:
        raise ShapeError(f"{who}: expected equal shapes, got {described(a)} and {described(e)}. Check the sizes.")
    return a, e


def along(f: Expr, a: Expr, e: Expr) -> Expr:
    """The derivative along E, at A, of the matrix function that the node `f` applies."""
    return node(DERIVATIVE[f.op], (a, e), f.data, a.shape)


def sylvester(a: Expr, b: Expr, c: Expr) -> Expr:
    """The X of A X + X B = C."""
    a, b, c = checked("sylvester", a, b, c)
    if b.shape[0] != b.shape[1] or c.shape != (a.shape[0], b.shape[0]):
        raise ShapeError(
            f"sylvester: expected A and B square and C with the rows of A and the columns of B, got {described(a)}, "
            f"{described(b)} and {described(c)}. It gives the X of A X + X B = C."
        )
    return node("sylvester", (a, b, c), None, c.shape)


def pinv(a: Expr) -> Expr:
    """The pseudo-inverse A⁺ (n, m). It has a derivative where the rank of A is the largest that it can have."""
    a = lift(a, "pinv")
    return node("pinv", (a,), None, (a.shape[1], a.shape[0]))


def pinv_full(a: Expr) -> Expr:
    """A⁺ of a matrix of the largest rank that it can have, as derivatives of A⁺ need it."""
    a = lift(a, "pinv_full")
    return node("pinv_full", (a,), None, (a.shape[1], a.shape[0]))


def symmetric(who: str, a: Expr) -> Expr:
    """An operand that has to be symmetric. Raises ShapeError where it is not known to be."""
    (a,) = checked(who, a)
    if not is_symmetric(a):
        raise ShapeError(
            f"{who}: expected a symmetric matrix, got {described(a)}, which is not known to be one. Declare it, as "
            f"matrix('S', 'N', 'N', symmetric=True) or --shape S=N,N,symmetric, or take (A + A.T)/2 or A.T @ A."
        )
    return a


def cholesky(a: Expr) -> Expr:
    """The lower triangular L of A = L Lᵀ, of a symmetric positive definite A."""
    a = symmetric("cholesky", a)
    return node("cholesky", (a,), None, a.shape)
