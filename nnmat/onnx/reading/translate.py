"""Single nodes of a graph as layers of nnmat: channels go to the last axis, and rows that were images keep their order.

Each function takes the node, the arrays of the file and what is known of the input, a `Place`, and gives the layer with
what its weights are, or None where there is nothing to compute; it changes the place to that of the output.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import layers as L
from ...errors import FileFormatError
from ..operators.table import Node, as_axes, ints
from ..operators.windows import Window, window


class Place:
    """An array on its way: the shape of a sample in nnmat, and how the file's differs from it.

    `first`: the file has the channels first. `order`: of rows that were images, where each entry stands in the file.
    """

    def __init__(self, shape: tuple, first: bool, order: np.ndarray | None = None):
        self.shape, self.first, self.order = shape, first, order

    def copy(self) -> "Place":
        return Place(self.shape, self.first, self.order)

    def same(self, other: "Place") -> bool:
        """Whether two arrays may be added."""
        orders = [None if p.order is None else p.order.tolist() for p in (self, other)]
        return self.shape == other.shape and self.first == other.first and orders[0] == orders[1]


class Made(NamedTuple):
    """A layer, and its parameters and buffers: `weights(layer)` once it is built, with the arrays that they get."""

    layer: Any
    weights: Callable[[Any], list[tuple[np.ndarray, np.ndarray]]] = lambda layer: []


Arrays = dict[str, np.ndarray]
MAKERS: dict[str, Callable[[Node, Arrays, Place], Made | None]] = {}


def makes(*kinds: str) -> Callable:
    def mark(function: Callable) -> Callable:
        MAKERS.update(dict.fromkeys(kinds, function))
        return function

    return mark


def refusal(node: Node, reason: str) -> FileFormatError:
    """No layer fits."""
    return FileFormatError(f"{node.who}: {reason}, for which there is no layer. Leave out layers=True.")


def given(node: Node, arrays: Arrays, at: int) -> Any:
    """An input that is an array of the file; None where it is left out."""
    name = node.inputs[at] if at < len(node.inputs) else ""
    if name and name not in arrays:
        raise refusal(node, f"input {name!r} is computed")
    return arrays.get(name)


# ---- entries ---------------------------------------------------------------------------------------------------------

_PLAIN: dict[str, Any] = {
    "Relu": L.ReLU, "Sigmoid": L.Sigmoid, "Tanh": L.Tanh, "Mish": L.Mish, "HardSwish": L.Hardswish,
    "Softplus": L.Softplus,
}  # fmt: skip
_EXPRESSIONS = {"Exp": "exp(X)", "Sin": "sin(X)", "Cos": "cos(X)", "Erf": "erf(X)", "Atan": "arctan(X)", "Neg": "-X"}


@makes(*_PLAIN)
def _plain(node: Node, arrays: Arrays, place: Place) -> Made:
    return Made(_PLAIN[node.kind]())


@makes(*_EXPRESSIONS)
def _expression(node: Node, arrays: Arrays, place: Place) -> Made:
    return Made(L.Expression(_EXPRESSIONS[node.kind]))


@makes("Identity", "Dropout")
def _nothing(node: Node, arrays: Arrays, place: Place) -> None:
    return None


@makes("LeakyRelu")
def _leaky(node: Node, arrays: Arrays, place: Place) -> Made:
    return Made(L.LeakyReLU(node.get("alpha", 0.01)))


@makes("Elu")
def _elu(node: Node, arrays: Arrays, place: Place) -> Made:
    return Made(L.ELU(node.get("alpha", 1.0)))


@makes("Gelu")
def _gelu(node: Node, arrays: Arrays, place: Place) -> Made:
    return Made(L.GELU(node.get("approximate", "none")))


@makes("Swish")
def _swish(node: Node, arrays: Arrays, place: Place) -> Made:
    if node.get("alpha", 1.0) != 1:
        raise refusal(node, f"alpha={node.get('alpha')}")
    return Made(L.SiLU())


@makes("Clip")
def _clip(node: Node, arrays: Arrays, place: Place) -> Made:
    ends = [node.get("min", given(node, arrays, 1)), node.get("max", given(node, arrays, 2))]
    if [None if e is None else float(e) for e in ends] != [0.0, 6.0]:
        raise refusal(node, f"bounds {ends}")
    return Made(L.ReLU6())


@makes("PRelu")
def _prelu(node: Node, arrays: Arrays, place: Place) -> Made:
    slope = given(node, arrays, 1)
    wide = place.shape[-1] > 1 and slope.size > 1
    if wide and (slope.size != place.shape[-1] or place.order is not None):
        raise refusal(node, f"slopes of shape {slope.shape}")
    flat = slope.reshape(-1)
    return Made(L.PReLU(slope.size), lambda layer: [(layer.slope.value, flat)])


@makes("Softmax", "LogSoftmax")
def _softmax(node: Node, arrays: Arrays, place: Place) -> Made:
    axes = len(place.shape) + 1
    (axis,) = as_axes(node, node.get("axis", -1), axes)
    if node.version < 13 and axes > 2:
        raise refusal(node, "a softmax of several axes")
    if place.first:
        axis = axes - 1 if axis == 1 else axis - 1
    if axis == 0:
        raise refusal(node, "a softmax over the batch")
    kind = L.Softmax if node.kind == "Softmax" else L.LogSoftmax
    return Made(kind(-1 if axis == axes - 1 else axis))


# ---- rows ------------------------------------------------------------------------------------------------------------


@makes("Flatten", "Reshape")
def _flatten(node: Node, arrays: Arrays, place: Place) -> Made | None:
    n = int(np.prod(place.shape))
    if node.kind == "Flatten":
        if node.get("axis", 1) != 1:
            raise refusal(node, f"axis={node.get('axis')}")
    else:
        sizes = ints(given(node, arrays, 1))
        if len(sizes) != 2 or sizes[1] not in (-1, n) or (sizes[1] == -1 and sizes[0] == -1):
            raise refusal(node, f"the shape {sizes}")
    if len(place.shape) == 1:
        return None
    if place.first:
        index = np.arange(n).reshape(place.shape[-1], *place.shape[:-1])  # as the file numbers them: channels first
        order = np.moveaxis(index, 0, -1).reshape(-1)
        place.order = None if np.array_equal(order, np.arange(n)) else order
    place.first = False
    return Made(L.Flatten())


def _linear(node: Node, W: np.ndarray, b: Any, place: Place) -> Made:
    """H = X Wᵀ + 1 bᵀ with W (M, N) as the file has it."""
    if place.first or W.ndim != 2 or (b is not None and b.size != len(W)):
        raise refusal(node, "a product with an axis that is no row of features")
    own = W if place.order is None else W[:, place.order]
    place.order = None
    layer = L.Linear(own.shape[1], len(own), b is not None)
    return Made(
        layer, lambda made: [(made.weight.value, own), *([] if b is None else [(made.bias.value, b.reshape(-1))])]
    )


@makes("Gemm")
def _gemm(node: Node, arrays: Arrays, place: Place) -> Made:
    if node.get("transA", 0) or node.get("alpha", 1.0) != 1 or node.get("beta", 1.0) != 1:
        raise refusal(node, "transA, alpha or beta")
    B, C = given(node, arrays, 1), given(node, arrays, 2)
    return _linear(node, B if node.get("transB", 0) else B.T, C, place)


@makes("MatMul")
def _matmul(node: Node, arrays: Arrays, place: Place) -> Made:
    if node.inputs[0] in arrays:
        raise refusal(node, "a product with a matrix from the left")
    return _linear(node, given(node, arrays, 1).T, None, place)


@makes("Gather")
def _gather(node: Node, arrays: Arrays, place: Place) -> Made:
    table = arrays.get(node.inputs[0])
    if table is None or table.ndim != 2 or node.get("axis", 0) != 0:
        raise refusal(node, "entries that are no rows of a table")
    return Made(L.Embedding(*table.shape), lambda layer: [(layer.weight.value, table)])


# ---- axes ------------------------------------------------------------------------------------------------------------


@makes("Transpose")
def _transpose(node: Node, arrays: Arrays, place: Place) -> None:
    n = len(place.shape)
    perm = list(node.get("perm", range(n + 1)[::-1]))
    if perm == list(range(n + 1)):
        return None
    if place.first and perm == [0, *range(2, n + 1), 1]:
        place.first = False
    elif not place.first and perm == [0, n, *range(1, n)]:
        place.first = True
    else:
        raise refusal(node, f"axes in the order {perm}")
    return None


def channels_first(node: Node, place: Place, axes: tuple[int, ...] = (2, 3)) -> None:
    """What nodes of images and of sequences have."""
    if len(place.shape) not in axes or not place.first:
        raise refusal(node, f"an input (B, {', '.join(map(str, place.shape))}) whose channels are not on axis 1")


# ---- windows ---------------------------------------------------------------------------------------------------------


def _window(node: Node, place: Place, kernel: Any) -> Window:
    channels_first(node, place)
    shape = (1, place.shape[-1], *place.shape[:-1])
    return window(node, np.empty(shape, np.bool_), kernel)


def _own(place: Place, *options: tuple) -> list[Any]:
    """Options of both axes, or those of the one axis of a sequence."""
    return [pair if len(place.shape) == 3 else pair[1] for pair in options]


def _last(K: np.ndarray) -> np.ndarray:
    return np.moveaxis(K, 1, -1)


def _with_bias(layer: Any, K: np.ndarray, b: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(layer.weight.value, _last(K)), *([] if b is None else [(layer.bias.value, b)])]


@makes("Conv")
def _conv(node: Node, arrays: Arrays, place: Place) -> Made:
    K, b = given(node, arrays, 1), given(node, arrays, 2)
    w = _window(node, place, K.shape[2:])
    kind = L.Conv2d if len(place.shape) == 3 else L.Conv1d
    kernel, stride, dilation, ends = _own(place, w.kernel, w.stride, w.dilation, w.ends)
    layer = kind(
        place.shape[-1], len(K), kernel, stride, ends, dilation, groups=node.get("group", 1), bias=b is not None
    )  # fmt: skip
    return Made(layer, lambda made: _with_bias(made, K, b))


@makes("ConvTranspose")
def _conv_transpose(node: Node, arrays: Arrays, place: Place) -> Made:
    K, b = given(node, arrays, 1), given(node, arrays, 2)
    w, groups = _window(node, place, K.shape[2:]), node.get("group", 1)
    if len(place.shape) != 3 or not w.even or node.get("output_shape") or node.get("auto_pad", "NOTSET") != "NOTSET":
        raise refusal(node, "output_shape, unequal pads or sequences")
    extra = tuple(node.get("output_padding", (0, 0)))
    layer = L.ConvTranspose2d(
        place.shape[-1], K.shape[1] * groups, w.kernel, w.stride, w.padding, extra, groups, b is not None, w.dilation
    )
    return Made(layer, lambda made: _with_bias(made, K, b))


@makes("MaxPool", "AveragePool")
def _pool(node: Node, arrays: Arrays, place: Place) -> Made:
    w = _window(node, place, node.get("kernel_shape"))
    if not w.even or len(node.outputs) > 1:
        raise refusal(node, "unequal pads or places of the largest")
    kernel, stride, padding, dilation = _own(place, w.kernel, w.stride, w.padding, w.dilation)
    images = len(place.shape) == 3
    if node.kind == "MaxPool":
        kind = L.MaxPool2d if images else L.MaxPool1d
        return Made(kind(kernel, stride, padding, dilation, ceil_mode=w.ceil))
    if w.dilation != (1, 1):
        raise refusal(node, f"dilations {w.dilation}")
    average = L.AvgPool2d if images else L.AvgPool1d
    return Made(average(kernel, stride, padding, bool(node.get("count_include_pad", 0)), ceil_mode=w.ceil))


@makes("GlobalAveragePool", "GlobalMaxPool")
def _global(node: Node, arrays: Arrays, place: Place) -> Made:
    channels_first(node, place, (3,))
    return Made(L.AdaptiveAvgPool2d(1) if node.kind == "GlobalAveragePool" else L.AdaptiveMaxPool2d(1))


@makes("ReduceMean")
def _mean(node: Node, arrays: Arrays, place: Place) -> Made:
    channels_first(node, place, (3,))
    axes = node.get("axes") if len(node.inputs) < 2 else ints(given(node, arrays, 1))
    if axes is None or sorted(as_axes(node, axes, 4)) != [2, 3]:
        raise refusal(node, f"means along {axes}")
    if node.get("keepdims", 1):
        return Made(L.AdaptiveAvgPool2d(1))
    place.first = False
    return Made(L.GlobalAvgPool2d())


@makes("Pad")
def _pad(node: Node, arrays: Arrays, place: Place) -> Made:
    channels_first(node, place, (3,))
    sizes = node.get("pads") if len(node.inputs) < 2 else ints(given(node, arrays, 1))
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    mode = node.get("mode", "constant")
    value = node.get("value", 0.0) if given(node, arrays, 2) is None else given(node, arrays, 2)
    if len(node.inputs) > 3 or mode not in modes or len(sizes) != 8 or any(sizes[i] for i in (0, 1, 4, 5)):
        raise refusal(node, f"mode {mode!r} with pads {sizes}")
    if min(sizes) < 0:
        raise refusal(node, f"pads {sizes}")
    ends = ((sizes[2], sizes[6]), (sizes[3], sizes[7]))
    return Made(L.Pad(ends, modes[mode], float(np.asarray(value).reshape(-1)[0]) if mode == "constant" else 0.0))


@makes("Resize")
def _resize(node: Node, arrays: Arrays, place: Place) -> Made:
    channels_first(node, place, (3,))
    scales, sizes = given(node, arrays, 2), given(node, arrays, 3)
    axes = as_axes(node, node.get("axes", range(4)), 4)
    if sizes is not None and sizes.size and axes[-2:] == (2, 3):
        target: Any = tuple(ints(sizes)[-2:])
    elif scales is not None and scales.size == 4 and scales[0] == scales[1] == 1:
        target = tuple(int(n * s) for n, s in zip(place.shape, scales[2:], strict=False))
    else:
        raise refusal(node, "sizes that are computed")
    mode, how = node.get("mode", "nearest"), node.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest" and how == "asymmetric" and node.get("nearest_mode") == "floor":
        return Made(L.Upsample(target))
    if mode == "linear" and how in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return Made(L.Upsample(target, mode="bilinear", align_corners=how == "align_corners"))
    raise refusal(node, f"mode {mode!r} with {how!r}")


# ---- norms -----------------------------------------------------------------------------------------------------------


@makes("BatchNormalization")
def _batch_norm(node: Node, arrays: Arrays, place: Place) -> Made:
    axes = len(place.shape)
    if node.get("training_mode", 0) or (axes > 1 and not place.first):
        raise refusal(node, "training mode, or channels that are not on axis 1")
    parts = [given(node, arrays, i) for i in range(1, 5)]
    own = parts if place.order is None else [A[place.order] for A in parts]
    kind = L.BatchNorm2d if axes == 3 else L.BatchNorm1d

    def weights(layer: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        running = layer.own_buffers()
        targets = [layer.gamma.value, layer.beta.value, running["running_mean"], running["running_variance"]]
        return list(zip(targets, own, strict=True))

    return Made(kind(place.shape[-1], node.get("epsilon", 1e-5)), weights)


@makes("LayerNormalization")
def _layer_norm(node: Node, arrays: Arrays, place: Place) -> Made:
    (axis,) = as_axes(node, node.get("axis", -1), len(place.shape) + 1)
    gain, shift = given(node, arrays, 1), given(node, arrays, 2)
    if place.first or place.order is not None or axis != len(place.shape) or len(node.outputs) > 1 or gain.ndim != 1:
        raise refusal(node, "axes beside the last one")
    layer = L.LayerNorm(place.shape[-1], node.get("epsilon", 1e-5), bias=shift is not None)

    def weights(made: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(made.gamma.value, gain), *([] if shift is None else [(made.beta.value, shift)])]

    return Made(layer, weights)


@makes("GroupNormalization", "InstanceNormalization")
def _group_norm(node: Node, arrays: Arrays, place: Place) -> Made:
    channels_first(node, place)
    gain, shift = given(node, arrays, 1), given(node, arrays, 2)
    C = place.shape[-1]
    groups = C if node.kind == "InstanceNormalization" else node.get("num_groups")
    own = [np.repeat(A, C // len(A)) for A in (gain, shift)]
    layer = L.GroupNorm(groups, C, node.get("epsilon", 1e-5))
    return Made(layer, lambda made: list(zip([made.gamma.value, made.beta.value], own, strict=True)))
