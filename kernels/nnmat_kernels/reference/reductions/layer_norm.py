"""Layer norm and RMS norm the obvious way, in float64."""

import numpy as np

from ..common import into


def layer_norm(X, gamma=None, beta=None, eps=1e-5, out=None):
    """Each row minus its mean, over its standard deviation; the statistics are mean, 0 and 1/√(v + ε)."""
    return _forward(X, gamma, beta, eps, True, out)


def rms_norm(X, gamma=None, eps=1e-5, out=None):
    """Each row over the root of its mean square."""
    return _forward(X, gamma, None, eps, False, out)


def layer_norm_backward(G, X, statistics, gamma=None, out=None):
    """Row by row r (C - x̂ x̂ᵀ/N) ĝ, with the Jacobian written out."""
    return _backward(G, X, statistics, gamma, True, out)


def rms_norm_backward(G, X, statistics, gamma=None, out=None):
    """Row by row r (I - x̂ x̂ᵀ/N) ĝ, with the Jacobian written out."""
    return _backward(G, X, statistics, gamma, False, out)[:2]


def _forward(X, gamma, beta, eps, centred, out):
    X = np.asarray(X, np.float64)
    rows = X.reshape(int(np.prod(X.shape[:-1])), X.shape[-1])
    if X.size == 0:
        return into(X.copy(), out), np.zeros((3, len(rows)))
    mean = rows.mean(axis=1) if centred else np.zeros(len(rows))
    r = 1 / np.sqrt(np.square(rows - mean[:, None]).mean(axis=1) + eps)
    Y = (rows - mean[:, None]) * r[:, None]
    Y = Y * (1 if gamma is None else np.asarray(gamma, np.float64)) + (0 if beta is None else beta)
    return into(Y.reshape(X.shape), out), np.stack([mean, 0 * mean, r])


def _backward(G, X, statistics, gamma, centred, out):
    X, G, N = np.asarray(X, np.float64), np.asarray(G, np.float64), np.shape(X)[-1]
    gX, gg, gb = np.empty(X.shape), np.zeros(N), np.zeros(N)
    mean, rest, scale = np.asarray(statistics, np.float64)
    for i, row in enumerate(np.ndindex(X.shape[:-1])):
        xh, r = (X[row] - mean[i] - rest[i]) * scale[i], scale[i]
        C = np.eye(N) - 1 / N if centred and N else np.eye(N)
        gX[row] = r * (C - np.outer(xh, xh) / max(N, 1)) @ (G[row] if gamma is None else G[row] * gamma)
        gg, gb = gg + G[row] * xh, gb + G[row]
    return into(gX, out), gg, gb
