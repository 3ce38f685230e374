"""Mish, x tanh(ζ(x)) with ζ(x) = log(1 + e^x), and its derivative from X."""

import numpy as np

from ...runtime.arrays import elementwise_arrays, made, same_layout
from ...runtime.config import inlined_jit
from ...runtime.launch import launch, operation
from ...runtime.parallel import PARALLEL_SIZE, in_chunks, in_chunks_of_two
from ..loops import of_gradients, of_values
from ..silu import within
from ..vector_math import exp

MISH_END = 800  # beyond it the weight is 0 or 1 in either dtype


def mish(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Every element weighted by the hyperbolic tangent of its softplus; NaN stays NaN.

    Forward: Y = X ⊙ tanh(ζ(X)).
    Backward: `mish_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Misra 2020.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("mish", out, X=X)
    mish_unchecked(X, out)
    return out


def mish_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of Mish, from its input X.

    Forward: `mish`.
    Backward: gX = G ⊙ (T + X ⊙ (1 - T²) ⊙ σ(X)), T = tanh(ζ(X)).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("mish_backward", out, G=G, X=X)
    mish_backward_unchecked(G, X, out)
    return out


@operation("out")
def mish_unchecked(X, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_mish if Y.size < PARALLEL_SIZE else _mish_parallel, X.reshape(-1), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def mish_backward_unchecked(G, X, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _mish_backward if gX.size < PARALLEL_SIZE else _mish_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.reshape(-1))
    return made((out, gX))


@inlined_jit
def _parts(x):
    """tanh(ζ(x)) and (1 - tanh(ζ(x))) σ(x), from e = e^-|x|: nothing overflows, and nothing cancels.

    (1 + e^x)² = 1 + n with n = e^x (e^x + 2), so tanh(ζ(x)) = n/(n + 2).
    """
    zero, one, two = type(x)(0), type(x)(1), type(x)(2)
    e = exp(-abs(x))
    square = e * e
    n = one + two * e if x > zero else square + two * e  # over e² where x > 0
    rest = two * square if x > zero else two
    return n / (n + rest), rest * (one if x > zero else e) / ((n + rest) * (one + e))


@of_values
def _mish(x):
    end = type(x)(MISH_END)
    v = -end if x < -end else x  # -inf times 0 would be NaN
    t, _ = _parts(v)
    return v * t


@of_gradients
def _mish_backward(g, x):
    v = within(x, type(x)(MISH_END))
    t, rest = _parts(v)
    return g * (t + v * (rest * (type(x)(1) + t)))


_mish_parallel, _mish_backward_parallel = in_chunks(_mish), in_chunks_of_two(_mish_backward)
