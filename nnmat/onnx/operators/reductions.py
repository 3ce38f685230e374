"""Sums, means and extremes along axes; running sums."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Node, as_axes, gradient, ints, operator

Reduction = Callable[..., np.ndarray]


def _axes(node: Node, X: np.ndarray, axes: Any) -> tuple[int, ...] | None:
    """The axes along which it goes; None: nothing is reduced."""
    chosen = node.get("axes") if axes is None else ints(axes)
    if chosen is None or len(chosen) == 0:
        return None if node.get("noop_with_empty_axes", 0) else tuple(range(X.ndim))
    return as_axes(node, chosen, X.ndim)


def _reduction(kind: str, value: Reduction, slope: Any = None, before: Any = None) -> None:
    """`slope(X, Y, n)`: the derivative of Y, kept in its shape, by each entry, of n in each sum."""

    @operator(kind, attributes="axes keepdims noop_with_empty_axes")
    def compute(node: Node, X: np.ndarray, axes: Any = None) -> np.ndarray:
        along = _axes(node, X, axes)
        if along is None:
            return X if before is None else before(X)
        with np.errstate(all="ignore"):
            return np.asarray(value(X, axis=along, keepdims=bool(node.get("keepdims", 1)))).astype(X.dtype, copy=False)

    if slope is not None:

        @gradient(kind)
        def backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
            X = inputs[0]
            along = _axes(node, X, inputs[1] if len(inputs) > 1 else None)
            along = () if along is None else along
            kept = [1 if i in along else n for i, n in enumerate(X.shape)]
            n = int(np.prod([X.shape[i] for i in along]))
            with np.errstate(all="ignore"):
                gX = G[0].reshape(kept) * slope(X, outputs[0].reshape(kept), n)
            return (np.broadcast_to(gX, X.shape).astype(X.dtype), *(None for _ in inputs[1:]))


def _log_sum_exp(X: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    A = X.astype(np.float64)
    top = A.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    Y = np.log(np.exp(A - top).sum(axis=axis, keepdims=True)) + top
    return Y if keepdims else np.squeeze(Y, axis)


def _log_sum(X: np.ndarray, **how: Any) -> np.ndarray:
    return np.log(X.sum(**how))


def _extreme(find: Callable[..., Any], lowest: bool) -> Reduction:
    def value(X: np.ndarray, **how: Any) -> np.ndarray:
        if X.size:
            return find(X, **how)
        if X.dtype.kind == "b":
            worst: Any = lowest
        else:
            ends = np.iinfo(X.dtype) if X.dtype.kind in "iu" else None
            worst = (np.inf if lowest else -np.inf) if ends is None else ends.max if lowest else ends.min
        return find(X, initial=worst, **how)

    return value


def _among_equals(X: np.ndarray, Y: np.ndarray, n: int) -> np.ndarray:
    """Equal ones share the gradient."""
    same = X == Y
    axes = tuple(i for i, (a, b) in enumerate(zip(X.shape, Y.shape, strict=True)) if a != b)
    return same / same.sum(axis=axes, keepdims=True)


def _direction(X: np.ndarray, Y: np.ndarray, n: int) -> np.ndarray:
    """X/|X|, 0 of the zero vector."""
    return X / np.where(Y == 0, 1, Y)


def _others(X: np.ndarray, Y: np.ndarray, n: int) -> np.ndarray:
    """The products of all others: of one 0 that of the rest, of several 0."""
    axes = tuple(i for i, (a, b) in enumerate(zip(X.shape, Y.shape, strict=True)) if a != b)
    zero = X == 0
    count = zero.sum(axis=axes, keepdims=True)
    rest = np.where(zero, 1, X)
    return np.where(count == zero, rest.prod(axis=axes, keepdims=True) / rest, 0)


_reduction("ReduceSum", np.sum, lambda X, Y, n: 1)
_reduction("ReduceMean", np.mean, lambda X, Y, n: 1 / n)
_reduction("ReduceMax", _extreme(np.max, False), _among_equals)
_reduction("ReduceMin", _extreme(np.min, True), _among_equals)
_reduction("ReduceProd", np.prod, _others)
_reduction("ReduceL1", lambda X, **how: np.abs(X).sum(**how), lambda X, Y, n: np.sign(X), np.abs)
_reduction("ReduceL2", lambda X, **how: np.sqrt(np.square(X).sum(**how)), _direction, np.abs)
_reduction("ReduceSumSquare", lambda X, **how: np.square(X).sum(**how), lambda X, Y, n: 2 * X, np.square)
_reduction("ReduceLogSum", _log_sum, lambda X, Y, n: np.exp(-Y), np.log)
_reduction("ReduceLogSumExp", _log_sum_exp, lambda X, Y, n: np.exp(X - Y))


@operator("CumSum", "CumProd", attributes="exclusive reverse")
def _running(node: Node, X: np.ndarray, axis: np.ndarray) -> np.ndarray:
    (along,) = as_axes(node, axis, X.ndim)
    A = np.flip(X, along) if node.get("reverse", 0) else X
    add, neutral = (np.cumsum, 0) if node.kind == "CumSum" else (np.cumprod, 1)
    if node.get("exclusive", 0):
        head = np.full_like(np.take(A, [0], along), neutral)
        A = np.concatenate([head, np.take(A, range(X.shape[along] - 1), along)], along)
    Y = add(A, along).astype(X.dtype)
    return np.flip(Y, along) if node.get("reverse", 0) else Y


@gradient("CumSum")
def _cum_sum_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    attributes = {**node.attributes, "reverse": 1 - node.get("reverse", 0)}
    return _running(node._replace(attributes=attributes), G[0], inputs[1]), None
