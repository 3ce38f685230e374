"""SiLU, ELU, softplus, GELU in its tanh form, Mish, ReLU6, Hardswish and PReLU the obvious way, in float64."""

import numpy as np

from ..common import into


def silu(X, out=None):
    """x σ(x); 0 at -inf."""
    X = np.asarray(X, np.float64)
    return into(np.where(np.isneginf(X), 0, X) * _sigmoid(X), out)


def silu_backward(G, X, out=None):
    """σ(x)(1 + x σ(-x))."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    return into(G * _sigmoid(X) * (1 + np.clip(X, -1e3, 1e3) * _sigmoid(-X)), out)


def elu(X, alpha=1.0, out=None):
    """x, or α (e^x - 1) for x <= 0."""
    X = np.asarray(X, np.float64)
    return into(np.where(X > 0, X, alpha * np.expm1(np.minimum(X, 0))), out)


def elu_backward(G, X, alpha=1.0, out=None):
    """1, or α e^x for x <= 0."""
    X = np.asarray(X, np.float64)
    return into(np.asarray(G, np.float64) * np.where(X > 0, 1, alpha * np.exp(np.minimum(X, 0))), out)


def softplus(X, beta=1.0, out=None):
    """log(1 + e^(βx))/β."""
    return into(np.logaddexp(0, beta * np.asarray(X, np.float64)) / beta, out)


def softplus_backward(G, X, beta=1.0, out=None):
    """σ(βx)."""
    return into(np.asarray(G, np.float64) * _sigmoid(beta * np.asarray(X, np.float64)), out)


def gelu_tanh(X, out=None):
    """x (1 + tanh u)/2, u = √(2/π)(x + 0.044715 x³), the bracket as a sigmoid; 0 at -inf."""
    X = np.asarray(X, np.float64)
    return into(np.where(np.isneginf(X), 0, X) * _sigmoid(2 * _inner(np.clip(X, -1e3, 1e3))), out)


def gelu_tanh_backward(G, X, out=None):
    """(1 + t)/2 + x (1 - t²)/2 u', t = tanh u."""
    G, X = np.asarray(G, np.float64), np.clip(np.asarray(X, np.float64), -1e3, 1e3)
    s, slope = _sigmoid(2 * _inner(X)), np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * X**2)
    return into(G * (s + 2 * X * s * _sigmoid(-2 * _inner(X)) * slope), out)


def mish(X, out=None):
    """x tanh(log(1 + e^x)); 0 at -inf."""
    X = np.asarray(X, np.float64)
    return into(np.where(np.isneginf(X), 0, X) * np.tanh(np.logaddexp(0, X)), out)


def mish_backward(G, X, out=None):
    """t + x (1 - t²) σ(x), t = tanh(log(1 + e^x))."""
    G, X = np.asarray(G, np.float64), np.clip(np.asarray(X, np.float64), -1e3, 1e3)
    z = np.logaddexp(0, X)
    return into(G * (np.tanh(z) + X * 4 * _sigmoid(2 * z) * _sigmoid(-2 * z) * _sigmoid(X)), out)


def relu6(X, out=None):
    """max(x, 0), at most 6."""
    return into(np.minimum(np.maximum(np.asarray(X, np.float64), 0), 6), out)


def relu6_backward(G, X, out=None):
    """1 between 0 and 6."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    return into(np.where((X <= 0) | (X >= 6), 0, G), out)


def hardswish(X, out=None):
    """x times a line from 0 at -3 to 1 at 3."""
    X = np.asarray(X, np.float64)
    return into(np.where(X >= 3, X, np.maximum(X, -3) * (np.clip(X, -3, 3) + 3) / 6), out)


def hardswish_backward(G, X, out=None):
    """0 up to -3, 1 from 3 on, between them x/3 + 1/2."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    return into(np.where(X <= -3, 0, np.where(X >= 3, G, G * (np.clip(X, -3, 3) / 3 + 0.5))), out)


def prelu(X, slope, out=None):
    """x where x > 0, else its column's slope times x."""
    X = np.asarray(X, np.float64)
    return into(np.where(X > 0, X, np.asarray(slope, np.float64) * X), out)


def prelu_backward(G, X, slope, out=None):
    """G where x > 0, else its column's slope times G."""
    G = np.asarray(G, np.float64)
    return into(np.where(np.asarray(X) > 0, G, np.asarray(slope, np.float64) * G), out)


def _sigmoid(X):
    e = np.exp(-np.abs(X))
    return np.where(X >= 0, 1, e) / (1 + e)


def _inner(X):
    return np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
