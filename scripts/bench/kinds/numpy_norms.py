"""The norms in plain NumPy. Forward gives the statistics (mean, 0, r) and Y, backward gγ, gβ and gX."""

import numpy as np

EPS = np.float32(1e-5)
MOMENTUM = np.float32(0.1)


def normalised(X, gamma, beta, axes, out, centred=True):
    """X with mean 0 (if centred) and variance 1 over the axes, times gamma, plus beta."""
    if centred:
        mean = X.mean(axes, keepdims=True)
        np.subtract(X, mean, out=out)
        r = 1 / np.sqrt(np.square(out).mean(axes, keepdims=True) + EPS)
        np.multiply(out, r, out=out)
    else:
        r = 1 / np.sqrt(np.square(X).mean(axes, keepdims=True) + EPS)
        mean = np.zeros_like(r)
        np.multiply(X, r, out=out)
    np.multiply(out, gamma, out=out)
    if beta is not None:
        np.add(out, beta, out=out)
    return np.stack([mean.ravel(), np.zeros(r.size, np.float32), r.ravel()]), out


def differentiated(G, X, statistics, gamma, axes, out, centred=True):
    """The gradients of `normalised` from its statistics; gγ and gβ have the shape of gamma."""
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(X.shape))
    mean, _, r = (row.reshape(shape) for row in statistics)
    rest = tuple(range(X.ndim - gamma.ndim))
    scaled = (X - mean) * r if centred else X * r
    products = G * scaled
    gg, gb = products.sum(rest), G.sum(rest)
    np.multiply(G, gamma, out=out)
    np.multiply(products, gamma, out=products)
    scaled *= products.mean(axes, keepdims=True)
    if centred:
        scaled += out.mean(axes, keepdims=True)
    np.subtract(out, scaled, out=out)
    return gg, gb, np.multiply(out, r, out=out)


def layer_norm(X, gamma, beta, out):
    return normalised(X, gamma, beta, (1,), out)


def layer_norm_backward(G, X, statistics, gamma, out):
    return differentiated(G, X, statistics, gamma, (1,), out)


def rms_norm(X, gamma, out):
    return normalised(X, gamma, None, (1,), out, centred=False)


def rms_norm_backward(G, X, statistics, gamma, out):
    gg, _, gX = differentiated(G, X, statistics, gamma, (1,), out, centred=False)
    return gg, gX


def batch_norm(X, gamma, beta, running_mean, running_variance, out):
    """The running ones are changed in place, as PyTorch does, and given first."""
    statistics, Y = normalised(X, gamma, beta, (0,), out)
    mean, _, r = statistics
    variance = (1 / np.square(r) - EPS) * np.float32(len(X) / (len(X) - 1))
    for running, latest in ((running_mean, mean), (running_variance, variance)):
        running *= 1 - MOMENTUM
        running += MOMENTUM * latest
    return running_mean, running_variance, statistics, Y


def batch_norm_evaluation(X, mean, variance, gamma, beta, out):
    r = 1 / np.sqrt(variance + EPS)
    np.subtract(X, mean, out=out)
    np.multiply(out, r * gamma, out=out)
    return np.stack([mean, np.zeros_like(r), r]), np.add(out, beta, out=out)


def batch_norm_backward(G, X, statistics, gamma, out):
    return differentiated(G, X, statistics, gamma, (0,), out)


def group_norm(X, gamma, beta, groups, out):
    shape = _in_groups(X, groups)
    gamma, beta = gamma.reshape(shape[2:]), beta.reshape(shape[2:])
    statistics, _ = normalised(X.reshape(shape), gamma, beta, (1, 3), out.reshape(shape))
    return statistics, out


def group_norm_backward(G, X, statistics, gamma, groups, out):
    shape = _in_groups(X, groups)
    G, X, gamma = G.reshape(shape), X.reshape(shape), gamma.reshape(shape[2:])
    gg, gb, _ = differentiated(G, X, statistics, gamma, (1, 3), out.reshape(shape))
    return gg.ravel(), gb.ravel(), out


def _in_groups(X, groups):
    return len(X), -1, groups, X.shape[-1] // groups
