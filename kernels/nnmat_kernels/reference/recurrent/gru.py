"""A GRU the obvious way, in float64: step by step, for the whole batch."""

import numpy as np


def gru(A, W, b=None, H0=None):
    """r, z = σ(A + U), n = tanh(A_n + r ⊙ q), H = (1 - z) ⊙ n + z ⊙ H, with [U q] = H Wᵀ + 1 bᵀ."""
    A, W = np.asarray(A, np.float64), np.asarray(W, np.float64)
    (B, T, _), N = A.shape, W.shape[1]
    h = np.zeros((B, N)) if H0 is None else np.asarray(H0, np.float64)
    H, gates = np.empty((B, T, N)), np.empty((B, T, 4 * N))
    for t in range(T):
        u = h @ W.T + (0 if b is None else b)
        r, z = np.split(1 / (1 + np.exp(-A[:, t, : 2 * N] - u[:, : 2 * N])), 2, axis=1)
        n = np.tanh(A[:, t, 2 * N :] + r * u[:, 2 * N :])
        h = (1 - z) * n + z * h
        H[:, t], gates[:, t] = h, np.concatenate([r, z, n, u[:, 2 * N :]], axis=1)
    return H, gates


def gru_backward(G, H, gates, W, H0=None):
    """The equations of backpropagation through time."""
    G, H, gates, W = (np.asarray(S, np.float64) for S in (G, H, gates, W))
    B, T, N = H.shape
    h0 = np.zeros((B, N)) if H0 is None else np.asarray(H0, np.float64)
    gA, gU, dh = np.empty((B, T, 3 * N)), np.empty((B, T, 3 * N)), np.zeros((B, N))
    for t in reversed(range(T)):
        r, z, n, q = np.split(gates[:, t], 4, axis=1)
        dh = G[:, t] + dh
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * ((H[:, t - 1] if t else h0) - n) * z * (1 - z)
        dr = dn * q * r * (1 - r)
        gA[:, t], gU[:, t] = np.concatenate([dr, dz, dn], axis=1), np.concatenate([dr, dz, dn * r], axis=1)
        dh = gU[:, t] @ W + dh * z
    return gA, gU, np.concatenate([h0[:, None], H], axis=1)[:, :T], dh
