"""Sums over rows, over columns and of squares, in an order that depends on the shape only.

The work is cut into chunks whose number follows from the shape; each chunk has a slot for its partial sum, and the
slots are added in order. So one thread and many give the same bits.

For column sums A is cut along both axes, so that the slots together stay small beside A, and each fits in the level-1
cache. A slot sums many rows; so that rounding does not grow with their number, they are summed PARTIAL_ROWS at a time,
and the partial sums added. Rows of more than LONG_RUN numbers are summed so many at a time, and these sums in float64.
A narrow matrix is read as a wider one, with several of its rows in each row.
"""

import math

import numpy as np
from numba import prange

from ..runtime.arrays import as_array, checked_out
from ..runtime.config import ONE, exact_jit, jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_row_chunks_of_two

LONG_RUN = 4_096  # numbers of a row up to which they are one sum in their dtype
FULL_WIDTH = 64  # columns that fill the vector registers: a narrower matrix is read as one about so wide
COLUMN_BLOCK = 1_024  # columns in one block of a wide matrix
ROW_SLOTS = 16  # row slots at most; fewer where blocks of columns are enough work for all threads
COLUMN_SUM_PIECES = 64  # slots times blocks, at most
PARTIAL_ROWS = 128  # rows whose sum is one partial sum


def column_sums(A: np.ndarray, out: np.ndarray | None = None, accumulate: bool = False) -> np.ndarray:
    """The sum of every column: the gradient of a bias that is added to every row.

    Forward: s = Aᵀ 1, or s + Aᵀ 1 if `accumulate`.
    Backward: gA = 1 gᵀ.
    Shapes: A (rows, columns), s (columns,); float32 or float64. `out` must not overlap A.
    Errors: DtypeError, ShapeError, ValueError (out; accumulate without out).
    Reference: docs/equations.md, section 3.1.
    """
    A, out = _checked("column_sums", 1, A, out, accumulate)
    column_sums_unchecked(A, out, bool(accumulate))
    return out


@operation("out")
def column_sums_unchecked(A, out=None, accumulate=False):
    """`column_sums` without its checks; more than two axes are rows, (B, ..., N) -> (B ..., N)."""
    N = A.shape[-1]
    out = np.empty(N, A.dtype) if out is None else out
    if N == 0:
        return out
    width = max(1, FULL_WIDTH // N) * N
    blocks = -(-width // COLUMN_BLOCK)
    if A.size < PARALLEL_SIZE:
        launch(column_sums_serial, A.reshape(-1), width, blocks, accumulate, out)
        return out
    slots = max(1, min(ROW_SLOTS, COLUMN_SUM_PIECES // blocks, A.size // (CHUNK_SIZE * blocks)))
    direct = slots == 1 and width == N
    sums = np.empty((0 if direct else slots, width), A.dtype)
    launch(_column_sums_parallel, A.reshape(-1), width, -(-A.size // width), blocks, slots, sums, accumulate, out)
    if not direct:
        launch(fold_columns, sums, accumulate, out)
    return out


def row_sums(A: np.ndarray, out: np.ndarray | None = None, accumulate: bool = False) -> np.ndarray:
    """The sum of every row.

    Forward: s = A 1, or s + A 1 if `accumulate`.
    Backward: gA = g 1ᵀ.
    Shapes: A (rows, columns), s (rows,); float32 or float64. `out` must not overlap A.
    Errors: DtypeError, ShapeError, ValueError (out; accumulate without out).
    Reference: docs/equations.md, section 3.1.
    """
    A, out = _checked("row_sums", 0, A, out, accumulate)
    row_sums_unchecked(A, out, bool(accumulate))
    return out


@operation("out")
def row_sums_unchecked(A, out=None, accumulate=False):
    out = np.empty(len(A), A.dtype) if out is None else out
    if A.shape[1] > LONG_RUN:
        if A.size < PARALLEL_SIZE:
            launch(_long_row_sums, A, accumulate, out, 0, len(A))
        else:
            launch(_long_row_sums_parallel, A, accumulate, out, max(1, CHUNK_SIZE // A.shape[1]))
    elif A.size < PARALLEL_SIZE:
        launch(row_sums_serial, A, accumulate, out, 0, len(A))
    else:
        launch(_row_sums_parallel, A, accumulate, out, max(1, CHUNK_SIZE // A.shape[1]))
    return out


def sum_of_squares(A: np.ndarray) -> float:
    """The squared Frobenius norm, accumulated in float64: the global norm of a gradient is its root.

    Forward: s = Tr(Aᵀ A), the sum of the squares of all elements.
    Backward: gA = 2 g A.
    Shapes: A any; float32 or float64. s a Python float.
    Errors: DtypeError.
    Reference: docs/equations.md, section 5.5.
    """
    return sum_of_squares_unchecked(as_array("sum_of_squares", "A", A))


@operation()
def sum_of_squares_unchecked(A) -> float:
    a = A.ravel()
    if a.size < PARALLEL_SIZE:
        return launch(_total_of_squares, a)
    slots = np.empty(-(-a.size // CHUNK_SIZE), np.float64)
    launch(_square_slots, a, slots)
    return launch(_sum_in_order, slots)


def _checked(who, axis, A0, out, accumulate):
    """A and `out` of a sum with one entry for each place along `axis`."""
    A = as_array(who, "A", A0, ndim=2)
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")
    return A, checked_out(who, out, (A.shape[axis],), A.dtype, A0)


@part_jit
def _column_slot(a, width, first, last, left, right):
    """Sums of columns left..right over rows first..last of `width` numbers in the flat `a`; the last may be short."""
    n = right - left
    total, part = np.zeros(n, a.dtype), np.empty(n, a.dtype)
    for top in range(first, last, PARTIAL_ROWS):
        for j in range(n):
            part[j] = 0
        bottom = min(top + PARTIAL_ROWS, last)
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
def column_piece(a, width, rows, blocks, slots, sums, accumulate, out, piece):
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
        column_piece(a, width, rows, blocks, slots, sums, accumulate, out, np.int64(piece))


@jit
def fold_columns(sums, accumulate, out):
    """out (+)= the slots added in order, then the rows that each of their rows holds."""
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
def column_sums_serial(a, width, blocks, accumulate, out):
    rows = (a.size + width - 1) // width
    sums = np.empty((1 if width > out.size else 0, width), a.dtype)
    for piece in range(blocks):
        column_piece(a, width, rows, blocks, ONE, sums, accumulate, out, piece)
    if width > out.size:
        fold_columns(sums, accumulate, out)


@part_jit
def row_sums_serial(A, accumulate, out, first, last):
    for i in range(first, last):
        a = A[i]
        total = out.dtype.type(0)
        for j in range(a.size):
            total += a[j]
        out[i] = out[i] + total if accumulate else total


@part_jit
def _long_row_sums(A, accumulate, out, first, last):
    for i in range(first, last):
        a, total = A[i], 0.0
        for left in range(0, a.size, LONG_RUN):
            part = out.dtype.type(0)
            for j in range(left, min(left + LONG_RUN, a.size)):
                part += a[j]
            total += np.float64(part)
        out[i] = out[i] + out.dtype.type(total) if accumulate else out.dtype.type(total)


_row_sums_parallel, _long_row_sums_parallel = map(in_row_chunks_of_two, (row_sums_serial, _long_row_sums))


@part_jit
def _sum_of_squares(a):
    total = 0.0
    for i in range(a.size):
        x = np.float64(a[i])
        total += x * x
    return total


@jit
def _total_of_squares(a):
    total = 0.0
    for first in range(0, a.size, CHUNK_SIZE):
        total += _sum_of_squares(a[first : first + CHUNK_SIZE])
    return float(total)  # without the JIT, too


@operation()
def norm_unchecked(parts) -> float:
    """The norm of some vectors together, the squares of each summed first."""
    squares = [sum_of_squares_unchecked(part) for part in parts]
    total = squares[0] if squares else 0.0
    for square in squares[1:]:
        total = launch(_plus, total, square)
    return launch(_root, total)


@exact_jit
def _plus(x, y):
    return x + y


@exact_jit
def _root(x):
    return math.sqrt(x)


@exact_jit
def _sum_in_order(slots):
    total = 0.0
    for i in range(slots.size):
        total += slots[i]
    return float(total)


@parallel_jit
def _square_slots(a, slots):
    for c in prange(slots.size):
        k = np.int64(c)
        slots[k] = _sum_of_squares(a[k * CHUNK_SIZE : (k + 1) * CHUNK_SIZE])
