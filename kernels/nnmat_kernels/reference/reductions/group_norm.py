"""Group norm the obvious way, in float64: group by group."""

import numpy as np

from ..common import into


def group_norm(X, groups, gamma=None, beta=None, eps=1e-5, out=None):
    """Each image's group minus its mean, over its standard deviation; the statistics are mean, 0 and 1/√(v + ε)."""
    X = np.asarray(X, np.float64)
    Y, statistics, C = np.empty(X.shape), np.zeros((3, len(X) * groups)), X.shape[-1]
    for b, group, columns in _places(X, groups):
        part = X[b][..., columns]
        mean, r = part.mean(), 1 / np.sqrt(part.var() + eps)
        Y[b][..., columns] = (part - mean) * r
        statistics[:, b * groups + group] = mean, 0, r
    Y = Y * (np.ones(C) if gamma is None else gamma) + (np.zeros(C) if beta is None else beta)
    return into(Y, out), statistics


def group_norm_backward(G, X, groups, statistics, gamma=None, out=None):
    """gx = r (ĝ - mean(ĝ) - x̂ mean(ĝ x̂)) in each group."""
    G, X = np.asarray(G, np.float64), np.asarray(X, np.float64)
    C, gX, xh = X.shape[-1], np.empty(X.shape), np.empty(X.shape)
    gh = G * (np.ones(C) if gamma is None else gamma)
    for b, group, columns in _places(X, groups):
        mean, rest, r = np.asarray(statistics, np.float64)[:, b * groups + group]
        x, g = (X[b][..., columns] - mean - rest) * r, gh[b][..., columns]
        gX[b][..., columns], xh[b][..., columns] = r * (g - g.mean() - x * (g * x).mean()), x
    axes = tuple(range(X.ndim - 1))
    return into(gX, out), (G * xh).sum(axis=axes), G.sum(axis=axes)


def _places(X, groups):
    own = X.shape[-1] // groups
    if X.size == 0:
        return []
    return [(b, g, slice(g * own, (g + 1) * own)) for b in range(len(X)) for g in range(groups)]
