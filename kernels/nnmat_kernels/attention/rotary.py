"""Rotary positions: each pair of a head's numbers is turned by an angle that grows with its place in the sequence.

    [y_j       ]   [cos  -sin] [x_j       ]        angle of pair j at position t: t base^(-2j/d),  j < d/2
    [y_{j+d/2} ] = [sin   cos] [x_{j+d/2} ]

So y_t = R_t x_t with an orthogonal R_t, the product of a query and a key depends on the difference of their positions
alone, (R_s q)ᵀ R_t k = qᵀ R_{t-s} k, and gx = R_tᵀ g: the rotation back. The pairs are the two halves of a head.
"""

import numpy as np
from numba import prange

from ..elementwise.vector_math import fma
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE


def rotate(
    X: np.ndarray,
    cosines: np.ndarray,
    sines: np.ndarray,
    turned: int | None = None,
    before: int = 0,
    back: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Turn the pairs of each head by the angles of their position.

    Forward: y_t = R_{t + before} x_t for each head of the first `turned` ones; what follows is copied.
    Backward: the same with back=True: gx_t = R_{t + before}ᵀ g_t.
    Shapes: X (B, T, heads d), cosines and sines (positions, d/2) with positions >= T + before, Y as X; float32 or
        float64. `turned`: the number of heads, None: all; of packed queries, keys and values (B, T, 3 heads d) the
        first 2 heads. `out` may be X itself, not overlap it otherwise.
    Errors: ShapeError, DtypeError, ValueError (turned, before, out).
    Reference: docs/equations.md, section 3.13; Su et al. 2021.
    """
    who = "rotate"
    X0, X = X, as_array(who, "X", X, 3)
    cosines, sines = as_array(who, "cosines", cosines, 2), as_array(who, "sines", sines, 2)
    same_dtype(who, X=X, cosines=cosines, sines=sines)
    d = 2 * cosines.shape[1]
    if cosines.shape != sines.shape or (X.shape[2] % d if d else X.shape[2]):
        raise ShapeError(
            f"{who}: expected cosines and sines (positions, d/2) of one shape, with d dividing the {X.shape[2]} "
            f"columns of X, got {cosines.shape} and {sines.shape}."
        )
    heads = X.shape[2] // d if d else 0
    for name, value, most in (("turned", turned, heads), ("before", before, 2**31)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value <= most
        ):
            raise ValueError(f"{who}: expected {name} to be an integer from 0 to {most}, got {value!r}.")
    if X.shape[1] + before > len(cosines):
        raise ShapeError(
            f"{who}: expected at least {X.shape[1] + before} positions in cosines and sines, got {len(cosines)}. "
            "The sequence is longer than the table."
        )
    out = checked_out(who, out, X.shape, X.dtype, None if out is X0 and X is X0 else X0, cosines, sines)
    rotate_unchecked(X, cosines, sines, heads if turned is None else int(turned), int(before), bool(back), out)
    return out


@operation("out")
def rotate_unchecked(X, cosines, sines, turned, before=0, back=False, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    columns = X.shape[2]
    rows = X.size // columns if columns else 0
    at_once = max(1, CHUNK_SIZE // max(1, columns))
    x, y = X.reshape(rows, columns), Y.reshape(rows, columns)
    launch(_rotate_parallel, x, cosines, sines, X.shape[1], turned, before, X.dtype.type(-1 if back else 1), at_once, y)
    return made((out, Y))


@exact_jit
def _turn(x, y, c, s, sign, left, right):
    for j in range(c.size):
        a, b, u = x[j], y[j], sign * s[j]
        left[j] = fma(a, c[j], -(b * u))
        right[j] = fma(b, c[j], a * u)


@parallel_jit
def _rotate_parallel(X, cosines, sines, length, turned, before, sign, at_once, Y):
    half = cosines.shape[1]
    for chunk in prange((X.shape[0] + at_once - 1) // at_once):
        first = np.int64(chunk) * at_once
        for r in range(first, min(first + at_once, X.shape[0])):
            x, y, t = X[r], Y[r], r % length + before
            for h in range(turned):
                a, b, c = 2 * h * half, (2 * h + 1) * half, (2 * h + 2) * half
                _turn(x[a:b], x[b:c], cosines[t], sines[t], sign, y[a:b], y[b:c])
            for j in range(2 * turned * half, x.size):
                y[j] = x[j]
