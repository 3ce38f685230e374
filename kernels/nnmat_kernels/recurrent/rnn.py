"""The plain recurrent network over whole sequences, from the pre-activations A = X W_xᵀ + 1 bᵀ of all steps.

    H_t = tanh(A_t + H_{t-1} Wᵀ)        gA_t = (G_t + gA_{t+1} W) ⊙ (1 - H_t²)

As in `lstm`, a thread takes some rows of the batch through all steps. gW = gAᵀ H_prev and gb = gAᵀ 1 are products
afterwards.
"""

import functools

import numpy as np
from numba import int64, prange

from ..codegen.copies import flat
from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..products.panels import pack_columns, pack_rows, times_panels_at
from ..runtime.arrays import made
from ..runtime.config import ONE, ZERO, jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.scratch import scratch
from ..runtime.target import NR_BYTES
from . import gates as loops
from .checks import checked_sequence, checked_shape, or_zeros


def rnn(A: np.ndarray, W: np.ndarray, H0: np.ndarray | None = None) -> np.ndarray:
    """All states of a recurrent network.

    Forward: H_t = tanh(A_t + H_{t-1} Wᵀ).
    Backward: `rnn_backward`, from H.
    Shapes: A and H (B, T, N), W (N, N), H0 (B, N) or None (0); float32 or float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10; Elman 1990.
    """
    A, W = checked_sequence("rnn", A, W, 1)
    return rnn_unchecked(A, W, checked_shape("rnn", "H0", H0, (len(A), W.shape[1]), A))


def rnn_backward(
    G: np.ndarray, H: np.ndarray, W: np.ndarray, H0: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of `rnn` with respect to A and H0, and the state before each step.

    Forward: `rnn`.
    Backward: gA_t = (G_t + gA_{t+1} W) ⊙ (1 - H_t²), from the last step to the first; gives gA, H_prev and gH0.
    Shapes: G (B, T, N) for every H_t; gA and H_prev (B, T, N), gH0 (B, N); float32 or float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10.
    """
    who = "rnn_backward"
    H, W = checked_sequence(who, H, W, 1)
    G, H0 = checked_shape(who, "G", G, H.shape, H), checked_shape(who, "H0", H0, (len(H), W.shape[1]), H)
    return rnn_backward_unchecked(G, H, W, H0)


@operation("H")
def rnn_unchecked(A, W, H0=None, H=None):
    own = np.empty(A.shape, A.dtype) if H is None else H
    if A.size:
        first = or_zeros(H0, (len(A), W.shape[1]), A)
        launch(_rnn_parallel, _pieces(A.dtype)[0], times_panels_at(A.dtype), A, W, first, own)
    return made((H, own))


@operation("gA", "previous", "gH0")
def rnn_backward_unchecked(G, H, W, H0=None, gA=None, previous=None, gH0=None):
    B, _, N = H.shape
    asked = (gA, previous, gH0)
    own = [
        np.zeros(shape, G.dtype) if S is None else S for S, shape in zip(asked, (H.shape, H.shape, (B, N)), strict=True)
    ]
    if B * N:
        first = or_zeros(H0, (B, N), G)
        launch(_rnn_backward_parallel, _pieces(G.dtype)[1], times_panels_at(G.dtype), G, H, W, first, *own)
    return made(*zip(asked, own, strict=True))


@functools.cache
def _pieces(dtype):
    """Where the code for some rows of the batch lies, forward and backward."""
    flat_kind, matrix, cube = flat_of(dtype), matrix_of(dtype), flat_of(dtype).copy(ndim=3)
    return (
        address(_rnn_rows, int64, cube, flat_kind, matrix, cube, int64, int64),
        address(_rnn_backward_rows, int64, cube, cube, flat_kind, matrix, cube, cube, matrix, int64, int64),
    )


@jit
def _rnn_rows(multiply, A, P, H0, H, first, last):
    """Rows first..last-1 of the batch; P are panels of Wᵀ."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // A.itemsize)
    h, a = scratch(rows * N, A), scratch(rows * N, A)
    for r in range(rows):
        loops.copy(H0[first + r], h[r * N : (r + 1) * N])
    for t in range(A.shape[1]):
        for r in range(rows):
            loops.copy(A[first + r, t], a[r * N : (r + 1) * N])
        call(multiply, (h, ZERO, N, ONE, P, ZERO, N * width, a, ZERO, N, rows, N, N, ONE))
        loops.tangents(a[: rows * N])
        for r in range(rows):
            loops.copy(a[r * N : (r + 1) * N], h[r * N : (r + 1) * N])
            loops.copy(a[r * N : (r + 1) * N], H[first + r, t])


@parallel_jit
def _rnn_parallel(piece, multiply, A, W, H0, H):
    N, B = W.shape[1], A.shape[0]
    P = scratch(N * N + 4 * NR_BYTES * N, A)
    pack_columns(P, flat(W), ZERO, N, N, N, A.dtype.type(1))
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        call(piece, (multiply, A, P, H0, H, first, min(first + loops.RECURRENT_ROWS, B)))


@jit
def _rnn_backward_rows(multiply, G, H, P, H0, gA, previous, gH0, first, last):
    """Rows first..last-1 of the batch; P are panels of W."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // G.itemsize)
    dh, a, ones = scratch(rows * N, G), scratch(rows * N, G), np.ones(N, G.dtype)
    dh[:] = 0
    for t in range(G.shape[1] - 1, -1, -1):
        for r in range(rows):
            row, own = a[r * N : (r + 1) * N], dh[r * N : (r + 1) * N]
            loops.add(G[first + r, t], own)
            loops.before_tangent(own, ones, H[first + r, t], row)
            loops.copy(row, gA[first + r, t])
            loops.copy(H[first + r, t - 1] if t > 0 else H0[first + r], previous[first + r, t])
        call(multiply, (a, ZERO, N, ONE, P, ZERO, N * width, dh, ZERO, N, rows, N, N, ZERO))
    for r in range(rows):
        loops.copy(dh[r * N : (r + 1) * N], gH0[first + r])


@parallel_jit
def _rnn_backward_parallel(piece, multiply, G, H, W, H0, gA, previous, gH0):
    N, B = W.shape[1], G.shape[0]
    P = scratch(N * (N + NR_BYTES), G)
    pack_rows(P, flat(W), ZERO, N, N, N)
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        call(piece, (multiply, G, H, P, H0, gA, previous, gH0, first, min(first + loops.RECURRENT_ROWS, B)))
