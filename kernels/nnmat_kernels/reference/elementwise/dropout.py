"""Dropout the obvious way, in float64, with the hash written out in Python's integers."""

import numpy as np

from ..common import into

BITS = 2**64


def dropout(X, rate, key, counter, out=None):
    """D ⊙ X / (1 - rate), D_i = 1 where the top 53 bits of the hash of (key, counter, i) are below 2⁵³ (1 - rate)."""
    X = np.asarray(X, np.float64)
    seed = splitmix64(splitmix64(key, 1) ^ counter, 1)
    D = np.array([(splitmix64(seed, i + 1) >> 11) < round((1 - rate) * 2**53) for i in range(X.size)], np.float64)
    Y = X * D.reshape(X.shape) / (1 - rate) if rate < 1 else X * 0
    return into(Y, out)


def channel_dropout(X, rate, key, counter, out=None):
    """The mask of `dropout` for a matrix (B, C), in each place of X (B, ..., C)."""
    X = np.asarray(X, np.float64)
    D = dropout(np.ones((len(X), X.shape[-1])), rate, key, counter)
    return into(X * D.reshape(len(X), *[1] * (X.ndim - 2), X.shape[-1]), out)


def splitmix64(seed, n):
    """The n-th number of the SplitMix64 stream that starts at `seed` (Steele, Lea & Flood, 2014)."""
    z = (seed + n * 0x9E3779B97F4A7C15) % BITS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % BITS
    return z ^ (z >> 31)
