"""Long short-term memory over whole sequences, from the pre-activations A = X W_xᵀ + 1 bᵀ of all steps.

    [i f g o] = [σ σ tanh σ](A_t + H_{t-1} Wᵀ)        C_t = f ⊙ C_{t-1} + i ⊙ g        H_t = o ⊙ tanh C_t

    dH = G_t + (carried)       τ = tanh C_t       dC = (carried) + dH ⊙ o ⊙ (1 - τ²)
    gA_t = [dC⊙g⊙i⊙(1-i)   dC⊙C_{t-1}⊙f⊙(1-f)   dC⊙i⊙(1-g²)   dH⊙τ⊙o⊙(1-o)]
    carried to t - 1:  dH = gA_t W        dC = dC ⊙ f

Rows of the batch know nothing of each other. So a thread takes some of them through all steps, and nobody waits for
anybody between two steps; W is packed once for all. What sums over rows, gW = gAᵀ H_prev and gb = gAᵀ 1, is one product
afterwards, for which the backward pass gives H_prev: every step's H_{t-1}.
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


def lstm(
    A: np.ndarray, W: np.ndarray, H0: np.ndarray | None = None, C0: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All states and cells of an LSTM, and its gates for the backward pass.

    Forward: the equations at the head of this file, gates in PyTorch's order i, f, g, o.
    Backward: `lstm_backward`.
    Shapes: A (B, T, 4 N), W (4 N, N), H0 and C0 (B, N) or None (0); H and C (B, T, N), gates (B, T, 4 N); float32 or
        float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10; Hochreiter & Schmidhuber 1997.
    """
    who = "lstm"
    A, W = checked_sequence(who, A, W, 4)
    first = [checked_shape(who, name, S, (len(A), W.shape[1]), A) for name, S in (("H0", H0), ("C0", C0))]
    return lstm_unchecked(A, W, *first)


def lstm_backward(
    G: np.ndarray,
    H: np.ndarray,
    C: np.ndarray,
    gates: np.ndarray,
    W: np.ndarray,
    H0: np.ndarray | None = None,
    C0: np.ndarray | None = None,
    GC: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of `lstm` with respect to A, H0 and C0, and the state before each step.

    Forward: `lstm`.
    Backward: the equations at the head of this file, from the last step to the first; gives gA, H_prev, gH0 and gC0.
        gW = gAᵀ H_prev and gb = gAᵀ 1, summed over all rows and steps, are products of their own.
    Shapes: G (B, T, N) for every H_t, GC (B, N) for the last C_t or None (0); gA (B, T, 4 N), H_prev (B, T, N), gH0 and
        gC0 (B, N); float32 or float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10; Hochreiter & Schmidhuber 1997.
    """
    who = "lstm_backward"
    gates, W = checked_sequence(who, gates, W, 4)
    (B, T, _), N = gates.shape, W.shape[1]
    G, H, C = (checked_shape(who, name, S, (B, T, N), gates) for name, S in (("G", G), ("H", H), ("C", C)))
    H0, C0, GC = (
        checked_shape(who, name, S, (B, N), gates) for name, S in (("H0", H0), ("C0", C0), ("GC", GC))
    )  # fmt: skip
    return lstm_backward_unchecked(G, H, C, gates, W, H0, C0, GC)


@operation("H", "C", "gates")
def lstm_unchecked(A, W, H0=None, C0=None, H=None, C=None, gates=None):
    (B, T, _), N = A.shape, W.shape[1]
    own = [np.empty((B, T, k * N), A.dtype) if S is None else S for S, k in ((H, 1), (C, 1), (gates, 4))]
    if A.size:
        first = [or_zeros(S, (B, N), A) for S in (H0, C0)]
        launch(_lstm_parallel, _pieces(A.dtype)[0], times_panels_at(A.dtype), A, W, *first, *own)
    return made(*zip((H, C, gates), own, strict=True))


@operation("gA", "previous", "gH0", "gC0")
def lstm_backward_unchecked(
    G, H, C, gates, W, H0=None, C0=None, GC=None, gA=None, previous=None, gH0=None, gC0=None
):  # fmt: skip
    B, _, N = H.shape
    asked, shapes = (gA, previous, gH0, gC0), (gates.shape, H.shape, (B, N), (B, N))
    own = [np.zeros(shape, G.dtype) if S is None else S for S, shape in zip(asked, shapes, strict=True)]
    if B * N:
        first = [or_zeros(S, (B, N), G) for S in (H0, C0, GC)]
        launch(_lstm_backward_parallel, _pieces(G.dtype)[1], times_panels_at(G.dtype), G, H, C, gates, W, *first, *own)
    return made(*zip(asked, own, strict=True))


@functools.cache
def _pieces(dtype):
    """Where the code for some rows of the batch lies, forward and backward."""
    flat_kind, matrix, cube = flat_of(dtype), matrix_of(dtype), flat_of(dtype).copy(ndim=3)
    return (
        address(_lstm_rows, int64, cube, flat_kind, matrix, matrix, cube, cube, cube, int64, int64),
        address(
            _lstm_backward_rows,
            int64,
            cube,
            cube,
            cube,
            cube,
            flat_kind,
            matrix,
            matrix,
            matrix,
            cube,
            cube,
            matrix,
            matrix,
            int64,
            int64,
        ),
    )


@jit
def _lstm_rows(multiply, A, P, H0, C0, H, C, gates, first, last):
    """Rows first..last-1 of the batch; P are panels of Wᵀ."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // A.itemsize)
    h, a, c = scratch(rows * N, A), scratch(4 * rows * N, A), np.empty((rows, N), A.dtype)
    for r in range(rows):
        loops.copy(H0[first + r], h[r * N : (r + 1) * N])
        loops.copy(C0[first + r], c[r])
    for t in range(A.shape[1]):
        for r in range(rows):
            loops.copy(A[first + r, t], a[4 * r * N : 4 * (r + 1) * N])
        call(multiply, (h, ZERO, N, ONE, P, ZERO, N * width, a, ZERO, 4 * N, rows, 4 * N, N, ONE))
        for r in range(rows):
            row, own = a[4 * r * N : 4 * (r + 1) * N], h[r * N : (r + 1) * N]
            loops.sigmoids(row[: 2 * N])
            loops.tangents(row[2 * N : 3 * N])
            loops.sigmoids(row[3 * N :])
            loops.remember(row[N : 2 * N], row[:N], row[2 * N : 3 * N], c[r])
            loops.tangents_of(c[r], own)
            loops.times(row[3 * N :], own)
            loops.copy(row, gates[first + r, t])
            loops.copy(c[r], C[first + r, t])
            loops.copy(own, H[first + r, t])


@parallel_jit
def _lstm_parallel(piece, multiply, A, W, H0, C0, H, C, gates):
    N, B = W.shape[1], A.shape[0]
    P = scratch(4 * N * N + 4 * NR_BYTES * N, A)
    pack_columns(P, flat(W), ZERO, N, 4 * N, N, A.dtype.type(1))
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        call(piece, (multiply, A, P, H0, C0, H, C, gates, first, min(first + loops.RECURRENT_ROWS, B)))


@jit
def _lstm_backward_rows(
    multiply, G, H, C, gates, P, H0, C0, GC, gA, previous, gH0, gC0, first, last
):  # fmt: skip
    """Rows first..last-1 of the batch; P are panels of W."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // G.itemsize)
    dh, a, dc, tau = scratch(rows * N, G), scratch(4 * rows * N, G), np.empty((rows, N), G.dtype), np.empty(N, G.dtype)
    dh[:] = 0
    for r in range(rows):
        loops.copy(GC[first + r], dc[r])
    for t in range(G.shape[1] - 1, -1, -1):
        for r in range(rows):
            b = first + r
            row, own, gate = a[4 * r * N : 4 * (r + 1) * N], dh[r * N : (r + 1) * N], gates[b, t]
            i, f, g, o = gate[:N], gate[N : 2 * N], gate[2 * N : 3 * N], gate[3 * N :]
            loops.add(G[b, t], own)
            loops.tangents_of(C[b, t], tau)
            loops.through_tangent(own, o, tau, dc[r])
            loops.before_sigmoid(dc[r], g, i, row[:N])
            loops.before_sigmoid(dc[r], C[b, t - 1] if t > 0 else C0[b], f, row[N : 2 * N])
            loops.before_tangent(dc[r], i, g, row[2 * N : 3 * N])
            loops.before_sigmoid(own, tau, o, row[3 * N :])
            loops.times(f, dc[r])
            loops.copy(row, gA[b, t])
            loops.copy(H[b, t - 1] if t > 0 else H0[b], previous[b, t])
        call(multiply, (a, ZERO, 4 * N, ONE, P, ZERO, 4 * N * width, dh, ZERO, N, rows, N, 4 * N, ZERO))
    for r in range(rows):
        loops.copy(dh[r * N : (r + 1) * N], gH0[first + r])
        loops.copy(dc[r], gC0[first + r])


@parallel_jit
def _lstm_backward_parallel(piece, multiply, G, H, C, gates, W, H0, C0, GC, gA, previous, gH0, gC0):
    N, B = W.shape[1], G.shape[0]
    P = scratch(4 * N * (N + NR_BYTES), G)
    pack_rows(P, flat(W), ZERO, N, N, 4 * N)
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        last = min(first + loops.RECURRENT_ROWS, B)
        call(piece, (multiply, G, H, C, gates, P, H0, C0, GC, gA, previous, gH0, gC0, first, last))
