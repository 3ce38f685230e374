"""ONNX's nodes of layers of rows and of single entries."""

from typing import Any

from ...layers import (
    ELU,
    GELU,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    Hardswish,
    Identity,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    PositionalEmbedding,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
)
from .writer import Value, Writer, writes

_SAME: dict[type, str] = {ReLU: "Relu", Sigmoid: "Sigmoid", Tanh: "Tanh", Mish: "Mish", Hardswish: "HardSwish"}


@writes(*_SAME)
def _same(w: Writer, layer: Any, X: Value) -> Value:
    return w.by_entries(X, _SAME[type(layer)])


@writes(Identity, Dropout, Dropout2d)
def _identity(w: Writer, layer: Any, X: Value) -> Value:
    return X


@writes(LeakyReLU)
def _leaky_relu(w: Writer, layer: LeakyReLU, X: Value) -> Value:
    return w.by_entries(X, "LeakyRelu", alpha=layer.negative_slope)


@writes(ELU)
def _elu(w: Writer, layer: ELU, X: Value) -> Value:
    return w.by_entries(X, "Elu", alpha=layer.alpha)


@writes(GELU)
def _gelu(w: Writer, layer: GELU, X: Value) -> Value:
    return w.by_entries(X, "Gelu", approximate=layer.approximate)


@writes(ReLU6)
def _relu6(w: Writer, layer: ReLU6, X: Value) -> Value:
    return X.like(w.node("Clip", X.there(), w.constant(0.0), w.constant(6.0)))


@writes(SiLU)
def _silu(w: Writer, layer: SiLU, X: Value) -> Value:
    return X.like(w.node("Mul", X.there(), w.node("Sigmoid", X.there())))


@writes(Softplus)
def _softplus(w: Writer, layer: Softplus, X: Value) -> Value:
    if layer.beta == 1.0:
        return w.by_entries(X, "Softplus")
    beta = w.constant(layer.beta)
    return X.like(w.chain(("Mul", beta), ("Softplus",), ("Div", beta), start=X.there()))


@writes(PReLU)
def _prelu(w: Writer, layer: PReLU, X: Value) -> Value:
    if not X.is_first() or layer.slope.size == 1:
        return X.like(w.node("PRelu", X.there(), w.parameter(layer.slope)))
    sizes = (X.shape[-1], *(1 for _ in X.shape[1:]))  # (C, 1, 1)
    slope = w.parameter(layer.slope, lambda A: A.reshape(sizes), lambda A: A.reshape(-1))
    return X.like(w.node("PRelu", X.there(), slope))


@writes(Softmax, LogSoftmax)
def _softmax(w: Writer, layer: Any, X: Value) -> Value:
    kind = "Softmax" if isinstance(layer, Softmax) else "LogSoftmax"
    axes = len(X.shape) + 1
    axis = layer.axis % axes
    if X.is_first():
        axis = 1 if axis == axes - 1 else axis + 1
    return w.by_entries(X, kind, axis=axis)


@writes(Linear)
def _linear(w: Writer, layer: Linear, X: Value) -> Value:
    return Value(w, (*X.shape[:-1], layer.out_features), w.linear(X.last(), layer, len(X.shape)))


@writes(Embedding)
def _embedding(w: Writer, layer: Embedding, X: Value) -> Value:
    return Value(w, (*X.shape, layer.features), w.node("Gather", w.parameter(layer.weight), X.last(), axis=0))


@writes(PositionalEmbedding)
def _positional(w: Writer, layer: PositionalEmbedding, X: Value) -> Value:
    if layer.weight is None:
        rows = w.constant(layer.rows())
    else:
        rows = w.parameter(layer.weight)
        if len(layer.weight.value) > X.shape[0]:
            rows = w.node("Slice", rows, w.numbers(0), w.numbers(X.shape[0]), w.numbers(0))
    return Value(w, X.shape, w.node("Add", X.last(), rows))


@writes(Flatten)
def _flatten(w: Writer, layer: Flatten, X: Value) -> Value:
    shape = layer.output_shape(X.shape)
    if shape == X.shape:
        return X
    if len(shape) == 1:
        return Value(w, shape, w.node("Flatten", X.last(), axis=1))
    return Value(w, shape, w.reshaped(X.last(), *shape))


@writes(Unflatten)
def _unflatten(w: Writer, layer: Unflatten, X: Value) -> Value:
    return Value(w, layer.shape, w.reshaped(X.last(), *layer.shape))
