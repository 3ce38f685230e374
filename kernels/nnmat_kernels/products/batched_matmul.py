"""Products of stacks of matrices, with the leading axes broadcast as in `np.matmul`."""

import numpy as np
from numba import prange

from ..codegen.microkernel import fetch, microkernel, row_places
from ..codegen.packing import pack_transposed
from ..errors import ShapeError
from ..runtime.arrays import are_canonical, as_array, checked_out, disjoint, same_dtype
from ..runtime.config import NOWHERE, ONE, ZERO, inlined_jit, jit, parallel_jit, threads_inside
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_FLOPS
from ..runtime.scratch import scratch
from ..runtime.target import MR, MR_SMALL, NR, NR_BYTES, VECTOR_BYTES
from .macrokernel import gemm, gemm_one_block, is_one_block, scratch_for, small_tiles_pay
from .matmul import matmul_unchecked

L1_BYTES = 16_384  # a B of at most so many bytes stays in the level-1 cache beside rows of A and of C
PREFETCH_LINES = 6  # cache lines of the next B that a tile of 6 x 16 fetches: all of it where the matrices are square
MR_STACK = 8  # rows of a tile one vector wide: as many sums as the units need to be busy, and few rows computed twice
IN_ORDER = np.empty(0, np.int64)  # every matrix takes the one of its own number


@jit
def _stack_in_l1(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last):
    """`_stack` where the columns are whole vectors and B stays in the level-1 cache: all panels for each few rows.

    A call for each product would cost as much as a quarter of a 16 x 16 one. The tiles fetch the next matrix of B.
    """
    width = np.int64(NR_BYTES // A.itemsize)
    row_a, step_a = (ONE, M) if transpose_a else (K, ONE)
    S = scratch(N * (K + width) if transpose_b else 1, A)
    X, step, panel = (S, width, width * K) if transpose_b else (B, N, width)
    for s in range(first, last):
        a, c = (s if at_a.size == 0 else at_a[s]) * M * K, s * M * N
        b = (s if at_b.size == 0 else at_b[s]) * K * N
        next_b = b + K * N
        if transpose_b:
            for j in range(0, N, width):
                pack_transposed(NR, S, j * K, B, b + j * K, K, width, K)
            b = ZERO
        left = M
        while left > 0:
            if small_tiles_pay(left):
                rows_a = row_places(MR_SMALL, a, row_a, left)
                for p in range(N // width):
                    fetch(PREFETCH_LINES, B, next_b)
                    rows_c = row_places(MR_SMALL, c + p * width, N, left)
                    microkernel(
                        NR, 0, rows_a, rows_c, width, 1, K, A, 0, step_a, X, b + p * panel, 0, step,
                        C, MR_SMALL * N, ZERO, C, NOWHERE, ZERO,
                    )  # fmt: skip
                    next_b += PREFETCH_LINES * (64 // B.itemsize)
                left, a, c = left - MR_SMALL, a + MR_SMALL * row_a, c + MR_SMALL * N
            else:
                all_a = row_places(MR, a, row_a, left)
                for p in range(N // width):
                    fetch(PREFETCH_LINES, B, next_b)
                    all_c = row_places(MR, c + p * width, N, left)
                    microkernel(
                        NR, 0, all_a, all_c, width, 1, K, A, 0, step_a, X, b + p * panel, 0, step,
                        C, MR * N, ZERO, C, NOWHERE, ZERO,
                    )  # fmt: skip
                    next_b += PREFETCH_LINES * (64 // B.itemsize)
                left, a, c = left - MR, a + MR * row_a, c + MR * N


@jit
def _stack_of_single_vectors(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last):
    """`_stack` where a row of C is one vector."""
    row_a, step_a = (ONE, M) if transpose_a else (K, ONE)
    S = scratch(N * (K + N) if transpose_b else 1, A)
    X = S if transpose_b else B
    for s in range(first, last):
        a, c = (s if at_a.size == 0 else at_a[s]) * M * K, s * M * N
        b = (s if at_b.size == 0 else at_b[s]) * K * N
        if transpose_b:
            pack_transposed(1, S, ZERO, B, b, K, N, K)
            b = ZERO
        for i in range(0, M, MR_STACK):
            rows_a = row_places(MR_STACK, a + i * row_a, row_a, M - i)
            rows_c = row_places(MR_STACK, c + i * N, N, M - i)
            microkernel(
                1, 0, rows_a, rows_c, N, 1, K, A, 0, step_a, X, b, 0, N, C, MR_STACK * N, ZERO, C, NOWHERE, ZERO
            )  # fmt: skip


@inlined_jit
def _stack_of_blocks(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last):
    """`_stack` by the loops of `macrokernel`."""
    row_a, step_a = (ONE, M) if transpose_a else (K, ONE)
    transposed_b, ldb = (ONE, K) if transpose_b else (ZERO, N)
    one_block = is_one_block(M, N, K, row_a, step_a, A.itemsize)
    S = scratch_for(M, N, K, row_a, step_a, transposed_b, A)
    for s in range(first, last):
        a = (s if at_a.size == 0 else at_a[s]) * M * K
        b, c = (s if at_b.size == 0 else at_b[s]) * K * N, s * M * N
        if one_block:
            gemm_one_block(S, A, a, row_a, step_a, B, b, ldb, transposed_b, C, c, N, M, N, K, ZERO, C, NOWHERE, ZERO)
        else:
            gemm(S, A, a, row_a, step_a, B, b, ldb, transposed_b, C, c, N, M, N, K, ZERO, C, NOWHERE, ZERO)


@inlined_jit
def _stack(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last):
    """Matrices first..last-1 of C; at_a and at_b say which matrix of A and of B each one takes."""
    if N * A.itemsize == VECTOR_BYTES:
        _stack_of_single_vectors(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last)
    elif N % (NR_BYTES // A.itemsize) == 0 and K * N * A.itemsize <= L1_BYTES:
        _stack_in_l1(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last)
    else:
        _stack_of_blocks(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last)


@jit
def _multiply_stack(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, count):
    _stack(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, ZERO, count)


@parallel_jit
def _multiply_stack_parallel(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, count):
    chunks = min(threads_inside(), count)
    for chunk in prange(chunks):
        first, last = np.int64(chunk) * count // chunks, (np.int64(chunk) + 1) * count // chunks
        _stack(A, at_a, B, at_b, C, M, N, K, transpose_a, transpose_b, first, last)


@operation("out")
def batched_matmul_unchecked(A, B, transpose_a, transpose_b, out) -> None:
    """`batched_matmul` without its checks: C-contiguous arrays of fitting shapes and one dtype, bools, `out` given."""
    shape_a, shape_b, shape = A.shape, B.shape, out.shape
    M, N = shape[-2:]
    K = shape_a[-2] if transpose_a else shape_a[-1]
    size = out.size
    if size == 0:
        return
    count = size // (M * N)
    if shape_a[:-2] == shape_b[:-2]:
        at_a = at_b = IN_ORDER
    else:
        at_a, at_b = _places(shape_a[:-2], shape[:-2]), _places(shape_b[:-2], shape[:-2])
    if count <= 8 and M * N * K >= 2 * PARALLEL_FLOPS:  # few large products: each one is parallel in itself
        As, Bs, Cs = A.reshape(-1, *shape_a[-2:]), B.reshape(-1, *shape_b[-2:]), out.reshape(-1, M, N)
        for s in range(count):
            a, b = (s, s) if at_a is IN_ORDER else (at_a[s], at_b[s])
            matmul_unchecked(As[a], Bs[b], transpose_a, transpose_b, Cs[s])
        return
    body = _multiply_stack if 2 * size * K < PARALLEL_FLOPS else _multiply_stack_parallel
    launch(body, A.reshape(-1), at_a, B.reshape(-1), at_b, out.reshape(-1), M, N, K, transpose_a, transpose_b, count)


def batched_matmul(
    A: np.ndarray,
    B: np.ndarray,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Matrix product of each pair of matrices in two stacks; leading axes are broadcast.

    Forward:   C[s] = op(A[s]) op(B[s])        for every index s of the leading axes
    Backward:  products again: for C = A B, gA = G Bᵀ and gB = Aᵀ G, summed over the axes that were broadcast
    Shapes:    op(A) (..., M, K), op(B) (..., K, N), C (..., M, N); one dtype, float32 or float64; sizes may be 0
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping an input)
    Reference: docs/equations.md, section 3.1 (for each matrix of the stack)
    """
    who = "batched_matmul"
    plain = type(A) is np.ndarray and A.ndim > 2 and type(transpose_a) is type(transpose_b) is bool
    if plain and out is not None and are_canonical(A.ndim, A, B, out) and disjoint(A, B, out):
        shape_a, shape_b = A.shape, B.shape
        (M, K), (inner, N) = shape_a[-2:], shape_b[-2:]
        if transpose_a:
            M, K = K, M
        if transpose_b:
            inner, N = N, inner
        if inner == K and shape_a[:-2] == shape_b[:-2] and out.shape == (*shape_a[:-2], M, N):
            batched_matmul_unchecked(A, B, transpose_a, transpose_b, out)
            return out
    A0, B0 = A, B
    A, B = as_array(who, "A", A), as_array(who, "B", B)
    dtype = A.dtype if A.dtype is B.dtype else same_dtype(who, A=A, B=B)
    if A.ndim < 2 or B.ndim < 2:
        raise ShapeError(
            f"{who}: expected A and B with at least 2 dimensions, got {A.shape} and {B.shape}. Try A[None]."
        )
    transpose_a, transpose_b = bool(transpose_a), bool(transpose_b)
    M, K = A.shape[:-3:-1] if transpose_a else A.shape[-2:]
    inner, N = B.shape[:-3:-1] if transpose_b else B.shape[-2:]
    if inner != K:
        raise ShapeError(
            f"{who}: expected equal inner sizes of op(A) and op(B), got op(A) (..., {M}, {K}) and op(B) "
            f"(..., {inner}, {N}). Try transpose_a or transpose_b."
        )
    try:
        lead = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"{who}: expected leading axes that broadcast, got A {A.shape} and B {B.shape}. Try reshaping one of them."
        ) from None
    out = checked_out(who, out, (*lead, M, N), dtype, A0, B0)
    batched_matmul_unchecked(A, B, transpose_a, transpose_b, out)
    return out


def _places(own: tuple, lead: tuple) -> np.ndarray:
    """For each matrix of a stack of shape `lead`, the number of the matrix that a stack of shape `own` gives it."""
    return np.broadcast_to(np.arange(np.prod(own, dtype=np.int64)).reshape(own), lead).ravel().astype(np.int64)
