"""GELU and its derivative the obvious way, in float64."""

import math

import numpy as np

from ..common import into


def gelu(X, out=None):
    """x Φ(x), Φ(x) = erfc(-x/√2)/2; 0 at -inf."""
    X = np.asarray(X, np.float64)
    return into(np.where(np.isneginf(X), 0, X) * _erfc(-X / np.sqrt(2)) / 2, out)


def gelu_backward(G, X, out=None):
    """gX = G ⊙ (Φ(X) + X ⊙ φ(X))."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    density = np.exp(-np.square(np.clip(X, -99, 99)) / 2) / np.sqrt(2 * np.pi)
    return into(G * (_erfc(-X / np.sqrt(2)) / 2 + np.clip(X, -99, 99) * density), out)


def _erfc(X):
    return np.array([math.erfc(x) for x in X.ravel()], np.float64).reshape(X.shape)
