"""ONNX's nodes of layers made of layers."""

from typing import Any

from ...layers import Add, Concatenate, Residual, Sequential, Tied
from ...layers.containers.tied import TableHead, TransposedLinear
from .writer import Value, Writer, writes


@writes(Sequential)
def _sequential(w: Writer, layer: Sequential, X: Any) -> Value:
    for part in layer:
        X = w.layer(part, X)
    return X


@writes(Residual)
def _residual(w: Writer, layer: Residual, X: Value) -> Value:
    H = w.layer(layer.block, X)
    return _sum(w, [X if layer.shortcut is None else w.layer(layer.shortcut, X), H])


@writes(Add)
def _add(w: Writer, layer: Add, X: Any) -> Value:
    return _sum(w, _branches(w, layer, X))


@writes(Concatenate)
def _concatenate(w: Writer, layer: Concatenate, X: Any) -> Value:
    parts = _branches(w, layer, X)
    shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts))
    if all(part.is_first() for part in parts):
        return Value(w, shape, first=w.node("Concat", *(part.first() for part in parts), axis=1))
    return Value(w, shape, w.node("Concat", *(part.last() for part in parts), axis=len(shape)))


@writes(Tied)
def _tied(w: Writer, layer: Tied, X: Any) -> Value:
    return w.layer(layer.twin, X)


@writes(TransposedLinear)
def _transposed_linear(w: Writer, layer: TransposedLinear, X: Value) -> Value:
    H = w.node("MatMul", X.last(), w.parameter(layer.weight))  # Y = X W
    return Value(w, (*X.shape[:-1], layer.in_features), H)


@writes(TableHead)
def _table_head(w: Writer, layer: TableHead, X: Value) -> Value:
    E = w.node("Transpose", w.parameter(layer.weight), perm=[1, 0])
    return Value(w, (*X.shape[:-1], layer.tokens), w.node("MatMul", X.last(), E))  # Y = X Eᵀ


def _branches(w: Writer, layer: Any, X: Any) -> list[Value]:
    several = isinstance(X, tuple)
    shape = tuple(part.shape for part in X) if several else X.shape
    found = [part for part, _ in layer.branches(shape)]
    inputs = X if several else [X] * len(found)
    return [Z if part is None else w.layer(part, Z) for part, Z in zip(found, inputs, strict=True)]


def _sum(w: Writer, parts: list[Value]) -> Value:
    first = all(part.is_first() for part in parts)
    total, *rest = (part.first() if first else part.last() for part in parts)
    for name in rest:
        total = w.node("Add", total, name)
    shape = parts[0].shape
    return Value(w, shape, first=total) if first else Value(w, shape, total)
