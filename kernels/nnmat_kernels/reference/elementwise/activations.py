"""Element-wise activations the obvious way, in float64."""

import numpy as np

from ..common import into


def sigmoid(X, out=None):
    """1 / (1 + e^-x), by the two branches that do not overflow."""
    X = np.asarray(X, np.float64)
    E = np.exp(-np.abs(X))
    return into(np.where(X >= 0, 1, E) / (1 + E), out)


def sigmoid_backward(G, Y, out=None):
    """gX = G ⊙ Y ⊙ (1 - Y)."""
    G, Y = np.asarray(G, np.float64), np.asarray(Y, np.float64)
    return into(G * Y * (1 - Y), out)


def tanh(X, out=None):
    """tanh x."""
    return into(np.tanh(np.asarray(X, np.float64)), out)


def tanh_backward(G, Y, out=None):
    """gX = G ⊙ (1 - Y²)."""
    G, Y = np.asarray(G, np.float64), np.asarray(Y, np.float64)
    return into(G * (1 - Y) * (1 + Y), out)


def relu(X, out=None):
    """max(x, 0), where np.maximum keeps NaN."""
    return into(np.maximum(np.asarray(X, np.float64), 0), out)


def relu_backward(G, Y, out=None):
    """gX = G where Y > 0 or NaN, else 0."""
    return into(np.where(np.asarray(Y) <= 0, 0, np.asarray(G, np.float64)), out)


def leaky_relu(X, slope, out=None):
    """x where x > 0, else slope x."""
    X = np.asarray(X, np.float64)
    return into(np.where(X > 0, X, slope * X), out)


def leaky_relu_backward(G, X, slope, out=None):
    """gX = G where X > 0, else slope G."""
    G = np.asarray(G, np.float64)
    return into(np.where(np.asarray(X) > 0, G, slope * G), out)
