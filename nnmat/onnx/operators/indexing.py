"""Entries by their places: gathered, scattered, sorted, counted."""

from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ...errors import FileFormatError
from .table import FLOATS, Node, as_axes, flat_axis, gradient, ints, moved, operator, room


def _places(node: Node, I: np.ndarray, size: int) -> np.ndarray:  # noqa: E741
    """Indices from 0; negative ones count from the end."""
    if I.size and (I.min() < -size or I.max() >= size):
        raise FileFormatError(f"{node.who}: expected indices from {-size} to {size - 1}, got {I.min()} to {I.max()}.")
    return np.where(I < 0, I + size, I).astype(np.int64)


@operator("Gather", attributes="axis", kernels=True)
def _gather(node: Node, X: np.ndarray, I: np.ndarray) -> np.ndarray:  # noqa: E741
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    places = _places(node, I, X.shape[axis])
    if X.ndim == 2 and axis == 0 and X.dtype in FLOATS and X.size and places.size:  # rows of a table
        return k.embedding(np.ascontiguousarray(X), np.ascontiguousarray(places))
    room(node, (*X.shape[:axis], *places.shape, *X.shape[axis + 1 :]))
    return np.take(X, places, axis)


@operator("GatherElements", attributes="axis")
def _gather_elements(node: Node, X: np.ndarray, I: np.ndarray) -> np.ndarray:  # noqa: E741
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    places = _places(node, I, X.shape[axis])
    if any(m > n for i, (m, n) in enumerate(zip(I.shape, X.shape, strict=True)) if i != axis):
        raise FileFormatError(f"{node.who}: expected indices of no larger a shape than {X.shape}, got {I.shape}.")
    taken = [slice(None) if i == axis else slice(n) for i, n in enumerate(I.shape)]  # they may leave out the last ones
    return np.take_along_axis(X[tuple(taken)], places, axis)


@operator("GatherND", attributes="batch_dims")
def _gather_nd(node: Node, X: np.ndarray, I: np.ndarray) -> np.ndarray:  # noqa: E741
    b = node.get("batch_dims", 0)
    lead = I.shape[:b]
    data, places = X.reshape(-1, *X.shape[b:]), I.reshape(-1, *I.shape[b:])
    parts = [A[tuple(np.moveaxis(P, -1, 0))] for A, P in zip(data, places, strict=True)]
    return np.stack(parts).reshape(*lead, *parts[0].shape)


def _scattered(node: Node, X: np.ndarray, at: tuple, updates: np.ndarray) -> np.ndarray:
    """X with the updates at these places: put there, or joined one after the other with what is there."""
    Y = X.copy()
    ways: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    way = node.get("reduction", "none")
    if way == "none":
        Y[at] = updates
    else:
        ways[way].at(Y, at, updates)
    return Y


@operator("Scatter", "ScatterElements", attributes="axis reduction")
def _scatter(node: Node, X: np.ndarray, I: np.ndarray, updates: np.ndarray) -> np.ndarray:  # noqa: E741
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    at: list[np.ndarray] = list(np.indices(I.shape, sparse=True))
    at[axis] = _places(node, I, X.shape[axis])
    return _scattered(node, X, tuple(at), updates[tuple(map(slice, I.shape))])


@operator("ScatterND", attributes="reduction")
def _scatter_nd(node: Node, X: np.ndarray, I: np.ndarray, updates: np.ndarray) -> np.ndarray:  # noqa: E741
    return _scattered(node, X, tuple(np.moveaxis(I, -1, 0)), updates)


@operator("TensorScatter", attributes="axis mode")
def _tensor_scatter(node: Node, X: np.ndarray, updates: np.ndarray, first: Any = None) -> np.ndarray:
    (axis,) = as_axes(node, node.get("axis", -2), X.ndim)
    Y, starts = X.copy(), [0] * len(X) if first is None else ints(first)
    for row, part, start in zip(Y, updates, starts, strict=True):
        places = np.arange(part.shape[axis - 1]) + start
        if node.get("mode", "linear") == "circular":
            places %= X.shape[axis]
        np.moveaxis(row, axis - 1, 0)[places] = np.moveaxis(part, axis - 1, 0)
    return Y


@operator("OneHot", attributes="axis")
def _one_hot(node: Node, I: np.ndarray, depth: np.ndarray, values: np.ndarray) -> np.ndarray:  # noqa: E741
    n = int(np.asarray(depth).reshape(-1)[0])
    room(node, [I.size, n])
    (axis,) = as_axes(node, node.get("axis", -1), I.ndim + 1)
    places = np.where(I < 0, I + n, I)
    return np.where(np.moveaxis(places[..., None] == np.arange(n), -1, axis), values[1], values[0]).astype(values.dtype)


@operator("ArgMax", "ArgMin", attributes="axis keepdims select_last_index")
def _extreme_place(node: Node, X: np.ndarray) -> np.ndarray:
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    find = np.argmax if node.kind == "ArgMax" else np.argmin
    if node.get("select_last_index", 0):
        found = X.shape[axis] - 1 - find(np.flip(X, axis), axis)
    else:
        found = find(X, axis)
    return (np.expand_dims(found, axis) if node.get("keepdims", 1) else found).astype(np.int64)


@operator("TopK", attributes="axis largest sorted k")
def _top_k(node: Node, X: np.ndarray, count: Any = None) -> Any:
    (axis,) = as_axes(node, node.get("axis", -1), X.ndim)
    n = node.get("k") if count is None else ints(count)[0]
    A = np.moveaxis(X, axis, -1)
    if node.get("largest", 1):  # of equal ones the first
        order = A.shape[-1] - 1 - np.flip(np.argsort(np.flip(A, -1), -1, kind="stable"), -1)
    else:
        order = np.argsort(A, -1, kind="stable")
    order = np.moveaxis(order[..., :n], -1, axis)
    return np.take_along_axis(X, order, axis), order.astype(np.int64)


@gradient("TopK")
def _top_k_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    (axis,) = as_axes(node, node.get("axis", -1), inputs[0].ndim)
    gX = np.zeros_like(inputs[0])
    if G[0] is not None:
        np.put_along_axis(gX, outputs[1], G[0], axis)
    return (gX, *(None for _ in inputs[1:]))


@operator("Hardmax", attributes="axis")
def _hardmax(node: Node, X: np.ndarray) -> np.ndarray:
    axis = node.get("axis", -1 if node.version >= 13 else 1)
    A = X if node.version >= 13 else X.reshape(int(np.prod(X.shape[: flat_axis(node, axis, X.ndim)])), -1)
    (axis,) = as_axes(node, axis if node.version >= 13 else -1, A.ndim)
    Y = np.zeros_like(A)
    np.put_along_axis(Y, np.expand_dims(A.argmax(axis), axis), 1, axis)
    return Y.reshape(X.shape)


@operator("NonZero")
def _non_zero(node: Node, X: np.ndarray) -> np.ndarray:
    return np.array(np.nonzero(np.atleast_1d(X)), np.int64)


@operator("Compress", attributes="axis")
def _compress(node: Node, X: np.ndarray, condition: np.ndarray) -> np.ndarray:
    return np.compress(condition, X, node.get("axis"))


@operator("Unique", attributes="axis sorted")
def _unique(node: Node, X: np.ndarray) -> Any:
    axis = node.get("axis")
    Y, first, back, counts = np.unique(X, True, True, True, axis)
    if not node.get("sorted", 1):
        order = np.argsort(first, kind="stable")
        Y = np.take(Y, order, 0 if axis is None else axis)
        first, counts, back = first[order], counts[order], np.argsort(order)[back.reshape(-1)]
    return Y, *(A.reshape(-1).astype(np.int64) for A in (first, back, counts))


for _kind in ("GatherElements", "GatherND", "Compress"):
    gradient(_kind)(moved(0))


@gradient("Gather")
def _gather_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, I = inputs  # noqa: E741
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    if X.ndim == 2 and axis == 0 and X.dtype in FLOATS and X.size and I.size:
        places = np.ascontiguousarray(_places(node, I, len(X)))
        return k.embedding_backward(np.ascontiguousarray(G[0], X.dtype), places, len(X)), None
    return moved(0)(node, inputs, outputs, G)


@gradient("Scatter")
@gradient("ScatterElements")
@gradient("ScatterND")
def _scatter_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    if node.get("reduction", "none") != "none":
        raise node.refusal("the gradient of a reduction", "that without one")
    return moved(0, 2)(node, inputs, outputs, G)
