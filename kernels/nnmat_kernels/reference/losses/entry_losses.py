"""Sums over entries the obvious way, in float64: weights, and the three reductions."""

import numpy as np


def reduced(entries, derivatives, sample_weight, out, reduction, columns=None):
    """(value, gradient) of the losses of all entries and their derivatives; `columns` stands for M in the mean."""
    s = np.ones(entries.shape) if sample_weight is None else np.asarray(sample_weight, np.float64)
    s = np.broadcast_to(s.reshape(s.shape + (1,) * (entries.ndim - s.ndim)), entries.shape)
    M = entries.shape[-1]
    divisor = s.sum() / M * (M if columns is None else columns) if reduction == "mean" else 1.0
    G = np.zeros_like(derivatives) if out is None else out
    G[...] = s * derivatives / divisor if divisor else 0
    if reduction == "none":
        return s * entries, G
    return ((s * entries).sum() / divisor if divisor else 0.0), G
