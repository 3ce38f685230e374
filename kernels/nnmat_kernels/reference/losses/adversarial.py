"""The losses of generative adversarial networks the obvious way, in float64."""

import numpy as np


def adversarial_loss(S, kind, part, sample_weight=None, out=None):
    """Mean of the loss of each score, and its gradient."""
    s = np.asarray(S, np.float64)
    values, slopes = _entries(s, kind, part)
    w = np.ones(S.shape[:-1]) if sample_weight is None else np.asarray(sample_weight, np.float64)
    w = np.broadcast_to(w.reshape(w.shape + (1,) * (S.ndim - 1 - w.ndim)), S.shape[:-1])[..., None]
    divisor = w.sum() * S.shape[-1]
    G = np.zeros_like(s) if out is None else out
    G[...] = w * slopes / divisor if divisor else 0
    return ((w * values).sum() / divisor if divisor else 0.0), G


def _entries(s, kind, part):
    ones = np.ones_like(s)
    if kind in ("minimax", "non_saturating"):
        if part == "fake":
            return np.logaddexp(0, s), _sigmoid(s)
        if part == "generator" and kind == "minimax":
            return -np.logaddexp(0, s), -_sigmoid(s)
        return np.logaddexp(0, -s), -_sigmoid(-s)
    if kind == "least_squares":
        aim = 0 if part == "fake" else 1
        return (s - aim) ** 2 / 2, s - aim
    if kind == "hinge" and part != "generator":
        sign = 1 if part == "fake" else -1
        return np.maximum(0, 1 + sign * s), sign * (1 + sign * s > 0)
    sign = 1 if part == "fake" else -1
    return sign * s, sign * ones


def _sigmoid(s):
    e = np.exp(-np.abs(s))
    return np.where(s >= 0, 1, e) / (1 + e)
