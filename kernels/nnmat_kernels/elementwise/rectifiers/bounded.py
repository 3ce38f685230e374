"""Rectifiers that end at a bound, or begin at one: ReLU6 and Hardswish, with their derivatives from X."""

import numpy as np

from ...runtime.arrays import elementwise_arrays, made, same_layout
from ...runtime.launch import launch, operation
from ...runtime.parallel import PARALLEL_SIZE, in_chunks, in_chunks_of_two
from ..loops import of_gradients, of_values


def relu6(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The positive part of every element, at most 6; NaN stays NaN.

    Forward: Y = min(max(X, 0), 6).
    Backward: `relu6_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Krizhevsky 2010.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("relu6", out, X=X)
    relu6_unchecked(X, out)
    return out


def relu6_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of ReLU6, from its input X.

    Forward: `relu6`.
    Backward: gX = G where 0 < X < 6 (or X is NaN), else 0.
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("relu6_backward", out, G=G, X=X)
    relu6_backward_unchecked(G, X, out)
    return out


def hardswish(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Every element weighted by a line from 0 at -3 to 1 at 3; NaN stays NaN.

    Forward: Y = X ⊙ min(max(X + 3, 0), 6)/6.
    Backward: `hardswish_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Howard et al. 2019.
    """
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("hardswish", out, X=X)
    hardswish_unchecked(X, out)
    return out


def hardswish_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of Hardswish, from its input X.

    Forward: `hardswish`.
    Backward: gX = 0 where X <= -3, G where X >= 3, else G ⊙ (X/3 + 1/2).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4.
    """
    if not (same_layout(out, G) and same_layout(out, X)):
        (G, X), out = elementwise_arrays("hardswish_backward", out, G=G, X=X)
    hardswish_backward_unchecked(G, X, out)
    return out


@operation("out")
def relu6_unchecked(X, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_relu6 if Y.size < PARALLEL_SIZE else _relu6_parallel, X.reshape(-1), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def relu6_backward_unchecked(G, X, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _relu6_backward if gX.size < PARALLEL_SIZE else _relu6_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.reshape(-1))
    return made((out, gX))


@operation("out")
def hardswish_unchecked(X, out=None):
    Y = np.empty(X.shape, X.dtype) if out is None else out
    launch(_hardswish if Y.size < PARALLEL_SIZE else _hardswish_parallel, X.reshape(-1), Y.reshape(-1))
    return made((out, Y))


@operation("out")
def hardswish_backward_unchecked(G, X, out=None):
    gX = np.empty(X.shape, X.dtype) if out is None else out
    body = _hardswish_backward if gX.size < PARALLEL_SIZE else _hardswish_backward_parallel
    launch(body, G.reshape(-1), X.reshape(-1), gX.reshape(-1))
    return made((out, gX))


@of_values
def _relu6(x):
    zero, six = type(x)(0), type(x)(6)
    v = zero if x <= zero else x  # this way round NaN stays
    return six if v >= six else v


@of_gradients
def _relu6_backward(g, x):
    zero, six = type(x)(0), type(x)(6)
    v = zero if x <= zero else g
    return zero if x >= six else v


@of_values
def _hardswish(x):
    three, sixth = type(x)(3), type(x)(1 / 6)
    v = -three if x <= -three else x  # -inf times 0 would be NaN
    w = v * ((v + three) * sixth)
    return x if x >= three else w


@of_gradients
def _hardswish_backward(g, x):
    zero, three = type(x)(0), type(x)(3)
    third, half = type(x)(1 / 3), type(x)(0.5)
    v = g * (x * third + half)
    v = zero if x <= -three else v
    return g if x >= three else v


_relu6_parallel, _relu6_backward_parallel = in_chunks(_relu6), in_chunks_of_two(_relu6_backward)
_hardswish_parallel, _hardswish_backward_parallel = in_chunks(_hardswish), in_chunks_of_two(_hardswish_backward)
