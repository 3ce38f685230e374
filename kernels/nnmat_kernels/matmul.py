"""Matrix product: C = f((C if accumulated) + op(A) op(B) + 1 biasᵀ), with op(A) = A or Aᵀ.

The register tile (`tile`) does all the arithmetic; here are the loops round it.

      for p in blocks of 384 inner indices               a sum that is cut and continued keeps the bits of an uncut one
        for j in blocks of columns                       B: packed into panels as wide as a tile, where that pays
          for i in blocks of rows                        A: packed into panels as high as a tile, if it is large
            for each panel of B                          (384 x 16 float32: 24 KiB, stays in the level-1 cache)
              for each tile down the block               (6 x 16)

                        B (K, N)    | 16 |
                          384 {     |####|  panel          A is read in the order in which it lies, transposed or not:
      A (M, K)            384       |    |                 a tile takes 6 numbers of it for each 2 vectors of B. B must
      +--------------+              |    |                 lie by rows; Bᵀ is turned round while it is packed.
      |   |######|   | 6   ------>  |tile|
      |   |      |   |              |    |
                                     C (M, N)

No choice of blocks, packing or threads changes a bit of the result, for every element of C is one sum over p in order,
of fused multiply-adds. Only a product with few blocks of C and a long inner size is cut along it, into chunks that are
summed on their own and folded in order; where the cuts are depends on the shape alone.

Operands are flat arrays with an offset and strides, so that the convolutions use the same code on parts of arrays.
"""

import numpy as np
from numba import prange

from .activations import relu
from .checks import as_array, output, same_dtype
from .config import inlined_jit, jit, parallel_jit
from .errors import ShapeError
from .registers import FEW, ROWS, VECTOR_BYTES
from .tile import NONE, RELU, pack, pack_transposed, row_places, tile

PARALLEL_FLOPS = 1_000_000  # below, starting threads costs more than it brings
INNER = 384  # inner indices at a time: a panel of B fills three quarters of a level-1 cache of 32 KiB
ROW_BYTES, COLUMN_BYTES = 576, 8192  # rows (144 float32: level-2 cache) and columns (2048: level 3) at a time
FEW_ROWS = 8  # rows of an operand that are packed at a time: even 4 KiB apart they fit the level-1 cache together
SHARED_ROWS = 40  # rows of C from which on B is packed even where it lies in order
LARGE = 131_072  # numbers in A from which on it may be packed
TALL, CHUNKS = 2048, 16  # products with few blocks of C but a long inner size are cut along it
TASKS, TASK_FLOPS = 16, 32_000_000  # the most blocks of C that a product is cut into, and the work of one
LEFT = -(-4 * ROWS // VECTOR_BYTES) * VECTOR_BYTES // 4  # the width of a panel of A: whole vectors, either dtype


@inlined_jit
def _multiply_panel(A, a, row_a, step_a, tile_a, B, b, step_b, C, c, ldc, m, n, k, keep, bias, at, f):
    """m rows of one panel of C, n <= a tile's width; tile_a lies between the tiles of a packed A, 0: not packed."""
    width = 2 * (VECTOR_BYTES // A.itemsize)
    ahead = ROWS * ldc
    i = 0
    while i < m:
        left = m - i
        few = (left + FEW - 1) // FEW * FEW  # rows, if all that are left are done by smaller tiles
        more = ROWS + (max(left - ROWS, 0) + FEW - 1) // FEW * FEW
        if left <= FEW or (tile_a == 0 and left < 2 * ROWS and few < more):
            rows_a, rows_c = row_places(FEW, a, row_a, left), row_places(FEW, c, ldc, left)
            if n == width:
                tile(2, 0, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            elif 2 * n > width:
                tile(2, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            else:
                tile(1, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            i += FEW
            a += FEW * row_a
            c += FEW * ldc
        else:
            all_a, all_c = row_places(ROWS, a, row_a, left), row_places(ROWS, c, ldc, left)
            if n == width:
                tile(2, 0, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            elif 2 * n > width:
                tile(2, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            else:
                tile(1, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            i += ROWS
            a += tile_a if tile_a > 0 else ROWS * row_a
            c += ahead


@inlined_jit
def _layout(M, N, K, row_a, step_a, itemsize):
    """How the loops are cut: is A packed, columns and inner indices at a time, places before A in the scratch."""
    width = 2 * (VECTOR_BYTES // itemsize)
    if step_a == 1:
        pack_a = M * K >= LARGE and N >= 128 and row_a * itemsize >= 2048
    else:  # rows of Aᵀ fill a cache line each for the few numbers that a tile takes
        pack_a = M * K >= 16_384 and N >= 64
    # If there is one block of rows only, a panel of B is used at once, from the level-1 cache.
    wide = width if not pack_a and ROW_BYTES // itemsize >= M else COLUMN_BYTES // itemsize
    inner = min(INNER, (K + 15) // 16 * 16)
    return pack_a, wide, inner, (min(N, wide) + width - 1) // width * width * inner


@inlined_jit
def scratch_for(M, N, K, row_a, step_a, like):
    """A scratch array for `multiply_within`."""
    pack_a, _, inner, panels = _layout(M, N, K, row_a, step_a, like.itemsize)
    rows = (ROW_BYTES // like.itemsize + ROWS) // ROWS * LEFT if pack_a else 0
    return np.empty(panels + rows * inner, like.dtype)


@jit
def multiply_block(A, a, row_a, step_a, B, b, ldb, turned, C, c, ldc, M, N, K, keep, bias, at, f):
    """C (M, N) at c = f((C if keep else 0) + A B + 1 biasᵀ), all of it by one thread.

    A (M, K) at a has the strides row_a and step_a. B at b has rows of stride ldb: those of B (K, N), or if `turned` of
    Bᵀ (N, K). The bias begins at `at`; at < 0 means none.
    """
    S = scratch_for(M, N, K, row_a, step_a, A)
    multiply_within(S, A, a, row_a, step_a, B, b, ldb, turned, C, c, ldc, M, N, K, keep, bias, at, f)


@jit
def multiply_within(S, A, a, row_a, step_a, B, b, ldb, turned, C, c, ldc, M, N, K, keep, bias, at, f):
    """`multiply_block` with a scratch array to pack into."""
    zero, one, none = np.int64(0), np.int64(1), np.int64(-1)  # a literal would be a signature of its own to Numba
    width, high = 2 * (VECTOR_BYTES // A.itemsize), ROW_BYTES // A.itemsize
    pack_a, wide, inner, panels = _layout(M, N, K, row_a, step_a, A.itemsize)
    pack_b = turned or M >= SHARED_ROWS
    L, row, step_l, tile_a = (S, one, np.int64(LEFT), LEFT * inner) if pack_a else (A, row_a, step_a, zero)
    p = zero
    while True:
        k = min(INNER, K - p)
        kept = one if p > 0 else keep
        last = p + k >= K
        for j0 in range(0, N, wide):
            j1 = min(N, j0 + wide)
            if turned:
                for j in range(j0, j1, width):
                    pack_transposed(2, S, (j - j0) * inner, B, b + j * ldb + p, ldb, min(width, N - j), k)
            else:
                # A few rows for all panels, then the next ones: down one panel, cache lines would push out each other.
                few = max(k, 1) if wide == width else FEW_ROWS
                for q in range(0, k, few):
                    for j in range(j0 if pack_b else max(j0, j1 - j1 % width), j1, width):
                        s, source = (j - j0) * inner + q * width, b + (p + q) * ldb + j
                        pack(2, S, s, B, source, ldb, min(width, N - j), min(few, k - q))
            for i in range(0, M, high):
                m = min(high, M - i)
                from_a = a + i * row_a + p * step_a
                if pack_a:
                    if step_a == 1:
                        for t in range(0, m, ROWS):
                            s = panels + t // ROWS * tile_a
                            pack_transposed(0, S, s, A, from_a + t * row_a, row_a, min(ROWS, m - t), k)
                    else:
                        for q in range(0, k, FEW_ROWS):
                            for t in range(0, m, ROWS):
                                s, source = panels + t // ROWS * tile_a + q * LEFT, from_a + t + q * step_a
                                pack(0, S, s, A, source, step_a, min(LEFT, m - t), min(FEW_ROWS, k - q))
                    from_a = panels
                for j in range(j0, j1, width):
                    n = min(width, N - j)
                    X, x, step = (S, (j - j0) * inner, width) if pack_b or n < width else (B, b + p * ldb + j, ldb)
                    terms = at + j if at >= 0 and last else none
                    _multiply_panel(
                        L, from_a, row, step_l, tile_a, X, x, step,
                        C, c + i * ldc + j, ldc, m, n, k, kept, bias, terms, f if last else zero,
                    )  # fmt: skip
        p += k
        if last:
            break


@jit
def _multiply(A, B, C, transpose_a, transpose_b, keep, bias, f):
    M, N = C.shape
    K = A.size // M if M > 0 else 0
    row_a, step_a = (1, M) if transpose_a else (K, 1)
    ldb = K if transpose_b else N
    zero = np.int64(0)  # no literal (see above)
    at = np.int64(0 if bias.size > 0 else -1)
    a, b, c = A.reshape(A.size), B.reshape(B.size), C.reshape(C.size)
    S = scratch_for(M, N, K, row_a, step_a, a)
    multiply_within(S, a, zero, row_a, step_a, b, zero, ldb, transpose_b, c, zero, N, M, N, K, keep, bias, at, f)


@parallel_jit
def _multiply_parallel(A, row_a, step_a, B, ldb, turned, C, keep, bias, f, M, N, K, rows, columns, inner):
    """All blocks of rows x columns x inner; the blocks of each chunk of inner indices fill a C of their own."""
    down, across, chunks = (M + rows - 1) // rows, (N + columns - 1) // columns, (K + inner - 1) // inner
    for task in prange(down * across * chunks):
        t = np.int64(task)  # the index of a prange is unsigned
        chunk = t // (down * across)
        i = (t - chunk * down * across) // across * rows
        j = t % across * columns
        p = chunk * inner
        b, at = j * ldb + p if turned else p * ldb + j, j if bias.size > 0 else -1
        m, n, k = min(rows, M - i), min(columns, N - j), min(inner, K - p)
        q = chunk * M * N + i * N + j
        S = scratch_for(m, n, k, row_a, step_a, A)
        multiply_within(
            S, A, i * row_a + p * step_a, row_a, step_a, B, b, ldb, turned, C, q, N, m, n, k, keep, bias, at, f
        )


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


def _blocks(M: int, N: int, K: int) -> tuple[int, int, int]:
    """Rows, columns and inner indices per task, from the shape alone."""
    rows, columns = max(1, min(512, M)), max(1, min(512, N))

    def count():
        return -(-M // rows) * -(-N // columns)

    if K >= TALL and count() < TASKS // 2:
        return rows, columns, max(TALL // 4, -(-K // (8 * CHUNKS)) * 8)
    wanted = min(TASKS, max(4, 2 * M * N * K // TASK_FLOPS))
    while count() < wanted:
        # Every task packs its own part of B, and of A if that is large: then cut both ways, else cut columns first.
        if columns > 32 and (columns >= rows or rows <= 144 or M * K < LARGE):
            columns = -(-columns // 32) * 16
        elif rows > 72:
            rows = -(-rows // 24) * 12
        else:
            break
    return rows, columns, K


_NO_BIAS = {np.dtype(d): np.empty(0, d) for d in (np.float32, np.float64)}


def multiply(A, B, transpose_a, transpose_b, out, accumulate=False, bias=None, activation=NONE) -> None:
    """`matmul` without its checks: C-contiguous arrays of fitting shapes and one dtype, `out` given.

    `activation` is NONE or RELU of `tile`; the bits are those of the activation's own kernel afterwards.
    """
    M, N = out.shape
    K = A.shape[0] if transpose_a else A.shape[1]
    none = _NO_BIAS[out.dtype]
    terms = none if bias is None else bias
    if 2 * M * N * K < PARALLEL_FLOPS:
        _multiply(A, B, out, int(transpose_a), int(transpose_b), int(accumulate), terms, activation)
        return
    row_a, step_a = (1, M) if transpose_a else (K, 1)
    ldb = K if transpose_b else N
    rows, columns, inner = _blocks(M, N, K)
    chunks = -(-K // inner)
    product = A.reshape(-1), row_a, step_a, B.reshape(-1), ldb, int(transpose_b)
    sizes = M, N, K, rows, columns, inner
    if chunks == 1:
        _multiply_parallel(*product, out.reshape(-1), int(accumulate), terms, activation, *sizes)
        return
    partials = np.empty(chunks * M * N, out.dtype)
    _multiply_parallel(*product, partials, 0, none, NONE, *sizes)
    fold(partials, chunks, M, N, N, terms, out.reshape(-1), int(accumulate))
    if activation == RELU:
        relu(out, out=out)


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
    if accumulate and out is None:
        raise ValueError("matmul: expected out with accumulate=True, got None. Pass the array to add to.")
    out = output("matmul", out, (M, N), dtype, A0, B0, bias0)
    multiply(A, B, bool(transpose_a), bool(transpose_b), out, bool(accumulate), bias)
    return out
