"""ELU and its derivative from X: a line for positive numbers, an exponential that ends at -alpha for the others."""

import numpy as np
from numba import prange

from ..runtime.arrays import elementwise_arrays, made, same_layout
from ..runtime.config import parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .activations import finite
from .loops import of_gradients_and_number, of_values_and_number
from .vector_math import exp
from .vector_math import tanh as tanh_of


def elu(X: np.ndarray, alpha: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
    """The exponential linear unit of every element; NaN stays NaN.

    Forward: Y = X where X > 0, else alpha (e^X - 1), as accurate near 0 as elsewhere.
    Backward: `elu_backward`.
    Shapes: X any, Y the same; float32 or float64; alpha any finite number. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (alpha, out).
    Reference: docs/equations.md, section 3.4; Clevert, Unterthiner & Hochreiter 2016.
    """
    alpha = finite("elu", alpha, "alpha", "1.0")
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("elu", out, X=X)
    elu_unchecked(X, alpha, out)
    return out


def elu_backward(G: np.ndarray, X: np.ndarray, alpha: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of ELU, from its input X.

    Forward: `elu`.
    Backward: gX = G where X > 0, else alpha e^X G; so the derivative at 0 is alpha.
    Shapes: G, X and gX of one shape; float32 or float64; alpha any finite number. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (alpha, out).
    Reference: docs/equations.md, section 3.4.
    """
    alpha = finite("elu_backward", alpha, "alpha", "1.0")
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("elu_backward", out, G=G, X=X)
    elu_backward_unchecked(G, X, alpha, out)
    return out


@operation("out")
def elu_unchecked(X, alpha=1.0, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_elu if Y.size < PARALLEL_SIZE else _elu_parallel, X.reshape(-1), Y.dtype.type(alpha), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def elu_backward_unchecked(G, X, alpha=1.0, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _elu_backward if gX.size < PARALLEL_SIZE else _elu_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.dtype.type(alpha), gX.reshape(-1))
    return made((out, gX))


@of_values_and_number
def _elu(x, alpha):
    """e^x - 1 = 2t/(1 - t) of t = tanh(x/2), which is from -1 to 0: nothing cancels."""
    zero, one, two, half = type(x)(0), type(x)(1), type(x)(2), type(x)(0.5)
    t = tanh_of(half * (zero if x > zero else x))
    return x if x > zero else alpha * (two * t / (one - t))


@of_gradients_and_number
def _elu_backward(g, x, alpha):
    zero = type(x)(0)
    e = exp(zero if x > zero else x)
    return g if x > zero else g * (alpha * e)


@parallel_jit
def _elu_parallel(x, alpha, y):
    for c in prange((y.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _elu(x[a : a + CHUNK_SIZE], alpha, y[a : a + CHUNK_SIZE])


@parallel_jit
def _elu_backward_parallel(g, x, alpha, gx):
    for c in prange((gx.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _elu_backward(g[a : a + CHUNK_SIZE], x[a : a + CHUNK_SIZE], alpha, gx[a : a + CHUNK_SIZE])
