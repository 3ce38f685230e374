"""Entries that go to other places: shapes, axes, parts put together and taken apart, what stands round an array."""

import math
from typing import Any

import numpy as np

from ...errors import FileFormatError
from .table import Node, as_axes, flat_axis, gradient, ints, moved, operator, room


def _axes_of(node: Node, axes: Any) -> Any:
    """An input since version 13 (or 18), an attribute before."""
    return node.get("axes") if axes is None else ints(axes)


@operator("Reshape", attributes="allowzero")
def _reshape(node: Node, X: np.ndarray, shape: np.ndarray) -> np.ndarray:
    sizes = ints(shape)
    if not node.get("allowzero", 0):
        sizes = [X.shape[i] if n == 0 and i < X.ndim else n for i, n in enumerate(sizes)]
    if -1 in sizes and 0 in sizes:
        sizes[sizes.index(-1)] = 0
    return X.reshape(sizes)


@operator("Flatten", attributes="axis")
def _flatten(node: Node, X: np.ndarray) -> np.ndarray:
    axis = flat_axis(node, node.get("axis", 1), X.ndim)
    return X.reshape(math.prod(X.shape[:axis]), math.prod(X.shape[axis:]))


@operator("Transpose", attributes="perm")
def _transpose(node: Node, X: np.ndarray) -> np.ndarray:
    return X.transpose(node.get("perm", tuple(range(X.ndim))[::-1]))


@operator("Squeeze", attributes="axes")
def _squeeze(node: Node, X: np.ndarray, axes: Any = None) -> np.ndarray:
    axes = _axes_of(node, axes)
    return np.squeeze(X, None if axes is None else as_axes(node, axes, X.ndim))


@operator("Unsqueeze", attributes="axes")
def _unsqueeze(node: Node, X: np.ndarray, axes: Any = None) -> np.ndarray:
    axes = _axes_of(node, axes)
    return np.expand_dims(X, as_axes(node, axes, X.ndim + len(axes)))


@operator("Expand")
def _expand(node: Node, X: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return np.broadcast_to(X, room(node, np.broadcast_shapes(X.shape, tuple(ints(shape))))).copy()


@operator("Tile")
def _tile(node: Node, X: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    room(node, [n * r for n, r in zip(X.shape, ints(repeats), strict=True)])
    return np.tile(X, ints(repeats))


@operator("Concat", attributes="axis")
def _concat(node: Node, *arrays: np.ndarray) -> np.ndarray:
    return np.concatenate(arrays, node.get("axis", 1))


@operator("Split", attributes="axis num_outputs split")
def _split(node: Node, X: np.ndarray, split: Any = None) -> Any:
    (axis,) = as_axes(node, node.get("axis", 0), X.ndim)
    n, sizes = X.shape[axis], node.get("split") if split is None else ints(split)
    if sizes is None:
        parts = node.get("num_outputs", len(node.outputs))
        part = -(-n // parts)
        sizes = [max(min(part, n - i * part), 0) for i in range(parts)]
    if sum(sizes) != n or min(sizes) < 0 or len(sizes) != len(node.outputs):
        raise FileFormatError(f"{node.who}: expected {len(node.outputs)} sizes that make {n} together, got {sizes}.")
    ends = np.cumsum(sizes)[:-1]
    return tuple(np.split(X, ends, axis))


@operator("Slice", attributes="axes ends starts")
def _slice(node: Node, X: np.ndarray, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Any:
    begin = node.get("starts") if starts is None else ints(starts)
    end = node.get("ends") if ends is None else ints(ends)
    chosen = _axes_of(node, axes)
    chosen = as_axes(node, range(len(begin)) if chosen is None else chosen, X.ndim)
    step = [1] * len(begin) if steps is None else ints(steps)
    taken = [slice(None)] * X.ndim
    for axis, a, b, s in zip(chosen, begin, end, step, strict=True):
        n = X.shape[axis]
        last, stop = (n, 0) if s > 0 else (n - 1, -1)  # what lies beyond the ends counts as these
        a, b = (int(np.clip(i + n if i < 0 else i, low, last)) for i, low in ((a, 0), (b, stop)))
        taken[axis] = slice(a, None if b < 0 else b, s)
    return X[tuple(taken)]


@operator("Pad", attributes="mode pads value")
def _pad(node: Node, X: np.ndarray, pads: Any = None, value: Any = None, axes: Any = None) -> np.ndarray:
    sizes = node.get("pads") if pads is None else ints(pads)
    chosen = tuple(range(X.ndim)) if axes is None else as_axes(node, axes, X.ndim)
    half = len(sizes) // 2
    ends = [(0, 0)] * X.ndim
    for axis, before, after in zip(chosen, sizes[:half], sizes[half:], strict=True):
        ends[axis] = (before, after)
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(ends, X.shape, strict=True))  # negative ones
    ends = [(max(a, 0), max(b, 0)) for a, b in ends]
    X = X[cut]
    room(node, [n + a + b for n, (a, b) in zip(X.shape, ends, strict=True)])
    mode = node.get("mode", "constant")
    if mode == "constant":
        fill = node.get("value", 0.0) if value is None else np.asarray(value).reshape(-1)[0]
        return np.pad(X, ends, constant_values=np.asarray(fill).astype(X.dtype))
    if mode not in ("reflect", "edge", "wrap"):
        raise node.refusal(f"mode {mode!r}", "constant, reflect, edge, wrap")
    return np.pad(X, ends, mode)


@gradient("Pad")
def _pad_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, *rest = inputs
    rest = [rest[0] if rest else None, None, rest[2] if len(rest) > 2 else None]
    plain = node._replace(attributes={**node.attributes, "value": 0.0})
    return (*moved(0)(plain, [X, *rest], outputs, G)[:1], *(None for _ in inputs[1:]))


@operator("CenterCropPad", attributes="axes")
def _center_crop_pad(node: Node, X: np.ndarray, shape: np.ndarray) -> np.ndarray:
    axes = as_axes(node, node.get("axes", range(X.ndim)), X.ndim)
    for axis, n in zip(axes, room(node, ints(shape)), strict=True):
        before = X.shape[axis]
        if n < before:
            first = (before - n) // 2
            X = np.take(X, range(first, first + n), axis)
        else:
            ends = [(0, 0)] * X.ndim
            ends[axis] = ((n - before) // 2, n - before - (n - before) // 2)
            X = np.pad(X, ends)
    return X


@operator("DepthToSpace", attributes="blocksize mode")
def _depth_to_space(node: Node, X: np.ndarray) -> np.ndarray:
    B, C, H, W = X.shape
    b = node.get("blocksize")
    if node.get("mode", "DCR") == "DCR":
        parts = X.reshape(B, b, b, C // b**2, H, W).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = X.reshape(B, C // b**2, b, b, H, W).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(B, C // b**2, H * b, W * b)


@operator("SpaceToDepth", attributes="blocksize mode")
def _space_to_depth(node: Node, X: np.ndarray) -> np.ndarray:
    B, C, H, W = X.shape
    b = node.get("blocksize")
    parts = X.reshape(B, C, H // b, b, W // b, b)
    order = (0, 1, 3, 5, 2, 4) if node.get("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return parts.transpose(order).reshape(B, C * b**2, H // b, W // b)


@operator("Trilu", attributes="upper")
def _trilu(node: Node, X: np.ndarray, diagonal: Any = None) -> np.ndarray:
    k = 0 if diagonal is None else ints(diagonal)[0]
    return np.triu(X, k) if node.get("upper", 1) else np.tril(X, k)


@operator("ReverseSequence", attributes="batch_axis time_axis")
def _reverse_sequence(node: Node, X: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    batch, time = node.get("batch_axis", 1), node.get("time_axis", 0)
    Y = np.moveaxis(X.copy(), (batch, time), (0, 1))
    for row, n in zip(Y, ints(lengths), strict=True):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(Y, (0, 1), (batch, time))


@operator("Dropout", attributes="ratio seed")
def _dropout(node: Node, X: np.ndarray, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and np.any(training) and (ratio is None or np.any(ratio != 0)):
        raise node.refusal("training mode", "evaluation, where it is the identity")
    return (X, np.ones(X.shape, bool)) if len(node.outputs) > 1 else X


@gradient("Dropout")
def _dropout_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    return (G[0], *(None for _ in inputs[1:]))


# ---- what is made of sizes and numbers -------------------------------------------------------------------------------


@operator("Shape", attributes="start end")
def _shape(node: Node, X: np.ndarray) -> np.ndarray:
    return np.array(X.shape[node.get("start", 0) : node.get("end", X.ndim)], np.int64)


@operator("Size")
def _size(node: Node, X: np.ndarray) -> np.ndarray:
    return np.array(X.size, np.int64)


@operator("Constant", attributes="value value_float value_floats value_int value_ints")
def _constant(node: Node) -> np.ndarray:
    ((kind, value),) = [(name, v) for name, v in node.attributes.items() if name.startswith("value")]
    if kind == "value":
        return np.asarray(value)
    return np.asarray(value, np.float32 if "float" in kind else np.int64)


@operator("ConstantOfShape", attributes="value")
def _constant_of_shape(node: Node, shape: np.ndarray) -> np.ndarray:
    value = np.asarray(node.get("value", np.zeros(1, np.float32))).reshape(-1)
    return np.full(room(node, ints(shape)), value[0], value.dtype)


@operator("EyeLike", attributes="dtype k")
def _eye_like(node: Node, X: np.ndarray) -> np.ndarray:
    from .arithmetic import dtype_of

    dtype = X.dtype if "dtype" not in node.attributes else dtype_of(node, node.get("dtype"))
    return np.eye(X.shape[0], X.shape[1], k=node.get("k", 0), dtype=dtype)


@operator("Range")
def _range(node: Node, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    first, last, step = (np.asarray(A).reshape(-1)[0] for A in (start, limit, delta))
    room(node, [max(0, int(np.ceil((last - first) / step)))])
    return np.arange(first, last, step).astype(start.dtype)


gradient("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Tile", "Split", "Slice")(moved(0))
gradient("CenterCropPad", "Trilu", "DepthToSpace", "SpaceToDepth", "ReverseSequence")(moved(0))
gradient("Concat")(moved(-1))
