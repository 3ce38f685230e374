"""Losses of each entry for itself, the obvious way, in float64."""

import numpy as np

from .entry_losses import reduced


def sigmoid_binary_cross_entropy(H, y, positive_weight=1.0, sample_weight=None, out=None, reduction="mean"):
    """w y ζ(-h) + (1 - y) ζ(h), ζ(h) = max(h, 0) + log1p(exp(-|h|)), and its gradient."""
    h, y = np.asarray(H, np.float64), np.asarray(y, np.float64).reshape(H.shape)
    softplus = np.log1p(np.exp(-np.abs(h)))
    entries = positive_weight * y * (np.maximum(-h, 0) + softplus) + (1 - y) * (np.maximum(h, 0) + softplus)
    e = np.exp(-np.abs(h))
    sigmoid = np.where(h >= 0, 1, e) / (1 + e)
    slopes = sigmoid * (1 - y + positive_weight * y) - positive_weight * y
    return reduced(entries, slopes, sample_weight, out, reduction)


def mean_squared_error(H, y, sample_weight=None, out=None, reduction="mean"):
    """(h - y)² of the entries, and its gradient."""
    r = np.asarray(H, np.float64) - np.asarray(y, np.float64).reshape(H.shape)
    return reduced(r**2, 2 * r, sample_weight, out, reduction)
