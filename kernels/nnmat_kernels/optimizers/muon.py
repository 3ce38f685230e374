"""The element-wise parts of Muon; between them stand products of matrices.

All vectors are flat, of one dtype; everything is computed as written, as in `updates`.
"""

import numpy as np
from numba import prange

from ..elementwise.vector_math import fma
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE
from .vectors import UPDATE_CHUNK, chunk


@exact_jit
def _direction(g, m, out, beta, nesterov, scale):
    kind = g.dtype.type
    gain, beta, scale = kind(1.0 - beta), kind(beta), kind(scale)
    for i in range(g.size):
        d = gain * (scale * g[i])
        m[i] = fma(beta, m[i], d)
        out[i] = fma(beta, m[i], d) if nesterov else m[i]


@exact_jit
def _unit(x, out, norm, least):
    """By a division, so that small norms are no problem."""
    divisor = x.dtype.type(least if norm < least else norm)  # NaN stays NaN
    for i in range(x.size):
        out[i] = x[i] / divisor


@exact_jit
def _combination(x, y, out, a, b):
    a, b = x.dtype.type(a), x.dtype.type(b)
    for i in range(x.size):
        out[i] = fma(a, x[i], b * y[i])


@exact_jit
def _step(theta, d, lr, factor, decay):
    kind = theta.dtype.type
    shrink, rate = kind(lr * decay), kind(lr * factor)
    for i in range(theta.size):
        theta[i] -= fma(shrink, theta[i], rate * d[i])


@parallel_jit
def _direction_parallel(g, m, out, beta, nesterov, scale):
    for i in prange(g.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), g.size)
        _direction(g[part], m[part], out[part], beta, nesterov, scale)


@parallel_jit
def _unit_parallel(x, out, norm, least):
    for i in prange(x.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), x.size)
        _unit(x[part], out[part], norm, least)


@parallel_jit
def _combination_parallel(x, y, out, a, b):
    for i in prange(x.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), x.size)
        _combination(x[part], y[part], out[part], a, b)


@parallel_jit
def _step_parallel(theta, d, lr, factor, decay):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _step(theta[part], d[part], lr, factor, decay)


@operation("m", "out")
def muon_direction_unchecked(g, m, beta, nesterov=True, scale=1.0, out=None) -> np.ndarray:
    """m = beta m + (1 - beta) scale g; the result is m, or with nesterov beta m + (1 - beta) scale g once more."""
    out = np.empty_like(g) if out is None else out
    launch(_direction_parallel if g.size >= PARALLEL_SIZE else _direction, g, m, out, beta, nesterov, scale)
    return out


@operation("out")
def muon_unit_unchecked(X, norm, least, out=None) -> np.ndarray:
    """X / max(norm, least)."""
    out = np.empty_like(X) if out is None else out
    body = _unit_parallel if X.size >= PARALLEL_SIZE else _unit
    launch(body, X.reshape(-1), out.reshape(-1), norm, least)
    return out


@operation("out")
def combination_unchecked(X, Y, a, b, out=None) -> np.ndarray:
    """a X + b Y."""
    out = np.empty_like(X) if out is None else out
    body = _combination_parallel if X.size >= PARALLEL_SIZE else _combination
    launch(body, X.reshape(-1), Y.reshape(-1), out.reshape(-1), a, b)
    return out


@operation("theta")
def muon_step_unchecked(theta, D, lr, factor, weight_decay=0.0):
    """theta = theta - lr (factor D + weight_decay theta)."""
    body = _step_parallel if theta.size >= PARALLEL_SIZE else _step
    launch(body, theta, D.reshape(-1), lr, factor, weight_decay)
