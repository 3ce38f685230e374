"""A plain recurrent network the obvious way, in float64: step by step, for the whole batch."""

import numpy as np


def rnn(A, W, H0=None):
    """H_t = tanh(A_t + H_{t-1} Wᵀ)."""
    A, W = np.asarray(A, np.float64), np.asarray(W, np.float64)
    h = np.zeros((len(A), W.shape[1])) if H0 is None else np.asarray(H0, np.float64)
    H = np.empty(A.shape)
    for t in range(A.shape[1]):
        h = H[:, t] = np.tanh(A[:, t] + h @ W.T)
    return H


def rnn_backward(G, H, W, H0=None):
    """The equations of backpropagation through time."""
    G, H, W = (np.asarray(S, np.float64) for S in (G, H, W))
    B, T, N = H.shape
    h0 = np.zeros((B, N)) if H0 is None else np.asarray(H0, np.float64)
    gA, dh = np.empty((B, T, N)), np.zeros((B, N))
    for t in reversed(range(T)):
        gA[:, t] = (G[:, t] + dh) * (1 - H[:, t] ** 2)
        dh = gA[:, t] @ W
    return gA, np.concatenate([h0[:, None], H], axis=1)[:, :T], dh
