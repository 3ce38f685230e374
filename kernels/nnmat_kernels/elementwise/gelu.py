"""GELU, x Φ(x), and its derivative, by the normal distribution function itself and not by an approximation."""

import numpy as np

from ..runtime.arrays import elementwise_arrays, same_layout
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE, in_chunks, in_chunks_of_two
from .loops import of_gradients, of_values
from .normal_distribution import gelu_of, gelu_slope


def gelu(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The Gaussian error linear unit of every element; NaN stays NaN.

    Forward: Y = X ⊙ Φ(X), Φ(x) = (1 + erf(x/√2))/2 the normal distribution function.
    Backward: `gelu_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Hendrycks & Gimpel 2016. At most 8 ulp from the true value, also
    where it is tiny.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("gelu", out, X=X)
    gelu_unchecked(X, out)
    return out


@operation("out")
def gelu_unchecked(X, out=None):
    out = np.empty_like(X) if out is None else out
    launch(_gelu if out.size < PARALLEL_SIZE else _gelu_parallel, X.ravel(), out.ravel())
    return out


def gelu_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the Gaussian error linear unit, from its input X.

    Forward: `gelu`.
    Backward: gX = G ⊙ (Φ(X) + X ⊙ φ(X)), φ(x) = e^(-x²/2)/√(2π).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Hendrycks & Gimpel 2016. The slope is right to 2 eps
    (2.4e-7 in float32), and in the tail below -1 to 12 ulp.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("gelu_backward", out, G=G, X=X)
    gelu_backward_unchecked(G, X, out)
    return out


@operation("out")
def gelu_backward_unchecked(G, X, out=None):
    out = np.empty_like(G) if out is None else out
    launch(_gelu_backward if out.size < PARALLEL_SIZE else _gelu_backward_parallel, G.ravel(), X.ravel(), out.ravel())
    return out


@of_values
def _gelu(x):
    return gelu_of(x)


@of_gradients
def _gelu_backward(g, x):
    return g * gelu_slope(x)


_gelu_parallel, _gelu_backward_parallel = in_chunks(_gelu), in_chunks_of_two(_gelu_backward)
