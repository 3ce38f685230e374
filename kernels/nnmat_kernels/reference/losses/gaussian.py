"""The likelihood of Gaussians the obvious way, in float64, with inverses."""

import numpy as np

from .entry_losses import reduced


def gaussian_negative_log_likelihood(
    H, y, covariance="diagonal", eps=1e-6, full=False, sample_weight=None, out=None, reduction="mean"
):
    """The loss of y (..., M) under the Gaussians in H (..., K), and its gradient; for "none" by twice M columns."""
    h = np.asarray(H, np.float64)
    constant = 0.5 * np.log(2 * np.pi) if full else 0.0
    if covariance == "cholesky":
        return _cholesky(h, y, constant, sample_weight, out, reduction)
    M = h.shape[-1] // 2 if covariance == "diagonal" else h.shape[-1] - 1
    y = np.asarray(y, np.float64).reshape(*h.shape[:-1], M)
    v = np.broadcast_to(np.maximum(h[..., M:], eps), y.shape)
    r = h[..., :M] - y
    entries = 0.5 * (np.log(v) + r**2 / v) + constant
    values, g_mean = reduced(entries, r / v, sample_weight, None, reduction)
    g_variance = reduced(entries, 0.5 * (1 / v - r**2 / v**2), sample_weight, None, reduction)[1]
    if reduction != "none" and covariance == "spherical":
        g_variance = g_variance.sum(axis=-1, keepdims=True)
    return values, _into(out, np.concatenate([g_mean, g_variance], axis=-1))


def _cholesky(h, y, constant, sample_weight, out, reduction):
    K = h.shape[-1]
    M = next(M for M in range(1, K + 1) if M * (M + 3) // 2 == K)
    y = np.asarray(y, np.float64).reshape(-1, M)
    losses, G = np.empty((len(y), 1)), np.empty((len(y), K))
    lower = np.tril_indices(M)
    for b, row in enumerate(h.reshape(-1, K)):
        L = np.zeros((M, M))
        L[lower] = row[M:]
        S = L @ L.T
        r = row[:M] - y[b]
        losses[b] = 0.5 * np.linalg.slogdet(S)[1] + 0.5 * r @ np.linalg.inv(S) @ r + M * constant
        inverse = np.linalg.inv(S)
        G[b, :M] = inverse @ r
        gS = 0.5 * (inverse - inverse @ np.outer(r, r) @ inverse)
        G[b, M:] = (2 * gS @ L)[lower]
    values = losses.reshape(*h.shape[:-1], 1)
    value, factors = reduced(values, np.ones_like(values), sample_weight, None, reduction, columns=1)
    value = value[..., 0] if reduction == "none" else value
    return value, _into(out, factors * G.reshape(h.shape))


def _into(out, G):
    if out is None:
        return G
    out[...] = G
    return out
