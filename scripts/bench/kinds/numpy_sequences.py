"""Embedding, attention and the recurrent networks in plain NumPy, as a careful user writes them."""

import numpy as np

ONE = np.float32(1)


def embedding(E, ids, out):
    return np.take(E, ids, 0, out=out)


def embedding_backward(G, ids, out):
    out.fill(0)
    np.add.at(out, ids, G)
    return out


def rotate(X, cosines, sines, heads, out):
    B, T, width = X.shape
    shape = B, T, heads, 2, width // heads // 2
    pairs, turned, C, S = X.reshape(shape), out.reshape(shape), cosines[:, None], sines[:, None]
    a, b = pairs[:, :, :, 0], pairs[:, :, :, 1]
    turned[:, :, :, 0] = a * C - b * S
    turned[:, :, :, 1] = a * S + b * C
    return out


def attention(Q, K, V, heads, out):
    """Causal; the logarithms of the sums of exponentials, and O."""
    S = _scores(Q, K, heads)
    top = S.max(3, keepdims=True)
    np.exp(np.subtract(S, top, out=S), out=S)
    total = S.sum(3, keepdims=True)
    S /= total
    split(out, heads)[...] = S @ split(V, heads)
    return (top + np.log(total))[..., 0], out


def attention_backward(G, Q, K, V, O, lse, heads):  # noqa: E741
    """gQ, gK and gV: the weights once more from the scores and lse."""
    P = _scores(Q, K, heads)
    np.exp(np.subtract(P, lse[..., None], out=P), out=P)
    g, q, k, v = (split(A, heads) for A in (G, Q, K, V))
    inner = (g * split(O, heads)).sum(3, keepdims=True)
    S = g @ v.swapaxes(2, 3)
    S -= inner
    S *= P
    S *= np.float32(1 / np.sqrt(q.shape[3]))
    return joined(S @ k), joined(S.swapaxes(2, 3) @ q), joined(P.swapaxes(2, 3) @ g)


def self_attention(QKV, heads, out):
    Q, K, V = np.split(QKV, 3, 2)
    return attention(Q, K, V, heads, out)


def self_attention_backward(G, QKV, O, lse, heads, out):  # noqa: E741
    Q, K, V = np.split(QKV, 3, 2)
    return np.concatenate(attention_backward(G, Q, K, V, O, lse, heads), 2, out=out)


def split(A, heads):
    """(B, T, heads d) as (B, heads, T, d)."""
    return A.reshape(*A.shape[:2], heads, A.shape[2] // heads).swapaxes(1, 2)


def joined(A):
    """(B, heads, T, d) as (B, T, heads d)."""
    B, heads, T, d = A.shape
    return A.swapaxes(1, 2).reshape(B, T, heads * d)


def _scores(Q, K, heads):
    q, k = split(Q, heads), split(K, heads)
    S = q @ k.swapaxes(2, 3)
    S *= np.float32(1 / np.sqrt(q.shape[3]))
    S[:, :, np.triu(np.ones(S.shape[2:], bool), 1)] = -np.inf
    return S


def rnn(A, W):
    H, h = np.empty_like(A), np.zeros((len(A), len(W)), A.dtype)
    for t in range(A.shape[1]):
        h = H[:, t] = np.tanh(A[:, t] + h @ W.T)
    return (H,)


def rnn_backward(G, H, W):
    gA, dh = np.empty_like(G), np.zeros((len(G), len(W)), G.dtype)
    for t in reversed(range(G.shape[1])):
        gA[:, t] = (G[:, t] + dh) * (1 - H[:, t] ** 2)
        dh = gA[:, t] @ W
    return gA, before(H), dh


def lstm(A, W):
    (B, T, _), N = A.shape, W.shape[1]
    H, C, gates = np.empty((B, T, N), A.dtype), np.empty((B, T, N), A.dtype), np.empty_like(A)
    h, c = np.zeros((2, B, N), A.dtype)
    for t in range(T):
        own = A[:, t] + h @ W.T
        i, f, g, o = np.split(own, 4, 1)
        _sigmoid(own[:, : 2 * N])
        np.tanh(g, out=g)
        _sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        H[:, t], C[:, t], gates[:, t] = h, c, own
    return H, C, gates


def lstm_backward(G, H, C, gates, W):
    (B, T, N), first = H.shape, before(C)
    gA = np.empty_like(gates)
    dh, dc = np.zeros((2, B, N), G.dtype)
    for t in reversed(range(T)):
        i, f, g, o = np.split(gates[:, t], 4, 1)
        gi, gf, gg, go = np.split(gA[:, t], 4, 1)
        tau, dh = np.tanh(C[:, t]), G[:, t] + dh
        dc = dc + dh * o * (1 - tau**2)
        gi[...] = dc * g * i * (1 - i)
        gf[...] = dc * first[:, t] * f * (1 - f)
        gg[...] = dc * i * (1 - g**2)
        go[...] = dh * tau * o * (1 - o)
        dh, dc = gA[:, t] @ W, dc * f
    return gA, before(H), dh, dc


def gru(A, W, b):
    (B, T, _), N = A.shape, W.shape[1]
    H, gates = np.empty((B, T, N), A.dtype), np.empty((B, T, 4 * N), A.dtype)
    h = np.zeros((B, N), A.dtype)
    for t in range(T):
        u, own = h @ W.T + b, gates[:, t]
        r, z, n, q = np.split(own, 4, 1)
        np.add(A[:, t, : 2 * N], u[:, : 2 * N], out=own[:, : 2 * N])
        _sigmoid(own[:, : 2 * N])
        q[...] = u[:, 2 * N :]
        n[...] = np.tanh(A[:, t, 2 * N :] + r * q)
        h = H[:, t] = n + z * (h - n)
    return H, gates


def gru_backward(G, H, gates, W):
    (B, T, N), first = H.shape, before(H)
    gA, gU = np.empty((B, T, 3 * N), G.dtype), np.empty((B, T, 3 * N), G.dtype)
    dh = np.zeros((B, N), G.dtype)
    for t in reversed(range(T)):
        r, z, n, q = np.split(gates[:, t], 4, 1)
        dr, dz, dn = np.split(gA[:, t], 3, 1)
        dh = G[:, t] + dh
        dn[...] = dh * (1 - z) * (1 - n**2)
        dz[...] = dh * (first[:, t] - n) * z * (1 - z)
        dr[...] = dn * q * r * (1 - r)
        gU[:, t, : 2 * N] = gA[:, t, : 2 * N]
        gU[:, t, 2 * N :] = dn * r
        dh = gU[:, t] @ W + dh * z
    return gA, gU, first, dh


def before(H):
    """The state before each step; the first one is 0."""
    earlier = np.zeros_like(H)
    earlier[:, 1:] = H[:, :-1]
    return earlier


def _sigmoid(X):
    """In place."""
    np.negative(X, out=X)
    np.exp(X, out=X)
    np.add(X, ONE, out=X)
    np.divide(ONE, X, out=X)
