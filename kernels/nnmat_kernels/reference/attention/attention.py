"""Attention the obvious way, in float64: the weights P = softmax(a Q Kᵀ + M) written out, head by head."""

import numpy as np

from ..elementwise.dropout import dropout


def attention(
    Q, K, V, heads=1, causal=False, mask=None, key_mask=None, rate=0.0, key=0, counter=0, before=0, out=None
):  # fmt: skip
    """O = (P ⊙ D) V for each head, and the logarithms of the sums of exponentials."""
    P, D, lse = weights(Q, K, heads, causal, mask, key_mask, rate, key, counter, before)
    O = joined((P * D) @ split(V, heads))  # noqa: E741
    if out is not None:
        out[...] = O
    return O if out is None else out, lse


def attention_backward(
    G, Q, K, V, O, lse, heads=1, causal=False, mask=None, key_mask=None, rate=0.0, key=0, counter=0, before=0  # noqa: E741
):  # fmt: skip
    """gV = Pᵀ G, gS = P ⊙ (gP - rowsum(gP ⊙ P) 1ᵀ), gQ = a gS K, gK = a gSᵀ Q; O and lse are not needed."""
    P, D, _ = weights(Q, K, heads, causal, mask, key_mask, rate, key, counter, before)
    G, q, k, v = (split(A, heads) for A in (G, Q, K, V))
    gP = (G @ v.swapaxes(2, 3)) * D
    gS = P * (gP - (gP * P).sum(axis=3, keepdims=True)) / np.sqrt(max(1, q.shape[3]))
    return joined(gS @ k), joined(gS.swapaxes(2, 3) @ q), joined((P * D).swapaxes(2, 3) @ G)


def self_attention(QKV, heads=1, causal=False, mask=None, key_mask=None, rate=0.0, key=0, counter=0, out=None):
    """The same for queries, keys and values side by side."""
    Q, K, V = np.split(np.asarray(QKV), 3, axis=2)
    return attention(Q, K, V, heads, causal, mask, key_mask, rate, key, counter, 0, out)


def self_attention_backward(
    G, QKV, O, lse, heads=1, causal=False, mask=None, key_mask=None, rate=0.0, key=0, counter=0, out=None  # noqa: E741
):  # fmt: skip
    """[gQ gK gV]."""
    Q, K, V = np.split(np.asarray(QKV), 3, axis=2)
    gradients = attention_backward(G, Q, K, V, O, lse, heads, causal, mask, key_mask, rate, key, counter)
    gQKV = np.concatenate(gradients, axis=2)
    if out is not None:
        out[...] = gQKV
    return gQKV if out is None else out


def weights(Q, K, heads, causal, mask, key_mask, rate, key, counter, before):
    """P, D/(1 - rate) and the logarithms; a row that is masked throughout has weights 0."""
    q, k = split(Q, heads), split(K, heads)
    S = q @ k.swapaxes(2, 3) / np.sqrt(max(1, q.shape[3]))
    if mask is not None:
        S = S + np.asarray(mask, np.float64)
    if key_mask is not None:
        S = np.where(key_mask[:, None, None, :], S, -np.inf)
    if causal:
        S = np.where(np.arange(S.shape[3]) <= np.arange(S.shape[2])[:, None] + before, S, -np.inf)
    top = S.max(axis=3, keepdims=True, initial=-np.inf)
    E = np.exp(S - np.where(np.isneginf(top), 0, top))
    total = E.sum(axis=3, keepdims=True)
    empty = total == 0
    lse = np.where(empty, 0, np.where(np.isneginf(top), 0, top) + np.log(np.where(empty, 1, total)))
    D = dropout(np.ones(S.shape), rate, key, counter) if rate > 0 else np.ones(S.shape)
    return E / np.where(empty, 1, total), D, lse[..., 0]


def split(A, heads):
    """(B, T, heads d) as (B, heads, T, d)."""
    A = np.asarray(A, np.float64)
    return A.reshape(*A.shape[:2], heads, A.shape[2] // heads).swapaxes(1, 2)


def joined(A):
    """(B, heads, T, d) as (B, T, heads d)."""
    B, heads, T, d = A.shape
    return A.swapaxes(1, 2).reshape(B, T, heads * d)
