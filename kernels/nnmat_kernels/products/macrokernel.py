"""The loops round the register tile: one product op(A) op(B), by one thread.

      for p in blocks of 384 inner indices (AVX2)        a sum that is cut and continued keeps the bits of an uncut one
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

Operands are flat arrays with an offset and strides, so that the convolutions use the same code on parts of arrays.
"""

import numpy as np

from ..codegen.microkernel import microkernel, row_places
from ..codegen.packing import pack, pack_transposed
from ..runtime.config import inlined_jit, jit
from ..runtime.scratch import scratch
from ..runtime.target import MR, MR_SMALL, VECTOR_BYTES

INNER = min(384, 24_576 // (2 * VECTOR_BYTES))  # inner indices at a time: 24 KiB of a panel, in level 1
ROW_BYTES, COLUMN_BYTES = 576, 8192  # rows (144 float32: level-2 cache) and columns (2048: level 3) at a time
FEW_ROWS = 8  # rows of an operand that are packed at a time: even 4 KiB apart they fit the level-1 cache together
SHARED_ROWS = 40  # rows of C from which on B is packed even where it lies in order
LARGE = 131_072  # numbers in A from which on it may be packed
LEFT = -(-4 * MR // VECTOR_BYTES) * VECTOR_BYTES // 4  # the width of a panel of A: whole vectors, either dtype


@jit
def _multiply_panel(A, a, row_a, step_a, tile_a, B, b, step_b, C, c, ldc, m, n, k, keep, bias, at, f):
    """m rows of one panel of C, n <= a tile's width; tile_a lies between the tiles of a packed A, 0: not packed."""
    width = 2 * (VECTOR_BYTES // A.itemsize)
    ahead = MR * ldc  # from a tile of C to the next one
    i = 0
    while i < m:
        left = m - i
        few = (left + MR_SMALL - 1) // MR_SMALL * MR_SMALL  # rows, if all that are left are done by smaller tiles
        more = MR + (max(left - MR, 0) + MR_SMALL - 1) // MR_SMALL * MR_SMALL
        if left <= MR_SMALL or (tile_a == 0 and left < 2 * MR and few < more):
            rows_a, rows_c = row_places(MR_SMALL, a, row_a, left), row_places(MR_SMALL, c, ldc, left)
            if n == width:
                microkernel(2, 0, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            elif 2 * n > width:
                microkernel(2, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            else:
                microkernel(1, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            i += MR_SMALL
            a += MR_SMALL * row_a
            c += MR_SMALL * ldc
        else:
            all_a, all_c = row_places(MR, a, row_a, left), row_places(MR, c, ldc, left)
            if n == width:
                microkernel(2, 0, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            elif 2 * n > width:
                microkernel(2, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            else:
                microkernel(1, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, at, f)
            i += MR
            a += tile_a if tile_a > 0 else MR * row_a
            c += MR * ldc


@inlined_jit
def _layout(M, N, K, row_a, step_a, itemsize):
    """How the loops are cut: is A packed, rows, columns and inner indices at a time, places before A in the scratch."""
    width = 2 * (VECTOR_BYTES // itemsize)
    high = ROW_BYTES // itemsize
    if step_a == 1:
        pack_a = M * K >= LARGE and N >= 128 and row_a * itemsize >= 2048
    else:  # rows of Aᵀ fill a cache line each for the few numbers that a tile takes
        pack_a = M * K >= 16_384 and N >= 64
    # If there is one block of rows only, a panel of B is used at once, from the level-1 cache.
    wide = width if not pack_a and high >= M else COLUMN_BYTES // itemsize
    inner = min(INNER, (K + 15) // 16 * 16)
    return pack_a, high, wide, inner, (min(N, wide) + width - 1) // width * width * inner


@inlined_jit
def scratch_for(M, N, K, row_a, step_a, turned, like):
    """A scratch array for `multiply_within`, `like` itself if none is needed."""
    pack_a, _, _, inner, panels = _layout(M, N, K, row_a, step_a, like.itemsize)
    if not (turned or pack_a or M >= SHARED_ROWS or N % (2 * (VECTOR_BYTES // like.itemsize)) > 0):
        return like
    rows = (ROW_BYTES // like.itemsize + MR) // MR * LEFT if pack_a else 0
    return scratch(panels + rows * inner, like)


@inlined_jit
def is_small(M, N, K, row_a, step_a, itemsize):
    """Whether `multiply_small` does the product as `multiply_within` would, in one block of rows and inner indices."""
    pack_a, high, _, _, _ = _layout(M, N, K, row_a, step_a, itemsize)
    return not pack_a and high >= M and K <= INNER


@jit
def multiply_small(S, A, a, row_a, step_a, B, b, ldb, turned, C, c, ldc, M, N, K, keep, bias, at, f):
    """`multiply_within` where `is_small`: panel by panel; without its divisions, which a 16 x 16 product would feel."""
    zero, none = np.int64(0), np.int64(-1)  # a literal would be a signature of its own to Numba
    width = np.int64(2 * (VECTOR_BYTES // A.itemsize))
    for j in range(0, N, width):
        n = min(width, N - j)
        terms = at + j if at >= 0 else none
        if turned:
            pack_transposed(2, S, zero, B, b + j * ldb, ldb, n, K)
        elif n < width or M >= SHARED_ROWS:
            pack(2, S, zero, B, b + j, ldb, n, K)
        if turned or n < width or M >= SHARED_ROWS:
            X, x, step = S, zero, width
        else:
            X, x, step = B, b + j, ldb
        _multiply_panel(
            A, a, row_a, step_a, zero, X, x, step, C, c + j, ldc, M, n, K, keep, bias, terms, f
        )  # fmt: skip


@jit
def multiply_within(S, A, a, row_a, step_a, B, b, ldb, turned, C, c, ldc, M, N, K, keep, bias, at, f):
    """C (M, N) at c = f((C if keep else 0) + A B + 1 biasᵀ), all of it by one thread.

    S is to pack into (`scratch_for`). A (M, K) at a has the strides row_a and step_a. B at b has rows of stride ldb:
    those of B (K, N), or if `turned` of Bᵀ (N, K). The bias begins at `at`; at < 0 means none.
    """
    zero, one, none = np.int64(0), np.int64(1), np.int64(-1)  # a literal would be a signature of its own to Numba
    width = 2 * (VECTOR_BYTES // A.itemsize)
    pack_a, high, wide, inner, panels = _layout(M, N, K, row_a, step_a, A.itemsize)
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
                        for t in range(0, m, MR):
                            s = panels + t // MR * tile_a
                            pack_transposed(0, S, s, A, from_a + t * row_a, row_a, min(MR, m - t), k)
                    else:
                        for q in range(0, k, FEW_ROWS):
                            for t in range(0, m, MR):
                                s, source = panels + t // MR * tile_a + q * LEFT, from_a + t + q * step_a
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
