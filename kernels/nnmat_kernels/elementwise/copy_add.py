"""Copies and sums of arrays, element by element."""

import numpy as np
from numba import prange

from ..runtime.config import jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE


@jit
def _copy(x, y):
    for i in range(x.size):
        y[i] = x[i]


@jit
def _add(x, y, z):
    for i in range(x.size):
        z[i] = x[i] + y[i]


@parallel_jit
def _copy_parallel(x, y):
    for c in prange((x.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        part = slice(np.int64(c) * CHUNK_SIZE, (np.int64(c) + 1) * CHUNK_SIZE)
        _copy(x[part], y[part])


@parallel_jit
def _add_parallel(x, y, z):
    for c in prange((x.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        part = slice(np.int64(c) * CHUNK_SIZE, (np.int64(c) + 1) * CHUNK_SIZE)
        _add(x[part], y[part], z[part])


@operation("out")
def copy_unchecked(X, out=None):
    """`out` = X; of another dtype, if `out` has one."""
    out = np.empty_like(X) if out is None else out
    launch(_copy if X.size < PARALLEL_SIZE else _copy_parallel, X.reshape(-1), out.reshape(-1))
    return out


@operation("out")
def add_unchecked(A, B, out=None):
    """`out` = A + B, of one shape; `out` may be A or B."""
    out = np.empty_like(A) if out is None else out
    launch(_add if A.size < PARALLEL_SIZE else _add_parallel, A.reshape(-1), B.reshape(-1), out.reshape(-1))
    return out
