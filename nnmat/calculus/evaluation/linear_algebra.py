"""Matrix functions in float64, by NumPy: inverses that do not mind the scale, exponential, logarithm, root, Sylvester.

Each takes and gives arrays and raises DomainError where there is no value. `who` names the operator in the message.
"""

import math
from functools import cache

import numpy as np

from ..errors import DomainError

EPS = float(np.finfo(np.float64).eps)
TERMS = 13  # of the Padé approximant of the exponential


def balanced(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`x` as r[:, None] * s * c, rows and columns of s with entries of size about 1, scaled by powers of 2: exactly."""
    s, r, c = x, np.ones(x.shape[0]), np.ones(x.shape[1])
    for _ in range(3):
        for axis, scale in ((1, r), (0, c)):
            top = np.abs(s).max(axis=axis)
            by = np.ldexp(1.0, np.frexp(np.where(top > 0, top, 1.0))[1] - 1)
            scale *= by
            s = s / (by[:, None] if axis else by)
    return s, r, c


def is_singular(s: np.ndarray) -> bool:
    """Of a balanced matrix: it has no inverse, as far as float64 tells."""
    found = np.linalg.svd(s, compute_uv=False)
    return not found[-1] > 16 * len(s) * EPS * found[0]


def inverse(x: np.ndarray, who: str) -> np.ndarray:
    """x⁻¹, however the rows and columns of x are scaled."""
    try:
        value = np.linalg.inv(x)
        if np.abs(x).max() * np.abs(value).max() < 1e8:  # as it mostly is
            return value
    except np.linalg.LinAlgError:
        pass
    s, r, c = balanced(x)
    if is_singular(s):
        raise DomainError(f"{who}: expected an invertible matrix, got a singular one")
    return np.linalg.inv(s) / r / c[:, None]


def sign_of_determinant(x: np.ndarray) -> float:
    """The sign of |x|, which may be too small or too large for float64 itself."""
    return float(np.linalg.slogdet(x)[0])


def length(x: np.ndarray) -> float:
    """The root of the sum of the squares, which may themselves be too small or too large."""
    top = float(np.abs(x).max())
    return top * math.sqrt(float(((x / top) ** 2).sum())) if top > 0 else 0.0


def matrix_power(x: np.ndarray, n: int, who: str) -> np.ndarray:
    """xⁿ for a whole n, the power of the inverse where n is negative."""
    return np.linalg.matrix_power(inverse(x, who) if n < 0 else x, abs(n))


def expm(x: np.ndarray) -> np.ndarray:
    """The exponential of a matrix: Padé's approximant of x / 2ᵏ, squared k times (Higham, 2005)."""
    size = float(np.abs(x).sum(axis=0).max())
    if not size < 1e5:
        raise DomainError("expm: expected a matrix whose exponential float64 holds, got a larger one")
    squarings = max(0, math.ceil(math.log2(size / 4))) if size > 4 else 0
    a = x / 2.0**squarings
    term = np.eye(len(x))
    above, below = term.copy(), term.copy()
    factor = 1.0
    for k in range(1, TERMS + 1):
        factor *= (TERMS - k + 1) / (k * (2 * TERMS - k + 1))
        term = term @ a
        above += factor * term
        below += (-1) ** k * factor * term
    value = np.linalg.solve(below, above)
    for _ in range(squarings):
        value = value @ value
    return value


def _off_the_cut(x: np.ndarray, who: str) -> None:
    """No eigenvalue is a real number <= 0, where the logarithm and the root jump."""
    found = np.linalg.eigvals(x)
    size = float(np.abs(found).max())
    if (size == 0) or np.any((found.real <= 16 * len(x) * EPS * size) & (np.abs(found.imag) <= 1e-8 * size)):
        raise DomainError(f"{who}: expected a matrix without eigenvalues <= 0, got {found.real.min():.3g} among them")


def sqrtm(x: np.ndarray, who: str = "sqrtm") -> np.ndarray:
    """The root whose eigenvalues have positive real parts: by eigenvalues where x is symmetric, else by the iteration
    of Denman and Beavers in its product form. A symmetric matrix may have eigenvalues 0."""
    if np.abs(x - x.T).max() <= 4 * EPS * np.abs(x).max():
        values, vectors = np.linalg.eigh(x)
        if values[0] < -16 * len(x) * EPS * max(values[-1], 0.0):
            raise DomainError(f"{who}: expected a matrix without negative eigenvalues, got {values[0]:.3g}")
        return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    _off_the_cut(x, who)
    root, m, eye = x, x, np.eye(len(x))
    for k in range(60):
        scale = abs(np.exp(-np.linalg.slogdet(m)[1] / (2 * len(x)))) if k < 8 else 1.0
        if abs(scale - 1) < 1e-2:
            scale = 1.0
        back = np.linalg.inv(m)
        root = scale / 2 * root @ (eye + back / scale**2)
        m = (eye + (scale**2 * m + back / scale**2) / 2) / 2
        if np.abs(m - eye).max() < 4 * len(x) * EPS:
            break
    return root


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(12)


def logm(x: np.ndarray) -> np.ndarray:
    """The logarithm whose eigenvalues lie between -π and π: of the 2ᵏ-th root, which is near I, by Gauss's rule for
    ∫ X (I + t X)⁻¹ dt, times 2ᵏ (Higham, Functions of Matrices, ch. 11)."""
    _off_the_cut(x, "logm")
    eye, roots = np.eye(len(x)), 0
    while np.abs(x - eye).sum(axis=0).max() > 0.2 and roots < 60:
        x, roots = sqrtm(x, "logm"), roots + 1
    nodes, weights = _gauss()
    e = x - eye
    terms = (w / 2 * np.linalg.solve(eye + (t + 1) / 2 * e, e) for t, w in zip(nodes, weights, strict=True))
    return 2.0**roots * sum(terms, np.zeros_like(e))


def corner(a: np.ndarray, e: np.ndarray) -> np.ndarray:
    """[[A, E], [0, A]]: a function of it has f(A) on the diagonal and the derivative of f at A along E above it."""
    return np.block([[a, e], [np.zeros_like(a), a]])


def sylvester(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The X of A X + X B = C, by the linear system of its entries, rows first."""
    m, n = c.shape
    system = np.kron(a, np.eye(n)) + np.kron(np.eye(m), b.T)
    found = np.linalg.svd(system, compute_uv=False)
    if not found[-1] > 16 * len(system) * EPS * found[0]:
        raise DomainError("sylvester: expected A and -B without a common eigenvalue, got A X + X B = C without one X")
    return np.linalg.solve(system, c.ravel()).reshape(m, n)


def pseudo_inverse(x: np.ndarray, rank: int | None = None) -> np.ndarray:
    """x⁺; where `rank` is given, only of a matrix of this rank: near any other the pseudo-inverse is not continuous."""
    u, s, v = np.linalg.svd(x, full_matrices=False)
    kept = s > 16 * max(x.shape) * EPS * (s[0] if s[0] > 0 else 1.0)
    if rank is not None and kept.sum() != rank:
        raise DomainError(f"pinv: expected a matrix of rank {rank} for a derivative, got one of rank {kept.sum()}")
    return (v[kept].T / s[kept]) @ u[:, kept].T


def signed(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns with their entry of greatest size positive, and where these entries stand: the sign of an eigenvector
    is nobody's word."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs), largest


def apart(values: np.ndarray, who: str) -> None:
    """All values differ by more than rounding. Raises DomainError for a tie."""
    ordered = np.sort(values.ravel())
    if len(ordered) > 1 and np.diff(ordered).min() <= 1e-10 * np.abs(ordered).max():
        raise DomainError(f"{who}: expected values that are all different, got a tie")
