"""The rectifier with slopes that are parameters: one for all elements, or one for each column."""

import numpy as np
from numba import prange

from ...errors import ShapeError
from ...runtime.arrays import as_array, elementwise_arrays, made, same_dtype
from ...runtime.config import exact_jit, parallel_jit
from ...runtime.launch import launch, operation
from ...runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_chunks_of_two
from ..loops import of_gradients


def prelu(X: np.ndarray, slope: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The identity for positive elements, a line for the others whose slope depends on the column; NaN stays NaN.

    Forward: Y = X where X > 0, else X diag(slope), or slope X if there is one.
    Backward: `prelu_backward`; the slopes have (G ⊙ min(X, 0))ᵀ 1, or the sum of it.
    Shapes: X (..., N), Y the same; slope (N,) or (1,); all float32 or all float64. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; He, Zhang, Ren & Sun 2015.
    """
    (X,), out = elementwise_arrays("prelu", out, X=X)
    prelu_unchecked(X, _slopes("prelu", X, slope), out)
    return out


def prelu_backward(G: np.ndarray, X: np.ndarray, slope: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of `prelu` with respect to its input X.

    Forward: `prelu`.
    Backward: gX = G where X > 0, else G diag(slope), or slope G; so the derivative at 0 is the slope.
    Shapes: G, X and gX (..., N); slope (N,) or (1,); all float32 or all float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    (G, X), out = elementwise_arrays("prelu_backward", out, G=G, X=X)
    prelu_backward_unchecked(G, X, _slopes("prelu_backward", X, slope), out)
    return out


def _slopes(who, X, slope):
    slope = as_array(who, "slope", slope, ndim=1)
    same_dtype(who, X=X, slope=slope)
    if slope.size != 1 and (X.ndim == 0 or slope.size != X.shape[-1]):
        raise ShapeError(f"{who}: expected slope of shape (1,) or {X.shape[-1:]}, got {slope.shape}.")
    return slope


@operation("out")
def prelu_unchecked(X, slope, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_prelu if Y.size < PARALLEL_SIZE else _prelu_parallel, X.reshape(-1), X.reshape(-1), slope, Y.reshape(-1))
    return made((out, Y))


@operation("out")
def prelu_backward_unchecked(G, X, slope, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    launch(_prelu if gX.size < PARALLEL_SIZE else _prelu_parallel, G.reshape(-1), X.reshape(-1), slope, gX.reshape(-1))
    return made((out, gX))


@operation("out")
def negative_products_unchecked(G, X, out=None):
    """`out` = G ⊙ min(X, 0), whose column sums are the gradient of the slopes."""
    P = np.empty(X.shape, X.dtype) if out is None else out
    body = _negative_products if P.size < PARALLEL_SIZE else _negative_products_parallel
    launch(body, G.reshape(-1), X.reshape(-1), P.reshape(-1))
    return made((out, P))


@exact_jit
def _prelu(z, x, slope, y):
    """y = z where x > 0, else the slope times z: forward with z = x, backward with z = g."""
    N = slope.size
    if N == 1:
        _prelu_of_one(z, x, slope[0], y)
        return
    for first in range(0, y.size, N):
        _prelu_of_row(z[first : first + N], x[first : first + N], slope, y[first : first + N])


@exact_jit
def _prelu_of_one(z, x, a, y):
    zero = y.dtype.type(0)
    if x.ctypes.data == y.ctypes.data == z.ctypes.data:
        for i in range(y.size):
            y[i] = y[i] if y[i] > zero else a * y[i]
    elif z.ctypes.data == y.ctypes.data:
        for i in range(y.size):
            y[i] = y[i] if x[i] > zero else a * y[i]
    else:
        for i in range(y.size):
            y[i] = z[i] if x[i] > zero else a * z[i]


@exact_jit
def _prelu_of_row(z, x, slope, y):
    zero = y.dtype.type(0)
    if x.ctypes.data == y.ctypes.data == z.ctypes.data:
        for j in range(y.size):
            y[j] = y[j] if y[j] > zero else slope[j] * y[j]
    elif z.ctypes.data == y.ctypes.data:
        for j in range(y.size):
            y[j] = y[j] if x[j] > zero else slope[j] * y[j]
    else:
        for j in range(y.size):
            y[j] = z[j] if x[j] > zero else slope[j] * z[j]


@parallel_jit
def _prelu_parallel(z, x, slope, y):
    chunk = max(1, CHUNK_SIZE // slope.size) * slope.size  # whole rows
    for c in prange((y.size + chunk - 1) // chunk):
        a = np.int64(c) * chunk
        _prelu(z[a : a + chunk], x[a : a + chunk], slope, y[a : a + chunk])


@of_gradients
def _negative_products(g, x):
    zero = type(x)(0)
    return g * (zero if x > zero else x)


_negative_products_parallel = in_chunks_of_two(_negative_products)
