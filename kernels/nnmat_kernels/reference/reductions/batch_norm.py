"""Batch norm the obvious way, in float64."""

import numpy as np

from ..common import into


def batch_norm(
    X, gamma=None, beta=None, eps=1e-5, momentum=0.1, running_mean=None, running_variance=None, out=None
):  # fmt: skip
    """Each column minus its mean, over its standard deviation; the running ones are changed in place."""
    A, axes = np.asarray(X, np.float64), tuple(range(np.ndim(X) - 1))
    mean, variance = A.mean(axis=axes), A.var(axis=axes)
    if running_mean is not None:
        running_mean[...] = (1 - momentum) * running_mean + momentum * mean
    if running_variance is not None:
        running_variance[...] = (1 - momentum) * running_variance + momentum * A.var(axis=axes, ddof=1)
    return batch_norm_evaluation(X, mean, variance, gamma, beta, eps, out)


def batch_norm_evaluation(X, running_mean, running_variance, gamma=None, beta=None, eps=1e-5, out=None):
    """The same with known mean and variance; the statistics are mean, 0 and 1/√(v + ε)."""
    X, mean = np.asarray(X, np.float64), np.asarray(running_mean, np.float64)
    r = 1 / np.sqrt(np.asarray(running_variance, np.float64) + eps)
    Y = (X - mean) * r * (1 if gamma is None else np.asarray(gamma, np.float64)) + (0 if beta is None else beta)
    return into(Y, out), np.stack([mean, 0 * mean, r])


def batch_norm_backward(G, X, statistics, gamma=None, training=True, out=None):
    """gX = r ⊙ (Ĝ - mean(Ĝ) - X̂ ⊙ mean(Ĝ ⊙ X̂)), without the means in evaluation."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    mean, rest, r = np.asarray(statistics, np.float64)
    xh, axes = (X - mean - rest) * r, tuple(range(X.ndim - 1))
    gh = G if gamma is None else G * gamma
    gX = r * (gh - gh.mean(axis=axes) - xh * (gh * xh).mean(axis=axes)) if training and X.size else r * gh
    return into(gX, out), (G * xh).sum(axis=axes), G.sum(axis=axes)
