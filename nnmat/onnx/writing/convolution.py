"""ONNX's nodes of convolutions: images and kernels with the channels first."""

from typing import Any

import numpy as np

from ...layers import Conv1d, Conv2d, ConvTranspose2d
from .writer import Value, Writer, writes

PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant", "zeros": "constant"}


def _first(K: np.ndarray) -> np.ndarray:
    return np.moveaxis(K, -1, 1)  # (Co, kh, kw, C) -> (Co, C, kh, kw)


def _last(K: np.ndarray) -> np.ndarray:
    return np.moveaxis(K, 1, -1)


def pads(ends: tuple) -> list[int]:
    """((top, bottom), (left, right)) as ONNX has it: all beginnings, then all ends."""
    return [before for before, _ in ends] + [after for _, after in ends]


def padded(w: Writer, name: str, ends: tuple, mode: str, value: float = 0.0) -> str:
    """Images, channels first, with something at their ends."""
    zeros = [0, 0]
    sizes = w.numbers(*zeros, *(a for a, _ in ends), *zeros, *(b for _, b in ends))
    constant = [w.constant(value)] if PAD_MODES[mode] == "constant" else []
    return w.node("Pad", name, sizes, *constant, mode=PAD_MODES[mode])


@writes(Conv2d)
def _conv2d(w: Writer, layer: Conv2d, X: Value) -> Value:
    return _convolution(w, layer, X, layer.kernel_size, layer.stride, layer.dilation, _ends(layer))


@writes(Conv1d)
def _conv1d(w: Writer, layer: Conv1d, X: Value) -> Value:
    sizes = (layer.kernel_size,), (layer.stride,), (layer.dilation,)
    return _convolution(w, layer, X, *sizes, _ends(layer)[-1:])


def _ends(layer: Any) -> tuple:
    """((top, bottom), (left, right))."""
    given = layer.padding
    axes = 1 if isinstance(layer, Conv1d) else 2
    if given == "same":
        kernel, dilation = ((n,) if axes == 1 else n for n in (layer.kernel_size, layer.dilation))
        spans = [d * (size - 1) for size, d in zip(kernel, dilation, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)
    if given == "valid":
        return ((0, 0),) * axes
    if axes == 1:
        return (tuple(given) if isinstance(given, tuple) else (given, given),)
    return tuple(end if isinstance(end, tuple) else (end, end) for end in given)


def _convolution(w: Writer, layer: Any, X: Value, kernel: tuple, stride: tuple, dilation: tuple, ends: tuple) -> Value:
    name = X.first()
    if layer.padding_mode != "zeros" and any(map(any, ends)):
        name, ends = padded(w, name, ends, layer.padding_mode), ((0, 0),) * len(ends)
    b = [] if layer.bias is None else [w.parameter(layer.bias)]
    Y = w.node(
        "Conv", name, w.parameter(layer.weight, _first, _last), *b,
        kernel_shape=kernel, strides=stride, dilations=dilation, pads=pads(ends), group=layer.groups,
    )  # fmt: skip
    return Value(w, layer.output_shape(X.shape), first=Y)


@writes(ConvTranspose2d)
def _conv_transpose2d(w: Writer, layer: ConvTranspose2d, X: Value) -> Value:
    b = [] if layer.bias is None else [w.parameter(layer.bias)]
    Y = w.node(
        "ConvTranspose", X.first(), w.parameter(layer.weight, _first, _last), *b,
        kernel_shape=layer.kernel_size, strides=layer.stride, dilations=layer.dilation, group=layer.groups,
        pads=[*layer.padding, *layer.padding], output_padding=layer.output_padding,
    )  # fmt: skip
    return Value(w, layer.output_shape(X.shape), first=Y)
