"""Some columns of an array, the last axis, to or from an array of their own: what stands side by side there."""

import numpy as np

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
    launch(_copy_columns, A.reshape(-1, A.shape[-1]), first, out.reshape(-1, width), 0, width)
    return out


@operation("out")
def paste_columns_unchecked(A, out, first):
    """The columns of `out` (..., N) from `first` on become A (..., width)."""
    width = A.shape[-1]
    launch(_copy_columns, A.reshape(-1, width), 0, out.reshape(-1, out.shape[-1]), first, width)
    return out
