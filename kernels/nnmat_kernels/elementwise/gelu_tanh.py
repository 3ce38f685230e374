"""The approximation of GELU by a hyperbolic tangent, and its derivative: what models such as GPT-2 were trained with.

It differs from `gelu` by up to 4.7e-4: neither stands in for the other. Since (1 + tanh u)/2 = σ(2u), nothing cancels
in its tail.
"""

import numpy as np

from ..runtime.arrays import elementwise_arrays, made, same_layout
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE, in_chunks, in_chunks_of_two
from .loops import of_gradients, of_values
from .silu import sigmoids, within
from .vector_math import sigmoid as sigmoid_of

GELU_TANH_END = 30  # beyond it σ(2u) is 0 or 1 in either dtype
_TWICE_ROOT, _CUBIC, _THRICE = 1.5957691216057308, 0.044715, 0.134145  # 2 √(2/π)


def gelu_tanh(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """GELU in its tanh form, of every element; NaN stays NaN.

    Forward: Y = X ⊙ (1 + tanh U)/2 = X ⊙ σ(2U), U = √(2/π) (X + 0.044715 X³).
    Backward: `gelu_tanh_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Hendrycks & Gimpel 2016.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("gelu_tanh", out, X=X)
    gelu_tanh_unchecked(X, out)
    return out


def gelu_tanh_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of GELU in its tanh form, from its input X.

    Forward: `gelu_tanh`.
    Backward: gX = G ⊙ (σ(2U) + X ⊙ σ(2U) ⊙ σ(-2U) ⊙ 2U'), U' = √(2/π) (1 + 0.134145 X²).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("gelu_tanh_backward", out, G=G, X=X)
    gelu_tanh_backward_unchecked(G, X, out)
    return out


@operation("out")
def gelu_tanh_unchecked(X, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_gelu_tanh if Y.size < PARALLEL_SIZE else _gelu_tanh_parallel, X.reshape(-1), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def gelu_tanh_backward_unchecked(G, X, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _gelu_tanh_backward if gX.size < PARALLEL_SIZE else _gelu_tanh_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.reshape(-1))
    return made((out, gX))


@of_values
def _gelu_tanh(x):
    end, root, cubic, one = type(x)(GELU_TANH_END), type(x)(_TWICE_ROOT), type(x)(_CUBIC), type(x)(1)
    v = -end if x < -end else x  # -inf σ(-inf) would be NaN
    return v * sigmoid_of(root * v * (one + cubic * (v * v)))


@of_gradients
def _gelu_tanh_backward(g, x):
    root, cubic, thrice, one = type(x)(_TWICE_ROOT), type(x)(_CUBIC), type(x)(_THRICE), type(x)(1)
    v = within(x, type(x)(GELU_TANH_END))
    square = v * v
    s, t = sigmoids(root * v * (one + cubic * square))
    return g * (s + v * s * t * (root * (one + thrice * square)))


_gelu_tanh_parallel, _gelu_tanh_backward_parallel = in_chunks(_gelu_tanh), in_chunks_of_two(_gelu_tanh_backward)
