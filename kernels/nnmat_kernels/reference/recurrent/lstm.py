"""An LSTM the obvious way, in float64: step by step, for the whole batch."""

import numpy as np


def lstm(A, W, H0=None, C0=None):
    """[i f g o] = [σ σ tanh σ](A_t + H Wᵀ), C = f ⊙ C + i ⊙ g, H = o ⊙ tanh C."""
    A, W = np.asarray(A, np.float64), np.asarray(W, np.float64)
    (B, T, _), N = A.shape, W.shape[1]
    h, c = (np.zeros((B, N)) if S is None else np.asarray(S, np.float64) for S in (H0, C0))
    H, C, gates = np.empty((B, T, N)), np.empty((B, T, N)), np.empty((B, T, 4 * N))
    for t in range(T):
        i, f, g, o = np.split(A[:, t] + h @ W.T, 4, axis=1)
        i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
        c = f * c + i * g
        h = o * np.tanh(c)
        H[:, t], C[:, t], gates[:, t] = h, c, np.concatenate([i, f, g, o], axis=1)
    return H, C, gates


def lstm_backward(G, H, C, gates, W, H0=None, C0=None, GC=None):
    """The equations of backpropagation through time."""
    G, H, C, gates, W = (np.asarray(S, np.float64) for S in (G, H, C, gates, W))
    B, T, N = H.shape
    h0, c0, dc = (np.zeros((B, N)) if S is None else np.asarray(S, np.float64) for S in (H0, C0, GC))
    gA, dh = np.empty(gates.shape), np.zeros((B, N))
    for t in reversed(range(T)):
        i, f, g, o = np.split(gates[:, t], 4, axis=1)
        before, tau = C[:, t - 1] if t else c0, np.tanh(C[:, t])
        dh = G[:, t] + dh
        dc = dc + dh * o * (1 - tau**2)
        parts = dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2), dh * tau * o * (1 - o)
        gA[:, t] = np.concatenate(parts, axis=1)
        dh, dc = gA[:, t] @ W, dc * f
    return gA, np.concatenate([h0[:, None], H], axis=1)[:, :T], dh, dc
