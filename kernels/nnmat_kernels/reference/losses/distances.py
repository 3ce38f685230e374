"""Losses of distances the obvious way, in float64."""

import numpy as np

from .entry_losses import reduced


def l1_loss(H, y, sample_weight=None, out=None, reduction="mean"):
    """|h - y| of the entries, and its gradient."""
    r = np.asarray(H, np.float64) - np.asarray(y, np.float64).reshape(H.shape)
    return reduced(np.abs(r), np.sign(r), sample_weight, out, reduction)


def huber_loss(H, y, delta=1.0, scale=1.0, sample_weight=None, out=None, reduction="mean"):
    """r²/2 up to delta, a line beyond it, and its gradient."""
    r = np.asarray(H, np.float64) - np.asarray(y, np.float64).reshape(H.shape)
    entries = np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))
    return reduced(scale * entries, scale * np.clip(r, -delta, delta), sample_weight, out, reduction)
