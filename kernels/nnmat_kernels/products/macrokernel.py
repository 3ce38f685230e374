"""The loops round the microkernel: one product op(A) op(B), by one thread. The names of sizes are those of BLIS.

      for p in blocks of KC inner indices              a sum that is cut and continued keeps the bits of an uncut one
        for j in blocks of NC columns                  B: packed into panels as wide as a tile, where that pays
          for i in blocks of MC rows                   A: packed into panels as high as a tile, if it is large
            for each panel of B                        (AVX2: 384 x 16 float32, 24 KiB, stays in the level-1 cache)
              for each tile down the block             (6 x 16)

                        B (K, N)    | 16 |
                           KC {     |####|  panel          A is read in the order in which it lies, transposed or not:
      A (M, K)            KC        |    |                 a tile takes 6 numbers of it for each 2 vectors of B. B must
      +--------------+              |    |                 lie by rows; Bᵀ is transposed while it is packed.
      |   |######|   | 6   ------>  |tile|
      |   |      |   |              |    |
                                     C (M, N)

Operands are flat arrays with an offset and strides, so that the convolutions use the same code on parts of arrays.
"""

import numpy as np

from ..codegen.microkernel import microkernel, row_places
from ..codegen.packing import pack, pack_transposed
from ..runtime.config import NOWHERE, ONE, ZERO, inlined_jit, jit
from ..runtime.scratch import scratch
from ..runtime.target import MR, MR_SMALL, NR, NR_BYTES, VECTOR_BYTES

KC = min(384, 24_576 // NR_BYTES)  # inner indices at a time: 24 KiB of a panel, in level 1
MC_BYTES, NC_BYTES = 576, 8192  # rows (144 float32: level-2 cache) and columns (2048: level 3) at a time
PACK_ROWS = 8  # rows of an operand that are packed at a time: even 4 KiB apart they fit the level-1 cache together
PACK_B_FROM = 40  # rows of C from which on B is packed even where it lies in order
PACK_A_FROM = 131_072  # numbers in A from which on it may be packed
PACK_A_TRANSPOSED_FROM = 16_384  # numbers in Aᵀ: its rows fill a cache line each for the few numbers that a tile takes
A_PANEL = -(-4 * MR // VECTOR_BYTES) * VECTOR_BYTES // 4  # the width of a panel of A: whole vectors, either dtype


@inlined_jit
def small_tiles_pay(left):
    """Whether rows that are left, fewer than two tiles, are done with less waste by small tiles alone."""
    small = (left + MR_SMALL - 1) // MR_SMALL * MR_SMALL
    mixed = MR + (max(left - MR, 0) + MR_SMALL - 1) // MR_SMALL * MR_SMALL
    return left < 2 * MR and small < mixed


@jit
def gemm_panel(A, a, row_a, step_a, tile_a, B, b, step_b, C, c, ldc, m, n, k, keep, bias, bias_at, f):
    """m rows of one panel of C, n <= a tile's width; tile_a lies between the tiles of a packed A, 0: not packed.

    Both heights are written out, for a function of arrays that is inlined counts references to them: 50 ns a tile.
    """
    width = NR_BYTES // A.itemsize
    ahead = MR * ldc  # from a tile of C to the next one
    i = 0
    while i < m:
        left = m - i
        if left <= MR_SMALL or (tile_a == 0 and small_tiles_pay(left)):
            rows_a, rows_c = row_places(MR_SMALL, a, row_a, left), row_places(MR_SMALL, c, ldc, left)
            if n == width:
                microkernel(
                    NR, 0, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            elif 2 * n > width:
                microkernel(
                    NR, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            else:
                microkernel(
                    1, 1, rows_a, rows_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            i += MR_SMALL
            a += MR_SMALL * row_a
            c += MR_SMALL * ldc
        else:
            all_a, all_c = row_places(MR, a, row_a, left), row_places(MR, c, ldc, left)
            if n == width:
                microkernel(
                    NR, 0, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            elif 2 * n > width:
                microkernel(
                    NR, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            else:
                microkernel(
                    1, 1, all_a, all_c, n, 1, k, A, 0, step_a, B, b, 0, step_b, C, ahead, keep, bias, bias_at, f
                )  # fmt: skip
            i += MR
            a += tile_a if tile_a > 0 else MR * row_a
            c += MR * ldc


@inlined_jit
def _layout(M, N, K, row_a, step_a, itemsize):
    """How the loops are cut: is A packed, rows, columns and inner indices at a time, places before A in the scratch."""
    width = NR_BYTES // itemsize
    mc = MC_BYTES // itemsize
    if step_a == 1:
        pack_a = M * K >= PACK_A_FROM and N >= 128 and row_a * itemsize >= 2048
    else:
        pack_a = M * K >= PACK_A_TRANSPOSED_FROM and N >= 64
    # If there is one block of rows only, a panel of B is used at once, from the level-1 cache.
    nc = width if not pack_a and mc >= M else NC_BYTES // itemsize
    kc = min(KC, (K + 15) // 16 * 16)
    return pack_a, mc, nc, kc, (min(N, nc) + width - 1) // width * width * kc


@inlined_jit
def scratch_for(M, N, K, row_a, step_a, transpose_b, like):
    """A scratch array for `gemm`, `like` itself if none is needed."""
    pack_a, _, _, kc, panels = _layout(M, N, K, row_a, step_a, like.itemsize)
    if not (transpose_b or pack_a or M >= PACK_B_FROM or N % (NR_BYTES // like.itemsize) > 0):
        return like
    rows = (MC_BYTES // like.itemsize + MR) // MR * A_PANEL if pack_a else 0
    return scratch(panels + rows * kc, like)


@inlined_jit
def is_one_block(M, N, K, row_a, step_a, itemsize):
    """Whether `gemm_one_block` does the product as `gemm` would, in one block of rows and inner indices."""
    pack_a, mc, _, _, _ = _layout(M, N, K, row_a, step_a, itemsize)
    return not pack_a and mc >= M and K <= KC


@jit
def gemm_one_block(S, A, a, row_a, step_a, B, b, ldb, transpose_b, C, c, ldc, M, N, K, keep, bias, bias_at, f):
    """`gemm` where `is_one_block`: panel by panel; without its divisions, which a 16 x 16 product would feel."""
    width = np.int64(NR_BYTES // A.itemsize)
    for j in range(0, N, width):
        n = min(width, N - j)
        own_bias = bias_at + j if bias_at >= 0 else NOWHERE
        if transpose_b:
            pack_transposed(NR, S, ZERO, B, b + j * ldb, ldb, n, K)
        elif n < width or M >= PACK_B_FROM:
            pack(NR, S, ZERO, B, b + j, ldb, n, K)
        if transpose_b or n < width or M >= PACK_B_FROM:
            X, x, step = S, ZERO, width
        else:
            X, x, step = B, b + j, ldb
        gemm_panel(A, a, row_a, step_a, ZERO, X, x, step, C, c + j, ldc, M, n, K, keep, bias, own_bias, f)


@inlined_jit
def _pack_block_b(S, kc, B, b, ldb, transpose_b, j0, j1, k, from_j, rows, N):
    """Columns j0 to j1 of k rows of B (from_j to j1 where B lies by rows, `rows` at a time) into panels in S."""
    width = NR_BYTES // B.itemsize
    if transpose_b:
        for j in range(j0, j1, width):
            pack_transposed(NR, S, (j - j0) * kc, B, b + j * ldb, ldb, min(width, N - j), k)
    else:
        # A few rows for all panels, then the next ones: down one panel, cache lines would push out each other.
        for q in range(0, k, rows):
            for j in range(from_j, j1, width):
                s, source = (j - j0) * kc + q * width, b + q * ldb + j
                pack(NR, S, s, B, source, ldb, min(width, N - j), min(rows, k - q))


@inlined_jit
def _pack_block_a(S, s, tile_a, A, a, row_a, step_a, m, k):
    """m rows and k columns of A at a into panels in S at s, which lie tile_a apart."""
    if step_a == 1:
        for t in range(0, m, MR):
            pack_transposed(0, S, s + t // MR * tile_a, A, a + t * row_a, row_a, min(MR, m - t), k)
    else:
        for q in range(0, k, PACK_ROWS):
            for t in range(0, m, MR):
                target, source = s + t // MR * tile_a + q * A_PANEL, a + t + q * step_a
                pack(0, S, target, A, source, step_a, min(A_PANEL, m - t), min(PACK_ROWS, k - q))


@jit
def gemm(S, A, a, row_a, step_a, B, b, ldb, transpose_b, C, c, ldc, M, N, K, keep, bias, bias_at, f):
    """C (M, N) at c = f((C if keep else 0) + A B + 1 biasᵀ), all of it by one thread.

    S is to pack into (`scratch_for`). A (M, K) at a has the strides row_a and step_a. B at b has rows of stride ldb:
    those of B (K, N), or if `transpose_b` of Bᵀ (N, K). The bias begins at `bias_at`, which below 0 means none.
    """
    width = NR_BYTES // A.itemsize
    pack_a, mc, nc, kc, panels = _layout(M, N, K, row_a, step_a, A.itemsize)
    pack_b = transpose_b or M >= PACK_B_FROM
    L, row, step_l, tile_a = (S, ONE, np.int64(A_PANEL), A_PANEL * kc) if pack_a else (A, row_a, step_a, ZERO)
    p = ZERO
    while True:
        k = min(KC, K - p)
        kept = ONE if p > 0 else keep
        last = p + k >= K
        for j0 in range(0, N, nc):
            j1 = min(N, j0 + nc)
            from_j, rows = j0 if pack_b else max(j0, j1 - j1 % width), max(k, 1) if nc == width else PACK_ROWS
            _pack_block_b(S, kc, B, b + p if transpose_b else b + p * ldb, ldb, transpose_b, j0, j1, k, from_j, rows, N)
            for i in range(0, M, mc):
                m = min(mc, M - i)
                from_a = a + i * row_a + p * step_a
                if pack_a:
                    _pack_block_a(S, panels, tile_a, A, from_a, row_a, step_a, m, k)
                    from_a = panels
                for j in range(j0, j1, width):
                    n = min(width, N - j)
                    X, x, step = (S, (j - j0) * kc, width) if pack_b or n < width else (B, b + p * ldb + j, ldb)
                    own_bias = bias_at + j if bias_at >= 0 and last else NOWHERE
                    gemm_panel(
                        L, from_a, row, step_l, tile_a, X, x, step,
                        C, c + i * ldc + j, ldc, m, n, k, kept, bias, own_bias, f if last else ZERO,
                    )  # fmt: skip
        p += k
        if last:
            break
