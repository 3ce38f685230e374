"""Rows of an array in any order: the batches of shuffled data, which lie all over the memory."""

import numpy as np
from numba import prange

from ..codegen.copies import copy_and_fetch, flat
from ..runtime.arrays import FLOATS
from ..runtime.config import ONE, jit, parallel_jit
from ..runtime.launch import launch, operation

TAKE_ROWS_PIECES = 8  # whatever the number of threads
TAKE_ROWS_PARALLEL_SIZE = 32_768  # elements: 8 us


@jit
def _copy_rows(A, rows, out, first, last):
    n, a, b = out.shape[1], flat(A), flat(out)
    for i in range(first, last):
        soon = rows[min(i + ONE, last - ONE)] * n
        copy_and_fetch(a, rows[i] * n, b, i * n, n, soon)


@parallel_jit
def take_rows_parallel(A, rows, out):
    for c in prange(TAKE_ROWS_PIECES):
        k = np.int64(c)
        _copy_rows(A, rows, out, k * rows.size // TAKE_ROWS_PIECES, (k + 1) * rows.size // TAKE_ROWS_PIECES)


def take_rows(A: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A[rows], for int64 `rows` that are known to be in range; large arrays of floats are copied by all threads."""
    size = rows.size * (A.size // max(len(A), 1))
    if size < TAKE_ROWS_PARALLEL_SIZE or A.dtype not in FLOATS or not (A.flags.carray and rows.flags.carray):
        return A.take(rows, axis=0)
    out = np.empty((rows.size, *A.shape[1:]), A.dtype)
    launch(take_rows_parallel, A.reshape(len(A), -1), rows, out.reshape(rows.size, -1))
    return out


@operation("out")
def gather_unchecked(A: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """`out` = A[rows], by a kernel; C-contiguous arrays of one dtype, int64 `rows` in range."""
    A, target = A.reshape(len(A), -1), out.reshape(len(out), -1)
    if out.size < TAKE_ROWS_PARALLEL_SIZE:
        launch(_copy_rows, A, rows, target, 0, rows.size)
    else:
        launch(take_rows_parallel, A, rows, target)
