"""ONNX's nodes of pooling, of padding and of images of other sizes."""

from typing import Any

import numpy as np

from nnmat_kernels.geometry import bins
from nnmat_kernels.resampling.factors import Factor, bin_means, window_means

from ...layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool1d,
    MaxPool2d,
    Pad,
    Upsample,
)
from .convolution import padded
from .writer import Value, Writer, writes


def _axes(value: Any) -> list[int]:
    return list(value) if isinstance(value, tuple) else [value]


def _out(w: Writer, layer: Any, X: Value, name: str) -> Value:
    return Value(w, layer.output_shape(X.shape), first=name)


@writes(MaxPool1d, MaxPool2d)
def _max_pool(w: Writer, layer: Any, X: Value) -> Value:
    padding = _axes(layer.padding)
    Y = w.node(
        "MaxPool", X.first(), kernel_shape=_axes(layer.kernel_size), strides=_axes(layer.stride),
        dilations=_axes(layer.dilation), pads=padding * 2, ceil_mode=int(layer.ceil_mode),
    )  # fmt: skip
    return _out(w, layer, X, Y)


@writes(AvgPool1d, AvgPool2d)
def _avg_pool(w: Writer, layer: Any, X: Value) -> Value:
    kernel, stride, padding = _axes(layer.kernel_size), _axes(layer.stride), _axes(layer.padding)
    if layer.ceil_mode:  # windows that end beyond the padding are divided by other numbers in other libraries
        divide = layer.divisor is None
        options = {"ceil_mode": True, "count_padding": layer.count_padding, "divide": divide}
        sizes = zip(X.shape, kernel, stride, padding, strict=False)
        factors = [window_means(*own, **options) for own in sizes]
        Y = _between(w, X.first(), factors)
        return _out(w, layer, X, Y if divide else w.node("Div", Y, w.constant(float(layer.divisor))))
    Y = w.node(
        "AveragePool", X.first(), kernel_shape=kernel, strides=stride, pads=padding * 2,
        count_include_pad=int(layer.count_padding or layer.divisor is not None),
    )  # fmt: skip
    if layer.divisor is not None:
        Y = w.node("Mul", Y, w.constant(float(np.prod(kernel)) / layer.divisor))
    return _out(w, layer, X, Y)


@writes(GlobalAvgPool2d)
def _global(w: Writer, layer: GlobalAvgPool2d, X: Value) -> Value:
    Y = w.node("Flatten", w.node("GlobalAveragePool", X.first()), axis=1)
    return Value(w, X.shape[-1:], Y)


@writes(AdaptiveAvgPool2d)
def _adaptive_avg(w: Writer, layer: AdaptiveAvgPool2d, X: Value) -> Value:
    plane, sizes = X.shape[:2], layer.output_shape(X.shape)[:2]
    if sizes == (1, 1):
        return _out(w, layer, X, w.node("GlobalAveragePool", X.first()))
    if all(n % m == 0 for n, m in zip(plane, sizes, strict=True)):
        kernel = [n // m for n, m in zip(plane, sizes, strict=True)]
        return _out(w, layer, X, w.node("AveragePool", X.first(), kernel_shape=kernel, strides=kernel))
    factors = [bin_means(n, m) for n, m in zip(plane, sizes, strict=True)]
    return _out(w, layer, X, _between(w, X.first(), factors))


@writes(AdaptiveMaxPool2d)
def _adaptive_max(w: Writer, layer: AdaptiveMaxPool2d, X: Value) -> Value:
    plane, sizes = X.shape[:2], layer.output_shape(X.shape)[:2]
    if all(n % m == 0 for n, m in zip(plane, sizes, strict=True)):
        kernel = [n // m for n, m in zip(plane, sizes, strict=True)]
        return _out(w, layer, X, w.node("MaxPool", X.first(), kernel_shape=kernel, strides=kernel))
    name = X.first()
    for axis, n, m in zip((2, 3), plane, sizes, strict=True):
        if n == m:
            continue
        parts = [
            w.node("ReduceMax", w.node("Slice", name, *map(w.numbers, (first, last, axis))), w.numbers(axis))
            for first, last in bins(n, m)
        ]
        name = w.node("Concat", *parts, axis=axis)
    return _out(w, layer, X, name)


@writes(Pad)
def _pad(w: Writer, layer: Pad, X: Value) -> Value:
    return _out(w, layer, X, padded(w, X.first(), layer.padding, layer.mode, layer.value))


@writes(Upsample)
def _upsample(w: Writer, layer: Upsample, X: Value) -> Value:
    plane, sizes = X.shape[:2], layer.output_shape(X.shape)[:2]
    name = X.first()
    if layer.mode == "nearest":
        if all(m % n == 0 for n, m in zip(plane, sizes, strict=True)):
            where: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            times = [1, 1, *(m // n for n, m in zip(plane, sizes, strict=True))]
            scales = w.constant(np.array(times, np.float32), np.float32)
            return _out(w, layer, X, w.node("Resize", name, "", scales, mode="nearest", **where))
        for axis, n, m in zip((2, 3), plane, sizes, strict=True):  # exact, where a quotient of floats may miss
            name = w.node("Gather", name, w.numbers(*(i * n // m for i in range(m))), axis=axis)
        return _out(w, layer, X, name)
    target = w.node("Concat", w.node("Shape", name, start=0, end=2), w.numbers(*sizes), axis=0)
    where = {"coordinate_transformation_mode": "align_corners" if layer.align_corners else "half_pixel"}
    return _out(w, layer, X, w.node("Resize", name, "", "", target, mode="linear", **where))


def _between(w: Writer, name: str, factors: list[Factor]) -> str:
    """R X_c Cᵀ of every channel; of sequences X_c Cᵀ alone."""
    *rows, columns = factors
    for R in rows:
        name = w.node("MatMul", w.constant(R.dense()), name)
    return w.node("MatMul", name, w.constant(columns.dense().T))
