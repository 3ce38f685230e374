"""Matrix product: C = f((C if accumulated) + op(A) op(B) + 1 biasᵀ), with op(A) = A or Aᵀ.

The microkernel does the arithmetic in the loops of the macrokernel; here C is shared among the threads.

      columns ->                        one task per thread: the cut of C for which the slowest task has least to do,
      +-------------+-------------+     tiles and packing counted
      |   task 0    |   task 1    |
      +-------------+-------------+     few columns and a long inner size: dot products along A's and B's rows

No choice of blocks, packing or tasks changes a bit of the result, for every element of C is one sum over p in order, of
fused multiply-adds: so the tasks may follow the number of threads. What does change bits depends on the shape alone:
dot products for a few columns, and a small product with a very long inner size, which is cut along it ("split K") into
chunks that are summed on their own and folded in order.
"""

import functools

import numpy as np
from numba import boolean, int64, prange
from numpy import ndarray

from ..codegen.builder import ACTIVATIONS, NONE, RELU, SIGMOID
from ..codegen.copies import flat
from ..codegen.dot_microkernel import dot_microkernel
from ..codegen.function_pointer import address, call, entry_point, flat_of, matrix_of
from ..codegen.microkernel import row_places
from ..elementwise.activations import relu_serial, sigmoid_serial, tanh_serial
from ..errors import ShapeError
from ..runtime.arrays import are_canonical, as_array, as_rows_of, checked_out, same_dtype
from ..runtime.config import NOWHERE, ONE, ZERO, inlined_jit, jit, parallel_jit, threads_inside
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_FLOPS
from ..runtime.target import MR, MR_SMALL, NR_BYTES, VECTOR_BYTES
from .macrokernel import gemm, gemm_one_block, is_one_block, scratch_for

DOT_ROWS, DOT_COLUMNS = 2, 5  # rows x columns of one tile of dot products: 10 accumulators
DOT_INNER = 64  # inner size from which on dot products pay
SPLIT_K_FROM, SPLIT_K_SIZE = 2048, 16_384  # inner size from which on a C of at most so many numbers is cut along it
SPLIT_K_CHUNKS = 16


@inlined_jit
def _by_dots(N, K, transpose_a, transpose_b, itemsize):
    """Whether A Bᵀ is computed by dot products. M does not count: a row of C has the same bits in any batch."""
    return transpose_b and not transpose_a and N <= 2 * DOT_COLUMNS and K >= DOT_INNER and 8 * itemsize <= VECTOR_BYTES


@jit
def _gemm_by_dots(A, a, lda, B, b, ldb, C, c, ldc, M, N, K, keep, bias, bias_at, f):
    """`gemm` of A Bᵀ for few columns."""
    for i in range(0, M, DOT_ROWS):
        a_rows = row_places(DOT_ROWS, a + i * lda, lda, M - i)
        for j in range(0, N, DOT_COLUMNS):
            c_rows = row_places(DOT_ROWS, c + i * ldc + j, ldc, M - i)
            b_rows = row_places(DOT_COLUMNS, b + j * ldb, ldb, N - j)
            own_bias = bias_at + j if bias_at >= 0 else bias_at
            dot_microkernel(
                DOT_COLUMNS, a_rows, c_rows, b_rows, min(DOT_COLUMNS, N - j), K, A, B, C, keep, bias, own_bias, f
            )


@inlined_jit
def _gemm_task(A, B, C, q, i, m, j, n, p, k, M, N, K, transpose_a, transpose_b, keep, bias, f, activate):
    """Rows i to i + m and columns j to j + n of C (M, N), which begins at q, summed over p to p + k."""
    row_a, step_a = (ONE, M) if transpose_a else (K, ONE)
    a, c, bias_at = i * row_a + p * step_a, q + i * N + j, j if bias.size > 0 else NOWHERE
    inside = f if f == RELU else np.int64(NONE)
    if _by_dots(N, K, transpose_a, transpose_b, A.itemsize):
        _gemm_by_dots(A, a, K, B, j * K + p, K, C, c, N, m, n, k, keep, bias, bias_at, inside)
    else:
        transposed = ONE if transpose_b else ZERO
        ldb = K if transpose_b else N
        b = j * K + p if transpose_b else p * N + j
        S = scratch_for(m, n, k, row_a, step_a, transposed, A)
        if is_one_block(m, n, k, row_a, step_a, A.itemsize):
            gemm_one_block(S, A, a, row_a, step_a, B, b, ldb, transposed, C, c, N, m, n, k, keep, bias, bias_at, inside)
        else:
            gemm(S, A, a, row_a, step_a, B, b, ldb, transposed, C, c, N, m, n, k, keep, bias, bias_at, inside)
    if f > RELU:
        call(activate, (C, c, N, m, n, f))


@jit
def _activate(C, c, ldc, m, n, f):
    """Sigmoid or tanh of m x n numbers of C. Called by address: few products want it, and it takes 2 s to compile."""
    length = m * n if n == ldc else n
    for q in range(c, c + m * ldc, m * ldc if n == ldc else ldc):
        row = C[q : q + length]
        if f == SIGMOID:
            sigmoid_serial(row, row)
        else:
            tanh_serial(row, row)


@inlined_jit
def _fits(A, B, C, transpose_a, transpose_b):
    """Whether the shapes fit and C shares no memory with A and B: asked here it costs nothing, in Python 1 us."""
    inner_a, rows = A.shape if transpose_a else A.shape[::-1]
    inner_b, columns = B.shape[::-1] if transpose_b else B.shape
    a, b, c = A.ctypes.data, B.ctypes.data, C.ctypes.data
    end = c + C.size * C.itemsize
    disjoint = (a >= end or c >= a + A.size * A.itemsize) and (b >= end or c >= b + B.size * B.itemsize)
    return inner_a == inner_b and C.shape == (rows, columns) and disjoint


@jit
def multiply(A, B, C, transpose_a, transpose_b, accumulate, bias, f, activate):
    """The product by one thread; False, and nothing done, if the arrays do not fit."""
    M, N = C.shape
    fit = _fits(A, B, C, transpose_a, transpose_b)
    if fit and M * N > 0:
        K = A.shape[0] if transpose_a else A.shape[1]
        keep = ONE if accumulate else ZERO
        a, b, c = flat(A), flat(B), flat(C)
        _gemm_task(a, b, c, ZERO, ZERO, M, ZERO, N, ZERO, K, M, N, K, transpose_a, transpose_b, keep, bias, f, activate)
    return fit


@inlined_jit
def split_k(M, N, K):
    """Inner indices per chunk, from the shape alone."""
    if K < SPLIT_K_FROM or M * N > SPLIT_K_SIZE:
        return max(K, 1)
    return max(SPLIT_K_FROM // 4, (K + 8 * SPLIT_K_CHUNKS - 1) // (8 * SPLIT_K_CHUNKS) * 8)


@inlined_jit
def task_size(M, N, tasks, width):
    """Rows and columns of a block of C, for a grid of at most `tasks` blocks."""
    best, rows, columns = np.int64(-1), M, N
    for down in range(1, tasks + 1):
        m, n = (M + down - 1) // down, (N + tasks // down - 1) // (tasks // down)
        if m > 4 * MR:
            m = min((m + MR - 1) // MR * MR, M)
        n = min((n + width - 1) // width * width, N)
        left = m % MR
        high = m - left + (0 if left == 0 else MR_SMALL if left <= MR_SMALL else MR)
        # Multiply-adds and, at the speed of about 10 of them each, the numbers of B and of A that a task packs.
        cost = high * ((n + width // 2 - 1) // (width // 2) * (width // 2)) + 10 * n + 5 * m
        # Of nearly equal grids that of more rows: an update then finds its part of a gradient in its own cache.
        if best < 0 or 64 * cost < 65 * best:
            best, rows, columns = cost, m, n
    return rows, columns


@parallel_jit
def _multiply_parallel(A, B, C, transpose_a, transpose_b, accumulate, bias, f, activate):
    """`multiply` by all threads."""
    if not _fits(A, B, C, transpose_a, transpose_b):
        return False
    M, N = C.shape
    K = A.shape[0] if transpose_a else A.shape[1]
    a, b, c = flat(A), flat(B), flat(C)
    inner = split_k(M, N, K)
    chunks = (K + inner - 1) // inner
    keep = ONE if accumulate else ZERO
    tasks = max(1, min(threads_inside(), 2 * M * N * K // (PARALLEL_FLOPS // 2)))
    rows, columns = task_size(M, N, max(1, tasks // chunks), NR_BYTES // A.itemsize)
    down, across = (M + rows - 1) // rows, (N + columns - 1) // columns
    if chunks == 1:
        target, kept, own_bias, g = c, keep, bias, f
    else:
        target, kept, own_bias, g = np.empty(chunks * M * N, a.dtype), ZERO, bias[:0], np.int64(NONE)
    for task in prange(down * across * chunks):
        t = np.int64(task)  # the index of a prange is unsigned
        chunk = t // (down * across)
        i = (t - chunk * down * across) // across * rows
        j, p = t % across * columns, chunk * inner
        m, n, k = min(rows, M - i), min(columns, N - j), min(inner, K - p)
        _gemm_task(
            a, b, target, chunk * M * N, i, m, j, n, p, k,
            M, N, K, transpose_a, transpose_b, kept, own_bias, g, activate,
        )  # fmt: skip
    if chunks > 1:
        fold(target, chunks, M, N, bias, c, keep)
        if f == RELU:
            relu_serial(c, c)
        elif f > RELU:
            call(activate, (c, ZERO, c.size, ONE, c.size, f))
    return True


@jit
def fold(partials, chunks, M, N, bias, C, keep):
    """C (M, N) = (C if keep else 0) + 1 biasᵀ + the sum, in order, of partials (chunks, M, N)."""
    zero = C.dtype.type(0)
    for i in range(M):
        row = C[i * N : (i + 1) * N]
        if not keep:
            for j in range(N):
                row[j] = zero
        if bias.size > 0:
            for j in range(N):
                row[j] += bias[j]
        for chunk in range(chunks):
            part = partials[(chunk * M + i) * N : (chunk * M + i + 1) * N]
            for j in range(N):
                row[j] += part[j]


_NO_BIAS_4, _NO_BIAS_8 = np.empty(0, np.float32), np.empty(0, np.float64)


def choose_kernel(work, dtype, bias, activation) -> tuple:
    """The function for so many multiply-adds, and its last three arguments."""
    body = _by_one_thread(dtype) if work < PARALLEL_FLOPS // 2 else _multiply_parallel
    if bias is None:
        bias = _NO_BIAS_4 if dtype.itemsize == 4 else _NO_BIAS_8
    f = ACTIVATIONS[activation]
    return body, bias, f, _activate_at(dtype) if f > RELU else 0


@operation("out")
def matmul_unchecked(
    A, B, transpose_a=False, transpose_b=False, out=None, accumulate=False, bias=None, activation=None
) -> np.ndarray:
    """`matmul` without its checks: C-contiguous arrays of fitting shapes and one dtype, bools.

    An operand with more than two axes is the matrix of its rows, (B, ..., N) -> (B ..., N); C keeps the axes of A.
    """
    if out is None:
        N = B.shape[-2 if transpose_b else -1]
        out = np.empty((A.shape[-1], N) if transpose_a else (*A.shape[:-1], N), A.dtype)
    C = out
    if A.ndim + B.ndim + C.ndim > 6:  # most are matrices, and three calls take 0.2 us
        A, B, C = as_rows_of(A), as_rows_of(B), as_rows_of(out)
    body, bias, f, activate = choose_kernel(A.size * C.shape[1], C.dtype, bias, activation)
    launch(body, A, B, C, transpose_a, transpose_b, accumulate, bias, f, activate)
    return out


@functools.cache
def _by_one_thread(dtype):
    matrix, flag = matrix_of(dtype), boolean
    return entry_point(multiply, matrix, matrix, matrix, flag, flag, flag, flat_of(dtype), int64, int64)


@functools.cache
def _activate_at(dtype):
    number = int64
    return address(_activate, flat_of(dtype), number, number, number, number, number)


def matmul(
    A: ndarray,
    B: ndarray,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: ndarray | None = None,
    accumulate: bool = False,
    bias: ndarray | None = None,
    activation: str | None = None,
) -> ndarray:
    """Matrix product of two matrices, each transposed or not, plus a bias row, and an activation of the result.

    Forward:   C = f(op(A) op(B) + 1 biasᵀ)     (f(C + ...) with `accumulate`); f "relu", "sigmoid", "tanh" or None
    Backward:  products again: for C = A Bᵀ, gA = G B and gB = Gᵀ A; gbias = Gᵀ 1 (`column_sums`)
    Shapes:    op(A) (M, K), op(B) (K, N), bias (N,), C (M, N); float32 or float64, all of one dtype; any size may be 0
    Errors:    ShapeError, DtypeError, ValueError (`activation`, `accumulate` without `out`, `out` overlapping an input)
    Reference: docs/equations.md, section 3.1

    `out` is C-contiguous and shares no memory with the inputs; it is read only with `accumulate`. With an activation
    the bits are those of the activation's own kernel run afterwards.
    """
    plain = bias is activation is None and type(transpose_a) is type(transpose_b) is type(accumulate) is bool
    if plain and out is not None and are_canonical(2, A, B, out):
        # What `choose_kernel` gives, 0.2 us faster: a tenth of a small product.
        body = _by_one_thread(out.dtype) if A.size * out.shape[1] < PARALLEL_FLOPS // 2 else _multiply_parallel
        none = _NO_BIAS_4 if out.itemsize == 4 else _NO_BIAS_8
        if launch(body, A, B, out, transpose_a, transpose_b, accumulate, none, NONE, 0):
            return out
    A0, B0, bias0 = A, B, bias
    A, B = as_array("matmul", "A", A, 2), as_array("matmul", "B", B, 2)
    if bias is not None:
        bias = as_array("matmul", "bias", bias, 1)
    dtype = A.dtype
    if B.dtype is not dtype or (bias is not None and bias.dtype is not dtype):
        dtype = same_dtype("matmul", A=A, B=B, bias=bias)
    M, K = A.shape[::-1] if transpose_a else A.shape
    inner, N = B.shape[::-1] if transpose_b else B.shape
    if inner != K:
        raise ShapeError(
            f"matmul: expected equal inner sizes of op(A) and op(B), got op(A) {(M, K)} and op(B) {(inner, N)}. "
            "Try transpose_a or transpose_b."
        )
    if bias is not None and bias.shape != (N,):
        raise ShapeError(f"matmul: expected bias of shape {(N,)}, got {bias.shape}. It has one entry per column.")
    if activation is not None and activation not in list(ACTIVATIONS):
        raise ValueError(
            f"matmul: expected activation None, 'relu', 'sigmoid' or 'tanh', got {activation!r}. "
            "Call its kernel afterwards."
        )
    if accumulate and out is None:
        raise ValueError("matmul: expected out with accumulate=True, got None. Pass the array to add to.")
    out = checked_out("matmul", out, (M, N), dtype, A0, B0, bias0)
    matmul_unchecked(A, B, bool(transpose_a), bool(transpose_b), out, bool(accumulate), bias, activation)
    return out
