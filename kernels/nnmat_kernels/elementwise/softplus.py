"""Softplus, log(1 + e^x), a smooth ReLU, and its derivative from X."""

import numpy as np
from numba import prange

from ..runtime.arrays import elementwise_arrays, made, same_layout
from ..runtime.config import parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .loops import of_gradients_and_number, of_values_and_number
from .vector_math import exp, log1p
from .vector_math import sigmoid as sigmoid_of


def softplus(X: np.ndarray, beta: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
    """The logarithm of 1 + e^(beta X), over beta, of every element; NaN stays NaN.

    Forward: Y = max(X, 0) + log1p(e^-|beta X|)/beta, which never overflows, and without a threshold.
    Backward: `softplus_backward`.
    Shapes: X any, Y the same; float32 or float64; beta a finite number above 0. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (beta, out).
    Reference: docs/equations.md, section 3.4.
    """
    beta = _positive("softplus", beta)
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("softplus", out, X=X)
    softplus_unchecked(X, beta, out)
    return out


def softplus_backward(G: np.ndarray, X: np.ndarray, beta: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of softplus, from its input X.

    Forward: `softplus`.
    Backward: gX = G ⊙ σ(beta X).
    Shapes: G, X and gX of one shape; float32 or float64; beta a finite number above 0. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (beta, out).
    Reference: docs/equations.md, section 3.4.
    """
    beta = _positive("softplus_backward", beta)
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("softplus_backward", out, G=G, X=X)
    softplus_backward_unchecked(G, X, beta, out)
    return out


def _positive(who: str, beta) -> float:
    if isinstance(beta, bool) or not isinstance(beta, int | float | np.number) or not 0 < beta < np.inf:
        raise ValueError(f"{who}: expected beta to be a finite number above 0, got {beta!r}. Try beta=1.0.")
    return float(beta)


@operation("out")
def softplus_unchecked(X, beta=1.0, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(
        _softplus if Y.size < PARALLEL_SIZE else _softplus_parallel, X.reshape(-1), Y.dtype.type(beta), Y.reshape(-1)
    )
    return made((out, Y))


@operation("out")
def softplus_backward_unchecked(G, X, beta=1.0, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _softplus_backward if gX.size < PARALLEL_SIZE else _softplus_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.dtype.type(beta), gX.reshape(-1))
    return made((out, gX))


@of_values_and_number
def _softplus(x, beta):
    zero = type(x)(0)
    return (zero if x <= zero else x) + log1p(exp(-abs(beta * x))) / beta  # this way round NaN stays


@of_gradients_and_number
def _softplus_backward(g, x, beta):
    return g * sigmoid_of(beta * x)


@parallel_jit
def _softplus_parallel(x, beta, y):
    for c in prange((y.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _softplus(x[a : a + CHUNK_SIZE], beta, y[a : a + CHUNK_SIZE])


@parallel_jit
def _softplus_backward_parallel(g, x, beta, gx):
    for c in prange((gx.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _softplus_backward(g[a : a + CHUNK_SIZE], x[a : a + CHUNK_SIZE], beta, gx[a : a + CHUNK_SIZE])
