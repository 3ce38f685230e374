"""Products of stacks of matrices, with the leading axes broadcast as in `np.matmul`."""

import numpy as np
from numba import prange

from .checks import as_array, output, same_dtype
from .config import jit, parallel_jit
from .errors import ShapeError
from .matmul import PARALLEL_FLOPS, multiply, multiply_within, scratch_for

CHUNKS = 64  # pieces of the stack, whatever the number of threads


@jit
def _multiply_stack(A, at_a, row_a, step_a, B, at_b, ldb, turned, C, M, N, K, first, last):
    """Matrices first..last-1 of C; at_a and at_b say which matrix of A and of B each one takes."""
    zero, none = np.int64(0), np.int64(-1)  # literals would be signatures of their own to Numba
    S = scratch_for(M, N, K, row_a, step_a, turned, A)
    for s in range(first, last):
        a, b = at_a[s] * M * K, at_b[s] * K * N
        multiply_within(S, A, a, row_a, step_a, B, b, ldb, turned, C, s * M * N, N, M, N, K, zero, C, none, zero)


@parallel_jit
def _multiply_stack_parallel(A, at_a, row_a, step_a, B, at_b, ldb, turned, C, M, N, K, count, chunks):
    for chunk in prange(chunks):
        first, last = np.int64(chunk) * count // chunks, (np.int64(chunk) + 1) * count // chunks
        _multiply_stack(A, at_a, row_a, step_a, B, at_b, ldb, turned, C, M, N, K, first, last)


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
    out = output(who, out, (*lead, M, N), dtype, A0, B0)
    count = out.size // (M * N) if out.size else 0
    if count == 0:
        return out
    at_a, at_b = _places(A.shape[:-2], lead), _places(B.shape[:-2], lead)
    if count <= 8 and 2 * M * N * K >= 4 * PARALLEL_FLOPS:  # few large products: each one is parallel in itself
        As, Bs, Cs = A.reshape(-1, *A.shape[-2:]), B.reshape(-1, *B.shape[-2:]), out.reshape(-1, M, N)
        for s in range(count):
            multiply(As[at_a[s]], Bs[at_b[s]], transpose_a, transpose_b, Cs[s])
        return out
    row_a, step_a = (1, M) if transpose_a else (K, 1)
    stack = (
        A.reshape(-1),
        at_a,
        row_a,
        step_a,
        B.reshape(-1),
        at_b,
        K if transpose_b else N,
        int(transpose_b),
        out.reshape(-1),
        M,
        N,
        K,
    )
    if 2 * count * M * N * K < PARALLEL_FLOPS:
        _multiply_stack(*stack, 0, count)
    else:
        _multiply_stack_parallel(*stack, count, min(CHUNKS, count))
    return out


def _places(own: tuple, lead: tuple) -> np.ndarray:
    """For each matrix of a stack of shape `lead`, the number of the matrix that a stack of shape `own` gives it."""
    return np.broadcast_to(np.arange(np.prod(own, dtype=np.int64)).reshape(own), lead).ravel().astype(np.int64)
