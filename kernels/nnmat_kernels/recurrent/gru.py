"""Gated recurrent units over whole sequences, from the pre-activations A = X W_xᵀ + 1 b_xᵀ of all steps.

    [u_r u_z q] = H_{t-1} Wᵀ + 1 bᵀ        r = σ(A_r + u_r)        z = σ(A_z + u_z)        n = tanh(A_n + r ⊙ q)
    H_t = (1 - z) ⊙ n + z ⊙ H_{t-1}                               (PyTorch's variant: r acts behind the product)

    dH = G_t + (carried)        dn = dH⊙(1-z)⊙(1-n²)        dz = dH⊙(H_{t-1}-n)⊙z⊙(1-z)        dr = dn⊙q⊙r⊙(1-r)
    gA_t = [dr dz dn]           gU_t = [dr dz dn⊙r]         carried to t - 1:  dH = gU_t W + dH ⊙ z

As in `lstm`, a thread takes some rows of the batch through all steps. gW = gUᵀ H_prev, gb = gUᵀ 1 and what belongs to
the inputs, gW_x = gAᵀ X and gb_x = gAᵀ 1, are products afterwards.
"""

import functools

import numpy as np
from numba import int64, prange

from ..codegen.copies import flat
from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..products.panels import pack_columns, pack_rows, times_panels_at
from ..runtime.arrays import as_array, made
from ..runtime.config import ONE, ZERO, jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.scratch import scratch
from ..runtime.target import NR_BYTES
from . import gates as loops
from .checks import checked_sequence, checked_shape, or_zeros


def gru(
    A: np.ndarray, W: np.ndarray, b: np.ndarray | None = None, H0: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All states of a GRU, and its gates for the backward pass.

    Forward: the equations at the head of this file, gates in PyTorch's order r, z, n; b is the bias of the states.
    Backward: `gru_backward`.
    Shapes: A (B, T, 3 N), W (3 N, N), b (3 N,) or None (0), H0 (B, N) or None (0); H (B, T, N), gates (B, T, 4 N): r,
        z, n and q; float32 or float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10; Cho et al. 2014.
    """
    who = "gru"
    A, W = checked_sequence(who, A, W, 3)
    b = checked_shape(who, "b", b, (len(W),), A)
    H0 = checked_shape(who, "H0", H0, (len(A), W.shape[1]), A)
    return gru_unchecked(A, W, b, H0)


def gru_backward(
    G: np.ndarray, H: np.ndarray, gates: np.ndarray, W: np.ndarray, H0: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of `gru` with respect to A, to what W gives, and to H0, and the state before each step.

    Forward: `gru`.
    Backward: the equations at the head of this file, from the last step to the first; gives gA, gU, H_prev and gH0.
    Shapes: G (B, T, N) for every H_t; gA and gU (B, T, 3 N), H_prev (B, T, N), gH0 (B, N); float32 or float64.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.10; Cho et al. 2014.
    """
    who = "gru_backward"
    gates, W = as_array(who, "gates", gates, 3), as_array(who, "W", W, 2)
    (B, T, _), N = gates.shape, W.shape[1]
    gates, W = checked_shape(who, "gates", gates, (B, T, 4 * N), W), checked_shape(who, "W", W, (3 * N, N), gates)
    G, H = (checked_shape(who, name, S, (B, T, N), gates) for name, S in (("G", G), ("H", H)))
    H0 = checked_shape(who, "H0", H0, (B, N), gates)
    return gru_backward_unchecked(G, H, gates, W, H0)


@operation("H", "gates")
def gru_unchecked(A, W, b=None, H0=None, H=None, gates=None):
    (B, T, _), N = A.shape, W.shape[1]
    own = [np.empty((B, T, k * N), A.dtype) if S is None else S for S, k in ((H, 1), (gates, 4))]
    if A.size:
        first = or_zeros(b, 3 * N, A), or_zeros(H0, (B, N), A)
        launch(_gru_parallel, _pieces(A.dtype)[0], times_panels_at(A.dtype), A, W, *first, *own)
    return made(*zip((H, gates), own, strict=True))


@operation("gA", "gU", "previous", "gH0")
def gru_backward_unchecked(G, H, gates, W, H0=None, gA=None, gU=None, previous=None, gH0=None):
    B, T, N = H.shape
    asked, shapes = (gA, gU, previous, gH0), ((B, T, 3 * N), (B, T, 3 * N), H.shape, (B, N))
    own = [np.zeros(shape, G.dtype) if S is None else S for S, shape in zip(asked, shapes, strict=True)]
    if B * N:
        first = or_zeros(H0, (B, N), G)
        launch(_gru_backward_parallel, _pieces(G.dtype)[1], times_panels_at(G.dtype), G, H, gates, W, first, *own)
    return made(*zip(asked, own, strict=True))


@functools.cache
def _pieces(dtype):
    """Where the code for some rows of the batch lies, forward and backward."""
    flat_kind, matrix, cube = flat_of(dtype), matrix_of(dtype), flat_of(dtype).copy(ndim=3)
    return (
        address(_gru_rows, int64, cube, flat_kind, flat_kind, matrix, cube, cube, int64, int64),
        address(_gru_backward_rows, int64, cube, cube, cube, flat_kind, matrix, cube, cube, cube, matrix, int64, int64),
    )


@jit
def _gru_rows(multiply, A, P, b, H0, H, gates, first, last):
    """Rows first..last-1 of the batch; P are panels of Wᵀ."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // A.itemsize)
    h, u, n = scratch(rows * N, A), scratch(3 * rows * N, A), np.empty(N, A.dtype)
    for r in range(rows):
        loops.copy(H0[first + r], h[r * N : (r + 1) * N])
    for t in range(A.shape[1]):
        for r in range(rows):
            loops.copy(b, u[3 * r * N : 3 * (r + 1) * N])
        call(multiply, (h, ZERO, N, ONE, P, ZERO, N * width, u, ZERO, 3 * N, rows, 3 * N, N, ONE))
        for r in range(rows):
            row, own, a = u[3 * r * N : 3 * (r + 1) * N], h[r * N : (r + 1) * N], A[first + r, t]
            loops.add(a[: 2 * N], row[: 2 * N])
            loops.sigmoids(row[: 2 * N])
            loops.copy(a[2 * N :], n)
            loops.add_product(row[:N], row[2 * N :], n)
            loops.tangents(n)
            loops.mix(row[N : 2 * N], n, own)
            gate = gates[first + r, t]
            loops.copy(row[: 2 * N], gate[: 2 * N])
            loops.copy(n, gate[2 * N : 3 * N])
            loops.copy(row[2 * N :], gate[3 * N :])
            loops.copy(own, H[first + r, t])


@parallel_jit
def _gru_parallel(piece, multiply, A, W, b, H0, H, gates):
    N, B = W.shape[1], A.shape[0]
    P = scratch(3 * N * N + 4 * NR_BYTES * N, A)
    pack_columns(P, flat(W), ZERO, N, 3 * N, N, A.dtype.type(1))
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        call(piece, (multiply, A, P, b, H0, H, gates, first, min(first + loops.RECURRENT_ROWS, B)))


@jit
def _gru_backward_rows(multiply, G, H, gates, P, H0, gA, gU, previous, gH0, first, last):
    """Rows first..last-1 of the batch; P are panels of W."""
    rows, N = last - first, H0.shape[1]
    width = np.int64(NR_BYTES // G.itemsize)
    dh, u, away = scratch(rows * N, G), scratch(3 * rows * N, G), np.empty(N, G.dtype)
    dh[:] = 0
    for t in range(G.shape[1] - 1, -1, -1):
        for r in range(rows):
            b = first + r
            row, own, gate = u[3 * r * N : 3 * (r + 1) * N], dh[r * N : (r + 1) * N], gates[b, t]
            reset, z, n, q = gate[:N], gate[N : 2 * N], gate[2 * N : 3 * N], gate[3 * N :]
            past = H[b, t - 1] if t > 0 else H0[b]
            loops.add(G[b, t], own)
            loops.difference(past, n, away)
            loops.before_sigmoid(own, away, z, row[N : 2 * N])
            loops.before_tangent_of_rest(own, z, n, row[2 * N :])
            loops.before_sigmoid(row[2 * N :], q, reset, row[:N])
            loops.copy(row, gA[b, t])
            loops.times(reset, row[2 * N :])
            loops.copy(row, gU[b, t])
            loops.times(z, own)
            loops.copy(past, previous[b, t])
        call(multiply, (u, ZERO, 3 * N, ONE, P, ZERO, 3 * N * width, dh, ZERO, N, rows, N, 3 * N, ONE))
    for r in range(rows):
        loops.copy(dh[r * N : (r + 1) * N], gH0[first + r])


@parallel_jit
def _gru_backward_parallel(piece, multiply, G, H, gates, W, H0, gA, gU, previous, gH0):
    N, B = W.shape[1], G.shape[0]
    P = scratch(3 * N * (N + NR_BYTES), G)
    pack_rows(P, flat(W), ZERO, N, N, 3 * N)
    for k in prange((B + loops.RECURRENT_ROWS - 1) // loops.RECURRENT_ROWS):
        first = np.int64(k) * loops.RECURRENT_ROWS
        last = min(first + loops.RECURRENT_ROWS, B)
        call(piece, (multiply, G, H, gates, P, H0, gA, gU, previous, gH0, first, last))
