"""Row softmax the obvious way, in float64."""

import numpy as np

from ..common import into


def softmax(X, out=None):
    """Each row's exponentials over their sum, shifted by the row's maximum."""
    E = np.exp(_shifted(X))
    return into(E / E.sum(axis=-1, keepdims=True), out)


def softmax_backward(G, P, out=None):
    """Row by row (diag(p) - p pᵀ) g, with the Jacobian written out."""
    G, P = np.asarray(G, np.float64), np.asarray(P, np.float64)
    gX = np.empty(G.shape)
    for row in np.ndindex(G.shape[:-1]):
        gX[row] = (np.diag(P[row]) - np.outer(P[row], P[row])) @ G[row]
    return into(gX, out)


def log_softmax(X, out=None):
    """Each row minus the logarithm of the sum of its exponentials."""
    Z = _shifted(X)
    if Z.size == 0:
        return into(Z, out)
    top = Z.argmax(axis=-1)[..., None] == np.arange(Z.shape[-1])
    rest = np.where(top, np.where(np.isnan(Z), Z, 0), np.exp(Z)).sum(axis=-1, keepdims=True)
    return into(Z - np.log1p(rest), out)


def _shifted(X):
    X = np.asarray(X, np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf = NaN
        return X - X.max(axis=-1, keepdims=True, initial=-np.inf)
