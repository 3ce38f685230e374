"""Copies, sums and products of arrays, element by element."""

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
    if x.ctypes.data == z.ctypes.data:  # in place: over two arrays that overlap, a loop would not vectorise
        for i in range(z.size):
            z[i] = z[i] + y[i]
    else:
        for i in range(z.size):
            z[i] = x[i] + y[i]


@jit
def _multiply(x, y, z):
    if x.ctypes.data == z.ctypes.data:  # in place: over two arrays that overlap, a loop would not vectorise
        for i in range(z.size):
            z[i] = z[i] * y[i]
    else:
        for i in range(z.size):
            z[i] = x[i] * y[i]


@jit
def _add_to_rows(X, b, Y):
    for r in range(X.shape[0]):
        _add(X[r], b, Y[r])


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


@parallel_jit
def _multiply_parallel(x, y, z):
    for c in prange((x.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        part = slice(np.int64(c) * CHUNK_SIZE, (np.int64(c) + 1) * CHUNK_SIZE)
        _multiply(x[part], y[part], z[part])


@parallel_jit
def _add_to_rows_parallel(X, b, Y):
    at_once = max(1, CHUNK_SIZE // max(1, b.size))
    for c in prange((X.shape[0] + at_once - 1) // at_once):
        part = slice(np.int64(c) * at_once, (np.int64(c) + 1) * at_once)
        _add_to_rows(X[part], b, Y[part])


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


@operation("out")
def multiply_unchecked(A, B, out=None):
    """`out` = A ⊙ B, of one shape; `out` may be A or B."""
    out = np.empty_like(A) if out is None else out
    launch(_multiply if A.size < PARALLEL_SIZE else _multiply_parallel, A.reshape(-1), B.reshape(-1), out.reshape(-1))
    return out


@operation("out")
def add_to_rows_unchecked(X, b, out=None):
    """`out` = X + 1 bᵀ, X (B, ...) with b of the shape of one sample; `out` may be X."""
    out = np.empty_like(X) if out is None else out
    body = _add_to_rows if X.size < PARALLEL_SIZE else _add_to_rows_parallel
    launch(body, X.reshape(len(X), b.size), b.reshape(-1), out.reshape(len(X), b.size))
    return out
