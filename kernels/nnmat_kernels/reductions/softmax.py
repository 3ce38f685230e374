"""Softmax, its logarithm and both derivatives, of rows: a row is the last axis, the others are counted together.

Another `axis` is for `softmax_columns`. Each row is shifted by its largest entry, so no exponential overflows. Rows are
independent of each other: below `SOFTMAX_PARALLEL_SIZE` elements one thread takes all of them, above several threads
take chunks of rows.
"""

import math

import numpy as np

from ..elementwise.vector_math import exp, log1p
from ..errors import ShapeError
from ..runtime.arrays import elementwise_arrays, same_layout
from ..runtime.config import exact_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import in_row_chunks, in_row_chunks_of_two
from .row_tiles import NARROW_COLUMNS, SUM_RUN, TILE_ROWS, fill_tile, row_maximum, tile_maximum
from .softmax_columns import (
    log_softmax_columns,
    log_softmax_columns_backward,
    log_softmax_columns_backward_parallel,
    log_softmax_columns_parallel,
    softmax_columns,
    softmax_columns_backward,
    softmax_columns_backward_parallel,
    softmax_columns_parallel,
)
from .sums import LONG_RUN

SOFTMAX_PARALLEL_SIZE = 32_768  # elements, about 2 ns each
SOFTMAX_CHUNK = 8_192  # elements, rounded to whole rows


def softmax(X: np.ndarray, out: np.ndarray | None = None, axis: int = -1) -> np.ndarray:
    """The softmax of every row, or along another axis: positive numbers that sum to 1.

    Forward: P = diag(E 1)^-1 E with E = exp(X - m 1ᵀ), m the largest entry of each row (it cancels).
    Backward: `softmax_backward`.
    Shapes: X (..., M), P the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError (no such axis), ValueError (out).
    Reference: docs/equations.md, section 3.6. -inf gives 0; a row with NaN or +inf, or of -inf alone, gives NaN.
    """
    if not (same_layout(out, X) and out.ndim):
        (X,), out = _arrays("softmax", out, X=X)
    softmax_unchecked(X, out, _axis("softmax", X, axis))
    return out


def softmax_backward(G: np.ndarray, P: np.ndarray, out: np.ndarray | None = None, axis: int = -1) -> np.ndarray:
    """The derivative of the row softmax, from its output P.

    Forward: `softmax`.
    Backward: gX = P ⊙ (G - ((G ⊙ P) 1) 1ᵀ): per row the Jacobian diag(p) - p pᵀ times g.
    Shapes: G, P and gX (..., M); float32 or float64. `out` may be G or P itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.6.
    """
    if not (same_layout(out, G) and same_layout(out, P) and out.ndim):
        (G, P), out = _arrays("softmax_backward", out, G=G, P=P)
    softmax_backward_unchecked(G, P, out, _axis("softmax_backward", P, axis))
    return out


def log_softmax(X: np.ndarray, out: np.ndarray | None = None, axis: int = -1) -> np.ndarray:
    """The logarithm of the row softmax, without taking the logarithm of a rounded probability.

    Forward: Y = X - lse(X) 1ᵀ, lse = m + log1p(sum of exp(x_j - m) over all but one place of the maximum m).
    Backward: `log_softmax_backward`.
    Shapes: X (..., M), Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError (no axis), ValueError (out).
    Reference: docs/equations.md, section 3.6. A row with NaN or +inf, or of -inf alone, gives NaN.
    """
    if not (same_layout(out, X) and out.ndim):
        (X,), out = _arrays("log_softmax", out, X=X)
    log_softmax_unchecked(X, out, _axis("log_softmax", X, axis))
    return out


def log_softmax_backward(G: np.ndarray, Y: np.ndarray, out: np.ndarray | None = None, axis: int = -1) -> np.ndarray:
    """The derivative of the logarithm of the softmax, from its output Y.

    Forward: `log_softmax`.
    Backward: gX = G - diag(G 1) exp(Y).
    Shapes: G, Y and gX (..., M); float32 or float64. `out` may be G or Y itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.6.
    """
    if not (same_layout(out, G) and same_layout(out, Y) and out.ndim):
        (G, Y), out = _arrays("log_softmax_backward", out, G=G, Y=Y)
    log_softmax_backward_unchecked(G, Y, out, _axis("log_softmax_backward", Y, axis))
    return out


@operation("out")
def softmax_unchecked(X, out=None, axis=-1):
    out = np.empty_like(X) if out is None else out
    if axis == -1:
        _by_rows(_softmax, _softmax_parallel, X, out)
    else:
        _by_slices(softmax_columns, softmax_columns_parallel, axis, X, out)
    return out


@operation("out")
def softmax_backward_unchecked(G, P, out=None, axis=-1):
    out = np.empty_like(G) if out is None else out
    if axis != -1:
        _by_slices(softmax_columns_backward, softmax_columns_backward_parallel, axis, G, P, out)
    elif out.shape[-1] <= LONG_RUN:
        _by_rows(_softmax_backward, _softmax_backward_parallel, G, P, out)
    else:
        _by_rows(_long_softmax_backward, _long_softmax_backward_parallel, G, P, out)
    return out


@operation("out")
def log_softmax_unchecked(X, out=None, axis=-1):
    out = np.empty_like(X) if out is None else out
    if axis == -1:
        _by_rows(_log_softmax, _log_softmax_parallel, X, out)
    else:
        _by_slices(log_softmax_columns, log_softmax_columns_parallel, axis, X, out)
    return out


@operation("out")
def log_softmax_backward_unchecked(G, Y, out=None, axis=-1):
    out = np.empty_like(G) if out is None else out
    if axis == -1:
        _by_rows(_log_softmax_backward, _log_softmax_backward_parallel, G, Y, out)
    else:
        _by_slices(log_softmax_columns_backward, log_softmax_columns_backward_parallel, axis, G, Y, out)
    return out


def _by_rows(body, parallel, *arrays):
    size, M = arrays[0].size, arrays[0].shape[-1]
    if size:
        rows = arrays if arrays[0].ndim == 2 else [A.reshape(-1, M) for A in arrays]  # (..., M) -> (rows, M)
        if size < SOFTMAX_PARALLEL_SIZE:
            launch(body, *rows, 0, size // M)
        else:
            launch(parallel, *rows, max(1, SOFTMAX_CHUNK // M))


def _by_slices(body, parallel, axis, *arrays):
    shape, size = arrays[0].shape, arrays[0].size
    if size:
        M, N = shape[axis], math.prod(shape[axis + 1 :])
        slices = [A.reshape(-1, M, N) for A in arrays]
        if size < SOFTMAX_PARALLEL_SIZE:
            launch(body, *slices, 0, size // (M * N))
        else:
            launch(parallel, *slices, max(1, SOFTMAX_CHUNK // (M * N)))


def _axis(who, A, axis) -> int:
    """-1 for the last axis of A, else a number from 0."""
    whole = isinstance(axis, int | np.integer) and not isinstance(axis, bool)
    if not whole or not -A.ndim <= axis < A.ndim:
        raise ShapeError(f"{who}: expected axis from {-A.ndim} to {A.ndim - 1} for shape {A.shape}, got {axis!r}.")
    return -1 if axis % A.ndim == A.ndim - 1 else int(axis % A.ndim)


def _arrays(who, out, **inputs):
    arrays, out = elementwise_arrays(who, out, **inputs)
    if out.ndim == 0:
        raise ShapeError(f"{who}: expected arrays with at least 1 dimension, got shape (). Try X[np.newaxis].")
    return arrays, out


@part_jit
def _exponentials(x, p, m):
    """p = exp(x - m); their sum, of at most SUM_RUN numbers."""
    if x.ctypes.data == p.ctypes.data:  # in place: over two arrays that overlap, a loop would not vectorise
        for j in range(p.size):
            p[j] = exp(p[j] - m)
    else:
        for j in range(x.size):
            p[j] = exp(x[j] - m)
    total = p.dtype.type(0)  # a loop that stores too is compiled twice, and where p lies would decide on the order
    for j in range(p.size):
        total += p[j]
    return total


@exact_jit
def _narrow_softmax(X, P, first, last):
    M = X.shape[1]
    tile, m, total = np.empty((M, TILE_ROWS), X.dtype), np.empty(TILE_ROWS, X.dtype), np.empty(TILE_ROWS, X.dtype)
    zero, one = X.dtype.type(0), X.dtype.type(1)
    for top in range(first, last, TILE_ROWS):
        n = min(TILE_ROWS, last - top)
        fill_tile(X, top, n, tile)
        tile_maximum(tile, m)
        for r in range(TILE_ROWS):
            total[r] = zero
        for c in range(M):
            row = tile[c]
            for r in range(TILE_ROWS):
                row[r] = exp(row[r] - m[r])
                total[r] += row[r]
        for r in range(TILE_ROWS):
            total[r] = one / total[r]
        for r in range(n):
            p = P[top + r]
            for c in range(M):
                p[c] = tile[c, r] * total[r]


@part_jit
def _softmax(X, P, first, last):
    M = X.shape[1]
    if M <= NARROW_COLUMNS:
        _narrow_softmax(X, P, first, last)
        return
    for i in range(first, last):
        x, p = X[i], P[i]
        m = row_maximum(x)
        total = 0.0  # float64: wide rows lose no digits
        for a in range(0, M, SUM_RUN):
            total += np.float64(_exponentials(x[a : a + SUM_RUN], p[a : a + SUM_RUN], m))
        scale = P.dtype.type(1.0 / total)
        for j in range(x.size):
            p[j] *= scale


@part_jit
def _softmax_backward(G, P, gX, first, last):
    for i in range(first, last):
        g, p, gx = G[i], P[i], gX[i]
        inner = gX.dtype.type(0)
        for j in range(g.size):
            inner += g[j] * p[j]
        for j in range(g.size):
            gx[j] = p[j] * (g[j] - inner)


@part_jit
def _long_softmax_backward(G, P, gX, first, last):
    """The same for rows whose inner product is made of partial sums."""
    for i in range(first, last):
        g, p, gx = G[i], P[i], gX[i]
        total = 0.0
        for a in range(0, g.size, LONG_RUN):
            part = gX.dtype.type(0)
            for j in range(a, min(a + LONG_RUN, g.size)):
                part += g[j] * p[j]
            total += np.float64(part)
        inner = gX.dtype.type(total)
        for j in range(g.size):
            gx[j] = p[j] * (g[j] - inner)


@part_jit
def _log_softmax_backward(G, Y, gX, first, last):
    for i in range(first, last):
        g, y, gx = G[i], Y[i], gX[i]
        total = 0.0
        for a in range(0, g.size, SUM_RUN):
            part = gX.dtype.type(0)
            for j in range(a, min(a + SUM_RUN, g.size)):
                part += g[j]
            total += np.float64(part)
        factor = gX.dtype.type(total)
        if g.ctypes.data == gx.ctypes.data:
            for j in range(gx.size):
                gx[j] = gx[j] - exp(y[j]) * factor
        else:
            for j in range(g.size):
                gx[j] = g[j] - exp(y[j]) * factor


@part_jit
def _rest(y):
    """Of a run of differences from a row's maximum: the sum of exp over those that are not 0, and how many are 0."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    rest, at_top = zero, zero
    for j in range(y.size):
        rest += zero if y[j] == zero else exp(y[j])
        at_top += one if y[j] == zero else zero
    return rest, at_top


@exact_jit
def _narrow_log_softmax(X, Y, first, last):
    M = X.shape[1]
    tile, m, shift = np.empty((M, TILE_ROWS), X.dtype), np.empty(TILE_ROWS, X.dtype), np.empty(TILE_ROWS, X.dtype)
    zero, one = X.dtype.type(0), X.dtype.type(1)
    rest, at_top = np.empty(TILE_ROWS, X.dtype), np.empty(TILE_ROWS, X.dtype)
    for top in range(first, last, TILE_ROWS):
        n = min(TILE_ROWS, last - top)
        fill_tile(X, top, n, tile)
        tile_maximum(tile, m)
        for r in range(TILE_ROWS):
            rest[r], at_top[r] = zero, -one
        for c in range(M):
            row = tile[c]
            for r in range(TILE_ROWS):
                d = row[r] - m[r]
                row[r] = d
                rest[r] += zero if d == zero else exp(d)
                at_top[r] += one if d == zero else zero
        for r in range(TILE_ROWS):
            shift[r] = log1p(rest[r] + at_top[r])
        for r in range(n):
            y = Y[top + r]
            for c in range(M):
                y[c] = tile[c, r] - shift[r]


@part_jit
def _log_softmax(X, Y, first, last):
    if X.shape[1] <= NARROW_COLUMNS:
        _narrow_log_softmax(X, Y, first, last)
        return
    for i in range(first, last):
        x, y = X[i], Y[i]
        m = row_maximum(x)
        for j in range(x.size):
            # Stored, for in one expression the compiler may form x - (m + shift), which rounds shift to m's last place.
            y[j] = x[j] - m
        rest, at_top = 0.0, -1.0  # added at the end, or a small rest would lose its digits
        for a in range(0, x.size, SUM_RUN):
            part, more = _rest(y[a : a + SUM_RUN])
            rest += np.float64(part)
            at_top += np.float64(more)
        shift = Y.dtype.type(log1p(rest + at_top))
        for j in range(x.size):
            y[j] -= shift


_softmax_parallel, _log_softmax_parallel = in_row_chunks(_softmax), in_row_chunks(_log_softmax)
_softmax_backward_parallel = in_row_chunks_of_two(_softmax_backward)
_log_softmax_backward_parallel = in_row_chunks_of_two(_log_softmax_backward)
_long_softmax_backward_parallel = in_row_chunks_of_two(_long_softmax_backward)
