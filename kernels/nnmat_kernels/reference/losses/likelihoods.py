"""Losses of distributions the obvious way, in float64."""

import numpy as np

from .entry_losses import reduced


def kl_divergence(H, y, log_target=False, sample_weight=None, out=None, reduction="mean"):
    """Σ y (log y - h) of the rows, and its gradient."""
    h, y = np.asarray(H, np.float64), np.asarray(y, np.float64).reshape(H.shape)
    p = np.exp(y) if log_target else y
    logarithm = y if log_target else np.log(np.where(p > 0, p, 1))
    entries = np.where(p > 0, p, 0) * np.where(p > 0, logarithm - h, 0)
    return reduced(entries, -p, sample_weight, out, reduction, columns=1)


def poisson_negative_log_likelihood(
    H, y, log_input=True, full=False, eps=1e-8, sample_weight=None, out=None, reduction="mean"
):
    """exp(h) - y h, or h - y log(h + eps), and its gradient."""
    h, y = np.asarray(H, np.float64), np.asarray(y, np.float64).reshape(H.shape)
    entries = np.exp(h) - y * h if log_input else h - y * np.log(h + eps)
    slopes = np.exp(h) - y if log_input else 1 - y / (h + eps)
    if full:
        t = np.where(y > 1, y, 1)
        entries = entries + np.where(y > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0)
    return reduced(entries, slopes, sample_weight, out, reduction)
