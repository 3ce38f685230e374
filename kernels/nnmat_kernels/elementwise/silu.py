"""SiLU, x σ(x), and its derivative from X."""

import numpy as np

from ..runtime.arrays import elementwise_arrays, made, same_layout
from ..runtime.config import exact_jit, inlined_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE, in_chunks, in_chunks_of_two
from .loops import of_gradients, of_values
from .vector_math import exp
from .vector_math import sigmoid as sigmoid_of

SILU_END = 800  # beyond it σ is 0 or 1, and x σ(-x) is 0, in either dtype


def silu(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sigmoid linear unit of every element, also called swish; NaN stays NaN.

    Forward: Y = X ⊙ σ(X).
    Backward: `silu_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Elfwing, Uchibe & Doya 2018.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("silu", out, X=X)
    silu_unchecked(X, out)
    return out


def silu_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of SiLU, from its input X.

    Forward: `silu`.
    Backward: gX = G ⊙ σ(X) ⊙ (1 + X ⊙ σ(-X)).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("silu_backward", out, G=G, X=X)
    silu_backward_unchecked(G, X, out)
    return out


@operation("out")
def silu_unchecked(X, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_silu if Y.size < PARALLEL_SIZE else _silu_parallel, X.reshape(-1), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def silu_backward_unchecked(G, X, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _silu_backward if gX.size < PARALLEL_SIZE else _silu_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.reshape(-1))
    return made((out, gX))


@inlined_jit
def within(x, end):
    """x, but between -end and end; this way round NaN stays."""
    v = -end if x < -end else x
    return end if v > end else v


@exact_jit
def sigmoids(x):
    """σ(x) and σ(-x), both without cancellation."""
    one = type(x)(1)
    e = exp(-abs(x))
    d = one / (one + e)
    return (d, e * d) if x >= type(x)(0) else (e * d, d)


@of_values
def _silu(x):
    end = type(x)(SILU_END)
    v = -end if x < -end else x  # -inf σ(-inf) would be NaN
    return v * sigmoid_of(v)


@of_gradients
def _silu_backward(g, x):
    v = within(x, type(x)(SILU_END))
    s, t = sigmoids(v)
    return g * (s * (type(x)(1) + v * t))


_silu_parallel, _silu_backward_parallel = in_chunks(_silu), in_chunks_of_two(_silu_backward)
