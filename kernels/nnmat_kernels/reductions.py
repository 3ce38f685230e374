"""Sums over rows, over columns and of squares, in an order that depends on the shape only.

The work is cut into chunks whose number follows from the shape; each chunk has a slot for its partial sum, and the
slots are added in order. So one thread and many give the same bits.
"""

import numpy as np
from numba import prange

from .checks import as_array, output
from .config import jit, parallel_jit

PARALLEL_FROM = 65_536  # elements
CHUNK = 16_384  # elements in one chunk, rounded to whole rows
LANES = 64  # narrow matrices are summed several rows abreast, to fill the vector registers


def column_sums(A: np.ndarray, out: np.ndarray | None = None, accumulate: bool = False) -> np.ndarray:
    """The sum of every column: the gradient of a bias that is added to every row.

    Forward: s = Aᵀ 1, or s + Aᵀ 1 if `accumulate`.
    Backward: gA = 1 gᵀ.
    Shapes: A (rows, columns), s (columns,); float32 or float64. `out` must not overlap A.
    Errors: DtypeError, ShapeError, ValueError (out; accumulate without out).
    Reference: docs/equations.md, section 3.1.
    """
    who = "column_sums"
    A0, A = A, as_array(who, "A", A, ndim=2)
    accumulate = bool(accumulate)
    _check_accumulate(who, out, accumulate)
    out = output(who, out, A.shape[1:], A.dtype, A0)
    M, N = A.shape
    if N == 0:
        return out
    abreast = max(1, LANES // N)
    rows = max(1, CHUNK // (abreast * N)) * abreast
    slots = np.empty((max(1, -(-M // rows)), abreast * N), A.dtype)
    if A.size < PARALLEL_FROM:
        _column_sums(A.reshape(-1), N, rows, slots, accumulate, out)
    else:
        _column_slots_parallel(A.reshape(-1), N, rows, slots)
        _fold_columns(slots, accumulate, out)
    return out


def row_sums(A: np.ndarray, out: np.ndarray | None = None, accumulate: bool = False) -> np.ndarray:
    """The sum of every row.

    Forward: s = A 1, or s + A 1 if `accumulate`.
    Backward: gA = g 1ᵀ.
    Shapes: A (rows, columns), s (rows,); float32 or float64. `out` must not overlap A.
    Errors: DtypeError, ShapeError, ValueError (out; accumulate without out).
    Reference: docs/equations.md, section 3.1.
    """
    who = "row_sums"
    A0, A = A, as_array(who, "A", A, ndim=2)
    accumulate = bool(accumulate)
    _check_accumulate(who, out, accumulate)
    out = output(who, out, A.shape[:1], A.dtype, A0)
    if A.size < PARALLEL_FROM:
        _row_sums(A, accumulate, out, 0, len(A))
    else:
        _row_sums_parallel(A, accumulate, out, max(1, CHUNK // A.shape[1]))
    return out


def sum_of_squares(A: np.ndarray) -> float:
    """The squared Frobenius norm, accumulated in float64: the global norm of a gradient is its root.

    Forward: s = Tr(Aᵀ A), the sum of the squares of all elements.
    Backward: gA = 2 g A.
    Shapes: A any; float32 or float64. s a Python float.
    Errors: DtypeError.
    Reference: docs/equations.md, section 5.5.
    """
    a = as_array("sum_of_squares", "A", A).reshape(-1)
    slots = np.zeros(-(-a.size // CHUNK), np.float64)
    (_square_slots if a.size < PARALLEL_FROM else _square_slots_parallel)(a, slots)
    total = 0.0
    for slot in slots.tolist():
        total += slot
    return total


def _check_accumulate(who, out, accumulate):
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")


@jit
def _column_slot(a, N, first, last, slot):
    """slot = the sums of rows first..last of the flat `a`, len(slot) / N rows abreast."""
    width = slot.size
    for j in range(width):
        slot[j] = 0
    start, stop = first * N, last * N
    whole = start + (stop - start) // width * width
    for k in range(start, whole, width):
        part = a[k : k + width]
        for j in range(width):
            slot[j] += part[j]
    part = a[whole:stop]
    for j in range(part.size):
        slot[j] += part[j]


@jit
def _fold_columns(slots, accumulate, out):
    """out (+)= the slots added in order, then the rows abreast in order."""
    N, width = out.size, slots.shape[1]
    for c in range(1, slots.shape[0]):
        for j in range(width):
            slots[0, j] += slots[c, j]
    for k in range(N, width, N):
        for j in range(N):
            slots[0, j] += slots[0, k + j]
    for j in range(N):
        out[j] = out[j] + slots[0, j] if accumulate else slots[0, j]


@jit
def _column_sums(a, N, rows, slots, accumulate, out):
    M = a.size // N
    for c in range(slots.shape[0]):
        _column_slot(a, N, c * rows, min((c + 1) * rows, M), slots[c])
    _fold_columns(slots, accumulate, out)


@parallel_jit
def _column_slots_parallel(a, N, rows, slots):
    M = a.size // N
    for c in prange(slots.shape[0]):
        k = np.int64(c)
        _column_slot(a, N, k * rows, min((k + 1) * rows, M), slots[k])


@jit
def _row_sums(A, accumulate, out, first, last):
    for i in range(first, last):
        a = A[i]
        total = out.dtype.type(0)
        for j in range(a.size):
            total += a[j]
        out[i] = out[i] + total if accumulate else total


@parallel_jit
def _row_sums_parallel(A, accumulate, out, rows):
    for c in prange((A.shape[0] + rows - 1) // rows):
        first = np.int64(c) * rows
        _row_sums(A, accumulate, out, first, min(first + rows, A.shape[0]))


@jit
def _sum_of_squares(a):
    total = 0.0
    for i in range(a.size):
        x = np.float64(a[i])
        total += x * x
    return total


@jit
def _square_slots(a, slots):
    for c in range(slots.size):
        slots[c] = _sum_of_squares(a[c * CHUNK : (c + 1) * CHUNK])


@parallel_jit
def _square_slots_parallel(a, slots):
    for c in prange(slots.size):
        k = np.int64(c)
        slots[k] = _sum_of_squares(a[k * CHUNK : (k + 1) * CHUNK])
