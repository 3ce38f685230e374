"""Matrix product: C (+)= op(A) op(B) + 1 biasᵀ, with op(A) = A or Aᵀ.

Two kernel bodies share the work, because each is fast where the other is slow; neither needs its operands packed in the
three products of a linear layer (H = X Wᵀ, gX = G W, gW = Gᵀ X):

* `multiply_by_dots`, for A Bᵀ with a long inner size K: 2 x 4 dot products of rows at a time, eight sums in registers.

      B (N, K)   ====  4 rows, kept in the level-1 cache
      A (M, K)   ==    2 rows        ->   C  2 x 4

* `multiply_by_rows`, for A B or Aᵀ B with long rows (N): a row of C gains 8 rows of B, weighted by 8 entries of A.

      C[i, j..j+255]  +=  A[i, p] B[p, j..j+255] + ... + A[i, p+7] B[p+7, j..j+255]     (B: level-1 cache)

Operands are flat arrays with an offset and a row stride, so that the convolutions use the same bodies on parts of
arrays.
"""

import numpy as np
from numba import prange

from .checks import as_array, output, same_dtype
from .config import jit, parallel_jit
from .errors import ShapeError

PARALLEL_FLOPS = 1_000_000  # below, starting threads costs more than it brings
SHORT = 32  # a loop shorter than this does not fill the vector registers
ROWS, COLUMNS, TASKS = 64, 256, 16  # a block of C (64 KiB in float32), and how many of them make good parallel work
TALL, CHUNKS = 2048, 16  # products with few blocks of C but a long inner size are cut along it


@jit
def multiply_by_dots(A, a, lda, B, b, ldb, C, c, ldc, M, N, K):
    """C += A Bᵀ for A (M, K) at offset a with row stride lda, B (N, K) likewise, C (M, N) likewise."""
    zero = A.dtype.type(0)
    block = 4096 // A.itemsize  # 4 rows of B in 16 KiB
    for start in range(0, K, block):
        k = min(block, K - start)
        for j in range(0, N, 4):
            # At the edges a row is used twice and its result dropped, so every element is computed by the same code.
            n = min(4, N - j)
            q = b + j * ldb + start
            b0 = B[q : q + k]
            q = b + min(j + 1, N - 1) * ldb + start
            b1 = B[q : q + k]
            q = b + min(j + 2, N - 1) * ldb + start
            b2 = B[q : q + k]
            q = b + min(j + 3, N - 1) * ldb + start
            b3 = B[q : q + k]
            for i in range(0, M, 2):
                q = a + i * lda + start
                a0 = A[q : q + k]
                q = a + min(i + 1, M - 1) * lda + start
                a1 = A[q : q + k]
                s00 = s01 = s02 = s03 = zero
                s10 = s11 = s12 = s13 = zero
                for p in range(k):
                    x0 = a0[p]
                    x1 = a1[p]
                    s00 += x0 * b0[p]
                    s01 += x0 * b1[p]
                    s02 += x0 * b2[p]
                    s03 += x0 * b3[p]
                    s10 += x1 * b0[p]
                    s11 += x1 * b1[p]
                    s12 += x1 * b2[p]
                    s13 += x1 * b3[p]
                q = c + i * ldc + j
                row = C[q : q + n]
                row[0] += s00
                if n > 1:
                    row[1] += s01
                if n > 2:
                    row[2] += s02
                if n > 3:
                    row[3] += s03
                if i + 1 < M:
                    row = C[q + ldc : q + ldc + n]
                    row[0] += s10
                    if n > 1:
                        row[1] += s11
                    if n > 2:
                        row[2] += s12
                    if n > 3:
                        row[3] += s13


@jit
def multiply_by_rows(A, a, row_a, column_a, B, b, ldb, C, c, ldc, M, N, K):
    """C += A B for A (M, K) with strides row_a, column_a (1, M for the transpose of a stored (K, M)), B (K, N)."""
    for start in range(0, N, 256):
        n = min(256, N - start)
        p = 0
        while p + 8 <= K:
            q = b + p * ldb + start
            b0 = B[q : q + n]
            b1 = B[q + ldb : q + ldb + n]
            b2 = B[q + 2 * ldb : q + 2 * ldb + n]
            b3 = B[q + 3 * ldb : q + 3 * ldb + n]
            b4 = B[q + 4 * ldb : q + 4 * ldb + n]
            b5 = B[q + 5 * ldb : q + 5 * ldb + n]
            b6 = B[q + 6 * ldb : q + 6 * ldb + n]
            b7 = B[q + 7 * ldb : q + 7 * ldb + n]
            for i in range(M):
                q = a + i * row_a + p * column_a
                a0 = A[q]
                a1 = A[q + column_a]
                a2 = A[q + 2 * column_a]
                a3 = A[q + 3 * column_a]
                a4 = A[q + 4 * column_a]
                a5 = A[q + 5 * column_a]
                a6 = A[q + 6 * column_a]
                a7 = A[q + 7 * column_a]
                q = c + i * ldc + start
                row = C[q : q + n]
                for j in range(n):
                    s = a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
                    row[j] += s + (a4 * b4[j] + a5 * b5[j] + a6 * b6[j] + a7 * b7[j])
            p += 8
        while p < K:
            q = b + p * ldb + start
            b0 = B[q : q + n]
            for i in range(M):
                a0 = A[a + i * row_a + p * column_a]
                q = c + i * ldc + start
                row = C[q : q + n]
                for j in range(n):
                    row[j] += a0 * b0[j]
            p += 1


@jit
def begin_rows(C, c, ldc, M, N, bias, b, keep):
    """C = (C if keep else 0) + 1 biasᵀ, the bias at offset b; an empty one means none. C is read only if kept."""
    zero = C.dtype.type(0)
    for i in range(M):
        q = c + i * ldc
        row = C[q : q + N]
        if not keep:
            for j in range(N):
                row[j] = zero
        if bias.size > 0:
            terms = bias[b : b + N]
            for j in range(N):
                row[j] += terms[j]


@jit
def multiply_block(A, row_a, column_a, B, ldb, dots, bias, C, c, ldc, keep, i, m, j, n, p, k):
    """The block of C with m rows from i and n columns from j, from k inner indices from p on; C lies at offset c."""
    q = c + i * ldc + j
    begin_rows(C, q, ldc, m, n, bias, j, keep)
    if dots:
        multiply_by_dots(A, i * row_a + p, row_a, B, j * ldb + p, ldb, C, q, ldc, m, n, k)
    else:
        multiply_by_rows(A, i * row_a + p * column_a, row_a, column_a, B, p * ldb + j, ldb, C, q, ldc, m, n, k)


@parallel_jit
def _multiply_parallel(A, row_a, column_a, B, ldb, dots, bias, C, keep, M, N, K, rows, columns, inner):
    """All blocks of rows x columns x inner; the blocks of each chunk of inner indices fill a C of their own."""
    down, across, chunks = (M + rows - 1) // rows, (N + columns - 1) // columns, (K + inner - 1) // inner
    for task in prange(down * across * chunks):
        t = np.int64(task)  # the index of a prange is unsigned
        chunk = t // (down * across)
        i = (t - chunk * down * across) // across * rows
        j = t % across * columns
        p = chunk * inner
        m, n, k = min(rows, M - i), min(columns, N - j), min(inner, K - p)
        multiply_block(A, row_a, column_a, B, ldb, dots, bias, C, chunk * M * N, N, keep, i, m, j, n, p, k)


@jit
def fold(partials, chunks, rows, width, ld, bias, out, keep):
    """out (rows, width) = (out if keep else 0) + 1 biasᵀ + the sum, in order, of partials (chunks, rows, ld)."""
    zero = np.int64(0)  # a literal 0 would make Numba compile a version of the callee for it
    begin_rows(out, zero, width, rows, width, bias, zero, keep)
    for i in range(rows):
        row = out[i * width : (i + 1) * width]
        for chunk in range(chunks):
            q = (chunk * rows + i) * ld
            part = partials[q : q + width]
            for j in range(width):
                row[j] += part[j]


@jit
def transpose_into(A, out, count, M, N):
    """out (count, N, M) = the transposes of the matrices in A (count, M, N), in tiles of 32 x 32."""
    for matrix in range(count):
        q = matrix * M * N
        for i0 in range(0, M, 32):
            m = min(32, M - i0)
            for j0 in range(0, N, 32):
                for j in range(j0, min(j0 + 32, N)):
                    column = out[q + j * M + i0 : q + j * M + i0 + m]
                    for i in range(m):
                        column[i] = A[q + (i0 + i) * N + j]


def by_dots(transpose_a: bool, transpose_b: bool, M: int, N: int, K: int) -> bool:
    """Which body computes a product: dots (needs op(A) and op(B)ᵀ row by row) or rows (needs op(B) row by row)."""
    if transpose_a:
        return False  # Aᵀ would have to be packed for dots
    if M < 8 or min(N, K) >= SHORT:
        return transpose_b  # as the operands lie: packing B costs more than it brings
    return K > N


def transposed(A: np.ndarray) -> np.ndarray:
    """A contiguous copy with the last two axes exchanged."""
    *lead, M, N = A.shape
    out = np.empty((*lead, N, M), A.dtype)
    transpose_into(A.reshape(-1), out.reshape(-1), A.size // (M * N) if A.size else 0, M, N)
    return out


def _blocks(M: int, N: int, K: int) -> tuple[int, int, int]:
    """Rows, columns and inner indices per block, from the shape alone, so that bits do not depend on the threads."""
    rows, columns = ROWS, COLUMNS

    def count():
        return -(-M // rows) * -(-N // columns)

    if K >= TALL and count() < TASKS // 2:
        return rows, columns, max(TALL // 4, -(-K // (8 * CHUNKS)) * 8)
    while count() < TASKS and rows > 16:
        rows //= 2
    while count() < TASKS and columns > 64:
        columns //= 2
    return rows, columns, K


def multiply(A, B, transpose_a, transpose_b, out, accumulate=False, bias=None) -> None:
    """`matmul` without its checks: C-contiguous arrays of fitting shapes and one dtype, `out` given."""
    M, N = out.shape
    K = A.shape[0] if transpose_a else A.shape[1]
    dots = by_dots(transpose_a, transpose_b, M, N, K)
    if dots != transpose_b:
        B = transposed(B)
    row_a, column_a = (1, M) if transpose_a else (K, 1)
    a, b, c = A.reshape(-1), B.reshape(-1), out.reshape(-1)
    ldb, keep = K if dots else N, int(accumulate)
    terms = np.empty(0, out.dtype) if bias is None else bias
    if 2 * M * N * K < PARALLEL_FLOPS:
        multiply_block(a, row_a, column_a, b, ldb, dots, terms, c, 0, N, keep, 0, M, 0, N, 0, K)
        return
    rows, columns, inner = _blocks(M, N, K)
    chunks = -(-K // inner)
    if chunks == 1:
        _multiply_parallel(a, row_a, column_a, b, ldb, dots, terms, c, keep, M, N, K, rows, columns, inner)
        return
    partials, none = np.empty(chunks * M * N, out.dtype), np.empty(0, out.dtype)
    _multiply_parallel(a, row_a, column_a, b, ldb, dots, none, partials, 0, M, N, K, rows, columns, inner)
    fold(partials, chunks, M, N, N, terms, c, keep)


def matmul(
    A: np.ndarray,
    B: np.ndarray,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: np.ndarray | None = None,
    accumulate: bool = False,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Matrix product of two matrices, each transposed or not, plus a bias row.

    Forward:   C = op(A) op(B) + 1 biasᵀ        (C += ... with `accumulate`)
    Backward:  products again: for C = A Bᵀ, gA = G B and gB = Gᵀ A; gbias = Gᵀ 1 (`column_sums`)
    Shapes:    op(A) (M, K), op(B) (K, N), bias (N,), C (M, N); float32 or float64, all of one dtype; any size may be 0
    Errors:    ShapeError, DtypeError, ValueError (`accumulate` without `out`, `out` overlapping an input)
    Reference: docs/equations.md, section 3.1

    `out` is C-contiguous and shares no memory with the inputs; it is read only with `accumulate`.
    """
    A0, B0, bias0 = A, B, bias
    A, B = as_array("matmul", "A", A, 2), as_array("matmul", "B", B, 2)
    if bias is not None:
        bias = as_array("matmul", "bias", bias, 1)
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
    if accumulate and out is None:
        raise ValueError("matmul: expected out with accumulate=True, got None. Pass the array to add to.")
    out = output("matmul", out, (M, N), dtype, A0, B0, bias0)
    multiply(A, B, bool(transpose_a), bool(transpose_b), out, bool(accumulate), bias)
    return out
