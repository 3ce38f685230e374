"""The values of functions of matrices, of spectra, of largest entries and of blocks, with what is refused at a point.

Each takes the evaluation, the node and the arrays of its operands. A tie or a rank that is too low is refused where a
derivative is asked for (`at_max`, `eigenvectors`, `dyad`, `pinv_full`), not where only the value is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ..errors import DomainError, ShapeError
from ..language.expr import Expr, described, mul, negative
from . import linear_algebra as la

TIE = 1e-10  # relative: values as close as that are equal


class Place(Protocol):
    """Where an expression is evaluated: the sizes, and the pieces on which it is smooth."""

    sizes: Mapping[str, int]
    kinks: list[Any]

    def shape(self, e: Expr) -> tuple[int, int]: ...


def _scalar(value: float) -> np.ndarray:
    return np.array([[value]], dtype=np.float64)


def inverse(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    try:
        value = la.inverse(x, "inv")
    except DomainError as error:
        raise DomainError(f"{error} in {described(e)}. Try pinv or a ridge.") from None
    ev.kinks.append(la.sign_of_determinant(x))
    return value


def norm(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    if x.size == 1:
        ev.kinks.append(np.sign(x))
    return _scalar(la.length(x))


def _power(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    n = e.data.value(ev.sizes)
    if n < 0:
        ev.kinks.append(la.sign_of_determinant(x))
    return la.matrix_power(x, n, "power")


def _of_corner(f: Callable[[Place, Expr, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """The derivative of f at A along E, the upper right block of f of [[A, E], [0, A]]. E is scaled to the size of A,
    so that what it is does not change how the iterations of f run."""

    def value(ev: Place, e: Expr, a: np.ndarray, along: np.ndarray) -> np.ndarray:
        size = float(np.abs(along).max())
        by = max(float(np.abs(a).max()), 1e-3) / size if size > 0 else 1.0
        found = f(ev, e, la.corner(a, by * along))
        return found[: len(a), len(a) :] / by

    return value


def _pinv(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    value = la.pseudo_inverse(x, _largest_rank(ev, e.args[0]) if e.op == "pinv_full" else None)
    ev.kinks.append(np.linalg.matrix_rank(value))
    if x.shape[0] == x.shape[1]:
        ev.kinks.append(la.sign_of_determinant(x))
    return value


def _largest_rank(ev: Place, e: Expr) -> int:
    """The largest rank that an expression can have, by the sizes that its products pass through."""
    own = min(ev.shape(e))
    if e.op in ("matmul", "T", "ref", "inv") or (e.op == "mul" and sum(not a.is_scalar for a in e.args) == 1):
        return min([own, *(_largest_rank(ev, a) for a in e.args if not a.is_scalar)])
    return 1 if e.op == "ones" else own


def _cholesky(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        raise DomainError(
            f"cholesky: expected a positive definite matrix, got one that is not in {described(e)}."
        ) from None


def _eigenvectors(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((x + x.T) / 2)
    la.apart(values, "eigenvectors")
    vectors, largest = la.signed(vectors)
    ev.kinks.append(largest)
    return vectors


def _gaps(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    la.apart(x, "gaps")
    differences = x.T - x
    return np.divide(1.0, differences, out=np.zeros_like(differences), where=~np.eye(len(x), dtype=bool))


def _tall(e: Expr, x: np.ndarray) -> np.ndarray:
    if x.shape[0] < x.shape[1]:
        raise DomainError(
            f"{e.op}: expected at least as many rows as columns, got {x.shape} in {described(e)}. Take the transpose."
        )
    return x


def _singular_values(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    return np.linalg.svd(_tall(e, x), compute_uv=False)[:, None]


def _right_singular(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    _, s, v = np.linalg.svd(_tall(e, x))
    la.apart(s, "right_singular")
    vectors, largest = la.signed(v.T)
    ev.kinks.append(largest)
    return vectors


def _nuclear(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    if x.shape[0] == x.shape[1]:
        ev.kinks.append(la.sign_of_determinant(x))
    return _scalar(np.linalg.svd(x, compute_uv=False).sum())


def _polar(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    u, s, v = np.linalg.svd(x, full_matrices=False)
    if not s[-1] > TIE * s[0]:
        raise DomainError("polar: expected singular values other than 0, where the nuclear norm has a gradient, got 0")
    return u @ v


def _dyad(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    u, s, v = np.linalg.svd(x, full_matrices=False)
    if not s[0] > 0 or (len(s) > 1 and s[0] - s[1] <= TIE * s[0]):
        raise DomainError("dyad: expected one largest singular value, where the spectral norm has a gradient")
    return np.outer(u[:, 0], v[0])


def _axis(e: Expr) -> int | None:
    return None if e.data is None else 1


def _max(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    ev.kinks.append(np.asarray(x.argmax(axis=_axis(e))))
    return x.max(axis=_axis(e), keepdims=True)


def _without_minus(e: Expr) -> tuple[Expr, bool]:
    """x of -x, and whether it is that: the smallest entry is the largest of -x."""
    first = e.args[0] if e.op == "mul" else e
    minus = first.op == "num" and first.data < 0
    return (mul(*e.args[1:]) if first is not e and first.data == -1 else negative(e)) if minus else e, minus


def _at_max(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    found = (x == x.max(axis=_axis(e), keepdims=True)).astype(np.float64)
    if found.sum(axis=_axis(e)).max() > 1:
        operand, turned = _without_minus(e.args[0])
        who, which = ("min", "smallest") if turned else ("max", "largest")
        raise DomainError(
            f"{who}: expected one {which} entry, where {who} has a gradient, got a tie in {described(operand)}."
        )
    ev.kinks.append(np.asarray(x.argmax(axis=_axis(e))))
    return found


def _maximum(ev: Place, e: Expr, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ev.kinks.append(np.sign(a - b))
    return np.maximum(a, b)


def _greater(ev: Place, e: Expr, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if np.any(a == b):
        (x, turned), (y, _) = map(_without_minus, e.args)
        who = "minimum" if turned else "maximum"
        raise DomainError(f"{who}: expected entries that differ, for a gradient, got a tie of {x!s:.60} and {y!s:.60}.")
    ev.kinks.append(np.sign(a - b))
    return (a > b).astype(np.float64)


def _where(ev: Place, e: Expr, c: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ev.kinks.append(np.sign(c))
    return np.where(c > 0, a, b) + np.zeros(ev.shape(e))


def _xpow(ev: Place, e: Expr, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    x, p = np.broadcast_arrays(x, p)
    whole = p == np.floor(p)
    if np.any((x < 0) & ~whole) or np.any((x == 0) & (p < 0)):
        raise DomainError(f"**: expected positive numbers under a power, got {x.min():.3g} in {described(e)}.")
    ev.kinks.append(np.sign(x))
    return np.power(x, p)


def _commutation(ev: Place, e: Expr) -> np.ndarray:
    rows, columns = (d.value(ev.sizes) for d in e.data)
    return np.eye(rows * columns)[np.arange(rows * columns).reshape(rows, columns).T.ravel()]


def _block(ev: Place, e: Expr, inner: tuple[int, int], outer: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a block, which lies inside."""
    first = [d.value(ev.sizes) for d in e.data]
    if any(a < 0 or n < 1 or a + n > most for a, n, most in zip(first, inner, outer, strict=True)):
        raise ShapeError(f"evaluate: expected places inside a matrix {outer}, got {inner} from {tuple(first)} on.")
    return slice(first[0], first[0] + inner[0]), slice(first[1], first[1] + inner[1])


def _slice(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    return x[_block(ev, e, ev.shape(e), (x.shape[0], x.shape[1]))]


def _embed(ev: Place, e: Expr, x: np.ndarray) -> np.ndarray:
    value = np.zeros(ev.shape(e))
    value[_block(ev, e, (x.shape[0], x.shape[1]), ev.shape(e))] = x
    return value


MATRICES: dict[str, Callable[..., np.ndarray]] = {
    "inv": inverse,
    "norm": norm,
    "mpow": _power,
    "expm": lambda ev, e, x: la.expm(x),
    "logm": lambda ev, e, x: la.logm(x),
    "sqrtm": lambda ev, e, x: la.sqrtm(x),
    "mpow_frechet": _of_corner(_power),
    "expm_frechet": _of_corner(lambda ev, e, x: la.expm(x)),
    "logm_frechet": _of_corner(lambda ev, e, x: la.logm(x)),
    "sylvester": lambda ev, e, a, b, c: la.sylvester(a, b, c),
    "pinv": _pinv,
    "pinv_full": _pinv,
    "cholesky": _cholesky,
    "eigenvalues": lambda ev, e, x: np.linalg.eigvalsh((x + x.T) / 2)[:, None],
    "eigenvectors": _eigenvectors,
    "gaps": _gaps,
    "singular_values": _singular_values,
    "right_singular": _right_singular,
    "nuclear": _nuclear,
    "spectral": lambda ev, e, x: _scalar(np.linalg.svd(x, compute_uv=False)[0]),
    "polar": _polar,
    "dyad": _dyad,
    "max": _max,
    "at_max": _at_max,
    "maximum": _maximum,
    "greater": _greater,
    "where": _where,
    "xpow": _xpow,
    "commutation": _commutation,
    "slice": _slice,
    "embed": _embed,
    "hstack": lambda ev, e, *args: np.hstack(args),
    "vstack": lambda ev, e, *args: np.vstack(args),
}
