"""Binary cross-entropy from logits and the squared error the obvious way, in float64."""

import numpy as np


def sigmoid_binary_cross_entropy(H, y, positive_weight=1.0, sample_weight=None, out=None):
    """Mean of w y ζ(-h) + (1 - y) ζ(h), ζ(h) = max(h, 0) + log1p(exp(-|h|)), and its gradient."""
    h, y = np.asarray(H, np.float64), np.asarray(y, np.float64).reshape(H.shape)
    softplus = np.log1p(np.exp(-np.abs(h)))
    entries = positive_weight * y * (np.maximum(-h, 0) + softplus) + (1 - y) * (np.maximum(h, 0) + softplus)
    e = np.exp(-np.abs(h))
    sigmoid = np.where(h >= 0, 1, e) / (1 + e)
    return _mean(entries, sigmoid * (1 - y + positive_weight * y) - positive_weight * y, sample_weight, out)


def mean_squared_error(H, y, sample_weight=None, out=None):
    """Mean of (h - y)² over all entries, and its gradient."""
    r = np.asarray(H, np.float64) - np.asarray(y, np.float64).reshape(H.shape)
    return _mean(r**2, 2 * r, sample_weight, out)


def _mean(entries, derivatives, sample_weight, out):
    leading = entries.shape[:-1]
    s = np.ones(leading) if sample_weight is None else np.asarray(sample_weight, np.float64)
    s = np.broadcast_to(s.reshape(s.shape + (1,) * (len(leading) - s.ndim)), leading)[..., None]
    divisor = s.sum() * entries.shape[-1]
    G = np.zeros_like(entries) if out is None else out
    if divisor == 0:
        G[...] = 0
        return 0.0, G
    G[...] = s * derivatives / divisor
    return (s * entries).sum() / divisor, G
