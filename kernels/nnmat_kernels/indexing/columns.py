"""Some columns of an array, the last axis, to or from an array of their own: what stands side by side there."""

import numpy as np

from ..runtime.arrays import as_rows_of
from ..runtime.config import jit
from ..runtime.launch import launch, operation


@jit
def _copy_columns(source, at, target, to, width):
    for i in range(source.shape[0]):
        for j in range(width):
            target[i, to + j] = source[i, at + j]


@operation("out")
def copy_columns_unchecked(A, first, width, out=None):
    """`out` (..., width) = the columns of A (..., N) from `first` on."""
    out = np.empty((*A.shape[:-1], width), A.dtype) if out is None else out
    launch(_copy_columns, as_rows_of(A), first, as_rows_of(out), 0, width)
    return out


@operation("out")
def paste_columns_unchecked(A, out, first):
    """The columns of `out` (..., N) from `first` on become A (..., width)."""
    width = A.shape[-1]
    launch(_copy_columns, as_rows_of(A), 0, as_rows_of(out), first, width)
    return out
