"""Element-wise activations and their derivatives: any shape, element by element.

Each public function checks, then calls the driver of its name with `_unchecked`, which takes canonical arrays of one
dtype (`runtime/arrays.py`) and `out`. That runs one body over the flat arrays: at once below `PARALLEL_SIZE` elements,
in chunks by several threads above. All are compiled as written (`exact_jit`), so an element's bits depend neither on
the threads nor on its place.
"""

import math

import numpy as np
from numba import prange

from ..runtime.arrays import elementwise_arrays, same_layout
from ..runtime.config import inlined_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_chunks, in_chunks_of_two
from .loops import of_gradients, of_gradients_and_number, of_values, of_values_and_number
from .vector_math import sigmoid as sigmoid_of
from .vector_math import tanh as tanh_of


def sigmoid(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The logistic function of every element.

    Forward: Y = 1 / (1 + e^-X), computed from e^-|X|, so nothing overflows and small values keep all their digits.
    Backward: `sigmoid_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4. At most 3 ulp from the true value.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("sigmoid", out, X=X)
    sigmoid_unchecked(X, out)
    return out


def sigmoid_backward(G: np.ndarray, Y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the logistic function, from its output Y.

    Forward: `sigmoid`.
    Backward: gX = G ⊙ Y ⊙ (1 - Y).
    Shapes: G, Y and gX of one shape; float32 or float64. `out` may be G or Y itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4. The product has the rounding error of Y, at most 6e-8 |G| in float32
    (1.1e-16 |G| in float64): where Y has rounded to 1 the derivative is 0.
    """
    if not (same_layout(out, G) and same_layout(out, Y)):
        (G, Y), out = elementwise_arrays("sigmoid_backward", out, G=G, Y=Y)
    sigmoid_backward_unchecked(G, Y, out)
    return out


def tanh(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The hyperbolic tangent of every element.

    Forward: Y = tanh X, as accurate near 0 (as a relative error) as elsewhere.
    Backward: `tanh_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4. At most 4 ulp from the true value.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("tanh", out, X=X)
    tanh_unchecked(X, out)
    return out


def tanh_backward(G: np.ndarray, Y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the hyperbolic tangent, from its output Y.

    Forward: `tanh`.
    Backward: gX = G ⊙ (1 - Y²), as (1 - Y)(1 + Y), which does not cancel a second time.
    Shapes: G, Y and gX of one shape; float32 or float64. `out` may be G or Y itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4. Where Y has rounded to ±1 the derivative is 0.
    """
    if not (same_layout(out, G) and same_layout(out, Y)):
        (G, Y), out = elementwise_arrays("tanh_backward", out, G=G, Y=Y)
    tanh_backward_unchecked(G, Y, out)
    return out


def relu(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The positive part of every element; NaN stays NaN.

    Forward: Y = max(X, 0).
    Backward: `relu_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("relu", out, X=X)
    relu_unchecked(X, out)
    return out


def relu_backward(G: np.ndarray, Y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the positive part, from its output Y (or from its input: the sign is all that counts).

    Forward: `relu`.
    Backward: gX = G where Y > 0 (or is NaN), else 0; so the derivative at 0 is 0.
    Shapes: G, Y and gX of one shape; float32 or float64. `out` may be G or Y itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, Y)):
        (G, Y), out = elementwise_arrays("relu_backward", out, G=G, Y=Y)
    relu_backward_unchecked(G, Y, out)
    return out


def leaky_relu(X: np.ndarray, slope: float, out: np.ndarray | None = None) -> np.ndarray:
    """The identity for positive elements, a line of another slope for the rest.

    Forward: Y = X where X > 0, else slope X.
    Backward: `leaky_relu_backward`.
    Shapes: X any, Y the same; float32 or float64; slope any finite number. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (slope, out).
    Reference: docs/equations.md, section 3.4.
    """
    slope = finite("leaky_relu", slope)
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("leaky_relu", out, X=X)
    leaky_relu_unchecked(X, slope, out)
    return out


def leaky_relu_backward(G: np.ndarray, X: np.ndarray, slope: float, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the leaky ReLU, from its input X.

    Forward: `leaky_relu`.
    Backward: gX = G where X > 0, else slope G; so the derivative at 0 is the slope.
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (slope, out).
    Reference: docs/equations.md, section 3.4.
    """
    slope = finite("leaky_relu_backward", slope)
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("leaky_relu_backward", out, G=G, X=X)
    leaky_relu_backward_unchecked(G, X, slope, out)
    return out


@operation("out")
def sigmoid_unchecked(X, out=None):
    out = np.empty_like(X) if out is None else out
    launch(sigmoid_serial if out.size < PARALLEL_SIZE else _sigmoid_parallel, X.ravel(), out.ravel())
    return out


@operation("out")
def sigmoid_backward_unchecked(G, Y, out=None):
    out = np.empty_like(G) if out is None else out
    body = _sigmoid_backward if out.size < PARALLEL_SIZE else _sigmoid_backward_parallel
    launch(body, G.ravel(), Y.ravel(), out.ravel())
    return out


@operation("out")
def tanh_unchecked(X, out=None):
    out = np.empty_like(X) if out is None else out
    launch(tanh_serial if out.size < PARALLEL_SIZE else _tanh_parallel, X.ravel(), out.ravel())
    return out


@operation("out")
def tanh_backward_unchecked(G, Y, out=None):
    out = np.empty_like(G) if out is None else out
    body = _tanh_backward if out.size < PARALLEL_SIZE else _tanh_backward_parallel
    launch(body, G.ravel(), Y.ravel(), out.ravel())
    return out


@operation("out")
def relu_unchecked(X, out=None):
    out = np.empty_like(X) if out is None else out
    launch(relu_serial if out.size < PARALLEL_SIZE else _relu_parallel, X.ravel(), out.ravel())
    return out


@operation("out")
def relu_backward_unchecked(G, Y, out=None):
    out = np.empty_like(G) if out is None else out
    body = _relu_backward if out.size < PARALLEL_SIZE else _relu_backward_parallel
    launch(body, G.ravel(), Y.ravel(), out.ravel())
    return out


@operation("out")
def leaky_relu_unchecked(X, slope, out=None):
    out = np.empty_like(X) if out is None else out
    body = _leaky_relu if out.size < PARALLEL_SIZE else _leaky_relu_parallel
    launch(body, X.ravel(), out.dtype.type(slope), out.ravel())
    return out


@operation("out")
def leaky_relu_backward_unchecked(G, X, slope, out=None):
    out = np.empty_like(G) if out is None else out
    body = _leaky_relu_backward if out.size < PARALLEL_SIZE else _leaky_relu_backward_parallel
    launch(body, G.ravel(), X.ravel(), out.dtype.type(slope), out.ravel())
    return out


def finite(who: str, slope, name: str = "slope", like: str = "0.01") -> float:
    """`slope` as a float, if it is a finite number."""
    if (
        isinstance(slope, bool)
        or not isinstance(slope, int | float | np.integer | np.floating)
        or not math.isfinite(slope)
    ):
        raise ValueError(f"{who}: expected {name} to be a finite number, got {slope!r}. Try {name}={like}.")
    return float(slope)


@of_values
def sigmoid_serial(x):
    return sigmoid_of(x)


@of_values
def tanh_serial(x):
    return tanh_of(x)


@of_values
def relu_serial(x):
    zero = type(x)(0)
    return zero if x <= zero else x  # this way round NaN stays


@inlined_jit
def sigmoid_gradient(g, y, one):
    """g f'(x) of one number, from y = f(x), for whatever kernel differentiates on its way."""
    return g * y * (one - y)


@inlined_jit
def tanh_gradient(g, y, one):
    return g * ((one - y) * (one + y))


@inlined_jit
def relu_gradient(g, y, zero):
    return zero if y <= zero else g


@of_gradients
def _sigmoid_backward(g, y):
    return sigmoid_gradient(g, y, type(y)(1))


@of_gradients
def _tanh_backward(g, y):
    return tanh_gradient(g, y, type(y)(1))


@of_gradients
def _relu_backward(g, y):
    return relu_gradient(g, y, type(y)(0))


@of_values_and_number
def _leaky_relu(x, slope):
    return x if x > type(x)(0) else slope * x


@of_gradients_and_number
def _leaky_relu_backward(g, x, slope):
    return g if x > type(x)(0) else slope * g


@parallel_jit
def _leaky_relu_parallel(x, slope, y):
    for c in prange((y.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _leaky_relu(x[a : a + CHUNK_SIZE], slope, y[a : a + CHUNK_SIZE])


@parallel_jit
def _leaky_relu_backward_parallel(g, x, slope, gx):
    for c in prange((gx.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        a = np.int64(c) * CHUNK_SIZE
        _leaky_relu_backward(g[a : a + CHUNK_SIZE], x[a : a + CHUNK_SIZE], slope, gx[a : a + CHUNK_SIZE])


_sigmoid_parallel, _sigmoid_backward_parallel = in_chunks(sigmoid_serial), in_chunks_of_two(_sigmoid_backward)
_tanh_parallel, _tanh_backward_parallel = in_chunks(tanh_serial), in_chunks_of_two(_tanh_backward)
_relu_parallel, _relu_backward_parallel = in_chunks(relu_serial), in_chunks_of_two(_relu_backward)
