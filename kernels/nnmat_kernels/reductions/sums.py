"""Sums over rows, over columns and of squares, in an order that depends on the shape only.

The work is cut into chunks whose number follows from the shape; each chunk has a slot for its partial sum, and the
slots are added in order. So one thread and many give the same bits.

For column sums A is cut along both axes, so that the slots together stay small beside A, and each fits in the level-1
cache. A slot sums many rows; so that rounding does not grow with their number, a few at a time are added up apart.
"""

import numpy as np
from numba import prange

from ..runtime.arrays import as_array, checked_out
from ..runtime.config import jit, parallel_jit

PARALLEL_FROM = 65_536  # elements
CHUNK = 16_384  # elements in one chunk, rounded to whole rows
LANES = 64  # narrow matrices are summed several rows abreast, to fill the vector registers
COLUMNS = 1_024  # columns in one block of a wide matrix
SLOTS = 16  # row slots at most; fewer where blocks of columns are enough work for all threads
PIECES = 64
ROWS = 128  # rows (or rows abreast) that are added up apart
_ONE = np.int64(1)


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
    out = checked_out(who, out, A.shape[1:], A.dtype, A0)
    column_sums_unchecked(A, out, accumulate)
    return out


def column_sums_unchecked(A, out, accumulate=False):
    N = A.shape[1]
    if N == 0:
        return
    width = max(1, LANES // N) * N
    blocks = -(-width // COLUMNS)
    if A.size < PARALLEL_FROM:
        _column_sums(A.reshape(-1), width, blocks, accumulate, out)
        return
    slots = max(1, min(SLOTS, PIECES // blocks, A.size // (CHUNK * blocks)))
    direct = slots == 1 and width == N
    sums = np.empty((0 if direct else slots, width), A.dtype)
    _column_sums_parallel(A.reshape(-1), width, -(-A.size // width), blocks, slots, sums, accumulate, out)
    if not direct:
        _fold_columns(sums, accumulate, out)


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
    out = checked_out(who, out, A.shape[:1], A.dtype, A0)
    row_sums_unchecked(A, out, accumulate)
    return out


def row_sums_unchecked(A, out, accumulate=False):
    if A.size < PARALLEL_FROM:
        _row_sums(A, accumulate, out, 0, len(A))
    else:
        _row_sums_parallel(A, accumulate, out, max(1, CHUNK // A.shape[1]))


def sum_of_squares(A: np.ndarray) -> float:
    """The squared Frobenius norm, accumulated in float64: the global norm of a gradient is its root.

    Forward: s = Tr(Aᵀ A), the sum of the squares of all elements.
    Backward: gA = 2 g A.
    Shapes: A any; float32 or float64. s a Python float.
    Errors: DtypeError.
    Reference: docs/equations.md, section 5.5.
    """
    return sum_of_squares_unchecked(as_array("sum_of_squares", "A", A))


def sum_of_squares_unchecked(A) -> float:
    a = A.ravel()
    if a.size < PARALLEL_FROM:
        return float(_total_of_squares(a))  # without the JIT a NumPy number
    slots = np.empty(-(-a.size // CHUNK), np.float64)
    _square_slots(a, slots)
    total = 0.0
    for slot in slots.tolist():
        total += slot
    return total


def _check_accumulate(who, out, accumulate):
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")


@jit
def _column_slot(a, width, first, last, left, right):
    """Sums of columns left..right over rows first..last of `width` numbers in the flat `a`; the last may be short."""
    n = right - left
    total, part = np.zeros(n, a.dtype), np.empty(n, a.dtype)
    for top in range(first, last, ROWS):
        for j in range(n):
            part[j] = 0
        bottom = min(top + ROWS, last)
        i = top
        while i + 4 <= bottom and (i + 4) * width <= a.size:
            k = i * width + left
            r0, r1 = a[k : k + n], a[k + width : k + width + n]
            k += 2 * width
            r2, r3 = a[k : k + n], a[k + width : k + width + n]
            for j in range(n):
                part[j] += (r0[j] + r1[j]) + (r2[j] + r3[j])
            i += 4
        while i < bottom:
            row = a[i * width + left : i * width + right]
            for j in range(row.size):
                part[j] += row[j]
            i += 1
        for j in range(n):
            total[j] += part[j]
    return total


@jit
def _column_piece(a, width, rows, blocks, slots, sums, accumulate, out, piece):
    """One slot's share of one block of columns: to its slot, or to `out` if there are no slots to be folded."""
    block, slot = piece // slots, piece % slots
    left, right = block * width // blocks, (block + 1) * width // blocks
    total = _column_slot(a, width, slot * rows // slots, (slot + 1) * rows // slots, left, right)
    target = out[left:right] if sums.shape[0] == 0 else sums[slot, left:right]
    adding = accumulate and sums.shape[0] == 0
    for j in range(total.size):
        target[j] = target[j] + total[j] if adding else total[j]


@parallel_jit
def _column_sums_parallel(a, width, rows, blocks, slots, sums, accumulate, out):
    for piece in prange(blocks * slots):
        _column_piece(a, width, rows, blocks, slots, sums, accumulate, out, np.int64(piece))


@jit
def _fold_columns(sums, accumulate, out):
    """out (+)= the slots added in order, then the rows abreast in order."""
    N, width = out.size, sums.shape[1]
    for c in range(1, sums.shape[0]):
        for j in range(width):
            sums[0, j] += sums[c, j]
    for k in range(N, width, N):
        for j in range(N):
            sums[0, j] += sums[0, k + j]
    for j in range(N):
        out[j] = out[j] + sums[0, j] if accumulate else sums[0, j]


@jit
def _column_sums(a, width, blocks, accumulate, out):
    rows = (a.size + width - 1) // width
    sums = np.empty((1 if width > out.size else 0, width), a.dtype)
    for piece in range(blocks):
        _column_piece(a, width, rows, blocks, _ONE, sums, accumulate, out, piece)
    if width > out.size:
        _fold_columns(sums, accumulate, out)


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
def _total_of_squares(a):
    total = 0.0
    for first in range(0, a.size, CHUNK):
        total += _sum_of_squares(a[first : first + CHUNK])
    return total


@parallel_jit
def _square_slots(a, slots):
    for c in prange(slots.size):
        k = np.int64(c)
        slots[k] = _sum_of_squares(a[k * CHUNK : (k + 1) * CHUNK])
