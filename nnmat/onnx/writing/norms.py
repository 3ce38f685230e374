"""ONNX's nodes of normalisations."""

from typing import Any

import numpy as np

from ...layers import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from .writer import Value, Writer, writes


def _gain(w: Writer, layer: Any, width: int) -> str:
    return w.constant(np.ones(width)) if layer.gamma is None else w.parameter(layer.gamma)


def _shift(w: Writer, layer: Any, width: int) -> str:
    return w.constant(np.zeros(width)) if layer.beta is None else w.parameter(layer.beta)


def _precision(w: Writer) -> int:
    """The type in which ONNX computes means: that of the model."""
    return int(w.helper.np_dtype_to_tensor_dtype(w.dtype))


@writes(BatchNorm1d, BatchNorm2d)
def _batch_norm(w: Writer, layer: Any, X: Value) -> Value:
    N, at = X.shape[-1], f"{layer.path}." if layer.path else ""
    running = layer.own_buffers()
    names = [w.array(f"{at}{name}", running[name]) for name in ("running_mean", "running_variance")]
    given = X.first(), _gain(w, layer, N), _shift(w, layer, N), *names
    return Value(w, X.shape, first=w.node("BatchNormalization", *given, epsilon=layer.eps))


@writes(LayerNorm)
def _layer_norm(w: Writer, layer: LayerNorm, X: Value) -> Value:
    N = X.shape[-1]
    if w.dtype == np.float64:  # the node computes its means in float32
        C = w.node("Sub", X.last(), w.node("ReduceMean", X.last(), w.numbers(-1)))
        return Value(w, X.shape, _scaled(w, layer, C))
    b = [] if layer.beta is None else [w.parameter(layer.beta)]
    Y = w.node("LayerNormalization", X.last(), _gain(w, layer, N), *b, axis=-1, epsilon=layer.eps)
    return Value(w, X.shape, Y)


@writes(RMSNorm)
def _rms_norm(w: Writer, layer: RMSNorm, X: Value) -> Value:
    return Value(w, X.shape, _scaled(w, layer, X.last()))


def _scaled(w: Writer, layer: Any, name: str) -> str:
    """diag(r) C diag(γ) + 1 βᵀ, r = (rowmean(C²) + ε)^(-1/2)."""
    squares = w.node("ReduceMean", w.node("Mul", name, name), w.numbers(-1))
    Y = w.node("Div", name, w.chain(("Add", w.constant(layer.eps)), ("Sqrt",), start=squares))
    if layer.gamma is not None:
        Y = w.node("Mul", Y, w.parameter(layer.gamma))
    return Y if layer.beta is None else w.node("Add", Y, w.parameter(layer.beta))


@writes(GroupNorm)
def _group_norm(w: Writer, layer: GroupNorm, X: Value) -> Value:
    N = X.shape[-1]
    Y = w.node(
        "GroupNormalization", X.first(), _gain(w, layer, N), _shift(w, layer, N),
        num_groups=layer.groups, epsilon=layer.eps, stash_type=_precision(w),
    )  # fmt: skip
    return Value(w, X.shape, first=Y)
