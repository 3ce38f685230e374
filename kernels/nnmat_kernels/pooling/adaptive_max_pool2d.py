"""The maximum of bins that cover an image evenly, so many in a column and in a row."""

import numpy as np

from ..errors import ShapeError
from ..geometry import pair
from ..runtime.arrays import as_array, checked_out
from ..runtime.launch import operation
from .listed_windows import bin_windows, listed_max
from .max_pool2d import checked_indices, floor_of


def adaptive_max_pool2d(
    X: np.ndarray, output_size, out: np.ndarray | None = None, indices: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of every bin, and where it stood; bin i holds the rows from ⌊i H/Ho⌋ to ⌈(i + 1) H/Ho⌉ - 1.

    Forward: Y_bijc = max over h, w in bin (i, j) of X_bhwc; indices_bijc = h W + w of that element, of several equal
        ones the first in row-major order. A bin with NaN gives NaN.
    Backward: `max_pool2d_backward`, which goes by the indices.
    Shapes: X (B, H, W, C), `output_size` (Ho, Wo) or one number for both, Y and indices (B, Ho, Wo, C); float32 or
        float64, indices int32.
    Errors: DtypeError, ShapeError, ValueError (out, indices).
    Reference: docs/equations.md, section 3.3.
    """
    who = "adaptive_max_pool2d"
    X0, X = X, as_array(who, "X", X, ndim=4)
    plane = pair(who, "output_size", output_size)
    if min(X.shape[1:3]) < 1 or X.shape[1] * X.shape[2] >= 2**31:
        raise ShapeError(f"{who}: expected images of 1 to 2**31 - 1 pixels, got height and width {X.shape[1:3]}.")
    shape = (len(X), *plane, X.shape[3])
    indices = checked_indices(who, indices, shape, X0)
    Y = checked_out(who, out, shape, X.dtype, X0, indices)
    adaptive_max_pool2d_unchecked(X, plane, Y, indices)
    return Y, indices


@operation("out", "indices")
def adaptive_max_pool2d_unchecked(X, output_size, out=None, indices=None):
    """`output_size` is a pair."""
    if out is None or indices is None:
        shape = (len(X), *output_size, X.shape[3])
        out = np.empty(shape, X.dtype) if out is None else out
        indices = np.empty(shape, np.int32) if indices is None else indices
    rows, columns = (bin_windows(*sizes) for sizes in zip(X.shape[1:3], output_size, strict=True))
    listed_max(X, rows, columns, floor_of(out.dtype), out, indices)
    return out, indices
