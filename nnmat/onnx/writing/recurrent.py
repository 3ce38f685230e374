"""ONNX's nodes of recurrent layers: time is the first axis there, and gates have another order."""

from typing import Any

import numpy as np

from ...layers import GRU, LSTM, RNN
from ..operators.sequences import ORDERS, gates
from .writer import Value, Writer, writes


def _gates(kind: str) -> tuple:
    """The rows of gates in ONNX's order, with an axis of directions, and back."""
    return (lambda A: gates(kind, A, True)[None]), (lambda A: gates(kind, A[0]))


@writes(RNN, GRU, LSTM)
def _recurrence(w: Writer, layer: Any, X: Any) -> Value:
    X, *states = X if layer.states else (X,)
    T, N, kind = X.shape[0], layer.hidden, layer.kind
    there, back = _gates(kind)
    W = w.parameter(layer.in_proj.weight, there, back)
    R = w.parameter(layer.weight, there, back)
    b, rest = layer.in_proj.bias, len(ORDERS[kind]) * N
    bias = ""
    if b is not None:
        second = getattr(layer, "bias", None)
        zeros = w.constant(np.zeros((1, rest)))
        parts = w.parameter(b, there, back), zeros if second is None else w.parameter(second, there, back)
        bias = w.node("Concat", *parts, axis=1)
    first = [w.node("Unsqueeze", H.last(), w.numbers(0)) for H in states]
    given = [w.node("Transpose", X.last(), perm=[1, 0, 2]), W, R, bias, "", *first]
    while given[-1] == "":
        given.pop()
    options = {"linear_before_reset": 1} if isinstance(layer, GRU) else {}
    names = w.node(kind, *given, outputs=2, hidden_size=N, **options)
    if layer.last:
        return Value(w, (N,), w.node("Squeeze", names[1], w.numbers(0)))
    H = w.node("Squeeze", names[0], w.numbers(1))
    return Value(w, (T, N), w.node("Transpose", H, perm=[1, 0, 2]))
