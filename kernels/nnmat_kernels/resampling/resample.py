"""Every channel of an image between two sparse matrices: upsampling, means of any windows, padding, and the way back.

For one channel Y = R X Cᵀ, and backward gX = Rᵀ G C: the same kernel with both matrices transposed. An output pixel is
a short sum of input pixels, all channels side by side; one unit of work is a row of pixels.

Beyond RESAMPLED_TERMS terms a pixel is summed in float64, so that rounding does not grow with their number.
"""

import numpy as np
from numba import prange

from ..elementwise.copy_add import copy_unchecked
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out
from ..runtime.config import jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE
from .factors import Factor

RESAMPLED_TERMS = 256


def resample(
    X: np.ndarray, rows: Factor, columns: Factor, fill: float = 0.0, out: np.ndarray | None = None
) -> np.ndarray:
    """Images of other sizes, made of their rows by one sparse matrix and of their columns by another.

    Forward: Y_c = R X_c Cᵀ for each channel c; where R or C has no entry for a pixel, that is `fill`.
    Backward: gX_c = Rᵀ G_c C, which is `resample(G, rows.T, columns.T)`.
    Shapes: X (B, H, W, C), R = `rows` (Ho, H), C = `columns` (Wo, W), Y (B, Ho, Wo, C); float32 or float64.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    who = "resample"
    X0, X = X, as_array(who, "X", X, ndim=4)
    for name, factor, size in (("rows", rows, X.shape[1]), ("columns", columns, X.shape[2])):
        if not isinstance(factor, Factor):
            raise ShapeError(
                f"{who}: expected {name} as a Factor, got {type(factor).__name__}. Try "
                "nnmat_kernels.resampling.factors.Factor.of(matrix)."
            )
        if factor.shape[1] != size:
            raise ShapeError(f"{who}: expected {name} of shape (n, {size}) for X {X.shape}, got {factor.shape}.")
    out = checked_out(who, out, (len(X), rows.shape[0], columns.shape[0], X.shape[3]), X.dtype, X0)
    resample_unchecked(X, rows, columns, float(fill), out)
    return out


@operation("out")
def resample_unchecked(X, rows, columns, fill=0.0, out=None):
    """`resample` without its checks."""
    out = np.empty((len(X), rows.shape[0], columns.shape[0], X.shape[3]), X.dtype) if out is None else out
    if rows.most * columns.most > RESAMPLED_TERMS and X.dtype != np.float64:
        copy_unchecked(resample_unchecked(copy_unchecked(X, np.empty(X.shape)), rows, columns, fill), out)
        return out
    R, C = (rows.starts, rows.places, rows.weights), (columns.starts, columns.places, columns.weights)
    if max(X.size, out.size) < PARALLEL_SIZE:
        launch(_resample, X, *R, *C, fill, out)
    else:
        launch(_resample_parallel, X, *R, *C, fill, out)
    return out


@part_jit
def _add_line(x, places, weights, first, last, weight, y, fresh):
    """y += weight times the pixels of one input row that an output pixel sees; written, not added, if y is fresh."""
    for q in range(first, last):
        scale, pixel = y.dtype.type(weight * weights[q]), x[places[q]]
        if fresh and q == first:
            for c in range(y.size):
                y[c] = scale * pixel[c]
        else:
            for c in range(y.size):
                y[c] += scale * pixel[c]


@part_jit
def _resample_row(X, starts, places, weights, column_starts, column_places, column_weights, fill, Y, row):
    """One row of one image of Y."""
    b, i = row // Y.shape[1], row % Y.shape[1]
    first, last = starts[i], starts[i + 1]
    for j in range(Y.shape[2]):
        y, left, right = Y[b, i, j], column_starts[j], column_starts[j + 1]
        if first == last or left == right:
            for c in range(y.size):
                y[c] = fill
        for p in range(first, last):
            _add_line(X[b, places[p]], column_places, column_weights, left, right, weights[p], y, p == first)


@jit
def _resample(X, starts, places, weights, column_starts, column_places, column_weights, fill, Y):
    for row in range(Y.shape[0] * Y.shape[1]):
        _resample_row(X, starts, places, weights, column_starts, column_places, column_weights, fill, Y, row)


@parallel_jit
def _resample_parallel(X, starts, places, weights, column_starts, column_places, column_weights, fill, Y):
    for row in prange(Y.shape[0] * Y.shape[1]):
        _resample_row(X, starts, places, weights, column_starts, column_places, column_weights, fill, Y, np.int64(row))
