"""Softmax and its logarithm along an axis the obvious way, in float64."""

import numpy as np

from ..common import into


def softmax(X, out=None, axis=-1):
    """Each row's exponentials over their sum, shifted by the row's maximum."""
    E = np.exp(_shifted(_rows(X, axis)))
    return into(_back(E / E.sum(axis=-1, keepdims=True), axis), out)


def softmax_backward(G, P, out=None, axis=-1):
    """Row by row (diag(p) - p pᵀ) g, with the Jacobian written out."""
    G, P = _rows(G, axis), _rows(P, axis)
    gX = np.empty(G.shape)
    for row in np.ndindex(G.shape[:-1]):
        gX[row] = (np.diag(P[row]) - np.outer(P[row], P[row])) @ G[row]
    return into(_back(gX, axis), out)


def log_softmax(X, out=None, axis=-1):
    """Each row minus the logarithm of the sum of its exponentials."""
    Z = _shifted(_rows(X, axis))
    if Z.size == 0:
        return into(_back(Z, axis), out)
    top = Z.argmax(axis=-1)[..., None] == np.arange(Z.shape[-1])
    rest = np.where(top, np.where(np.isnan(Z), Z, 0), np.exp(Z)).sum(axis=-1, keepdims=True)
    return into(_back(Z - np.log1p(rest), axis), out)


def log_softmax_backward(G, Y, out=None, axis=-1):
    """Row by row (I - p 1ᵀ) g, p = exp(y), with the Jacobian written out."""
    G, P = _rows(G, axis), np.exp(_rows(Y, axis))
    gX = np.empty(G.shape)
    for row in np.ndindex(G.shape[:-1]):
        gX[row] = (np.eye(P.shape[-1]) - np.outer(P[row], np.ones(P.shape[-1]))) @ G[row]
    return into(_back(gX, axis), out)


def _rows(A, axis):
    return np.moveaxis(np.asarray(A, np.float64), axis, -1)


def _back(A, axis):
    return np.ascontiguousarray(np.moveaxis(A, -1, axis))


def _shifted(X):
    with np.errstate(invalid="ignore"):  # inf - inf = NaN
        return X - X.max(axis=-1, keepdims=True, initial=-np.inf)
