"""ONNX's nodes of attention and of what Transformers are made of."""

import math
from typing import Any

import numpy as np

from ...layers import GatedFeedForward, MultiHeadAttention, RotaryEmbedding, TransformerBlock
from ...layers.attention.rotary import angles
from .writer import Value, Writer, writes


def _heads(w: Writer, name: str, T: int, heads: int, d: int) -> str:
    """(B, T, heads d) as (B, heads, T, d)."""
    return w.node("Transpose", w.reshaped(name, T, heads, d), perm=[0, 2, 1, 3])


def _turned(w: Writer, name: str, cosines: np.ndarray, sines: np.ndarray) -> str:
    """Each row of (B, heads, T, d) turned by the angles of its place: the pairs are the two halves."""
    halves = w.node("Split", name, outputs=2, axis=-1, num_outputs=2)
    c, s = w.constant(cosines), w.constant(sines)

    def product(i: int, factor: str) -> str:
        return w.node("Mul", halves[i], factor)

    upper = w.node("Sub", product(0, c), product(1, s))
    lower = w.node("Add", product(0, s), product(1, c))
    return w.node("Concat", upper, lower, axis=-1)


@writes(RotaryEmbedding)
def _rotary(w: Writer, layer: RotaryEmbedding, X: Value) -> Value:
    T, D = X.shape
    d = D // layer.heads
    Y = _turned(w, _heads(w, X.last(), T, layer.heads, d), *angles(T, d, layer.base, w.dtype))
    return Value(w, X.shape, w.reshaped(w.node("Transpose", Y, perm=[0, 2, 1, 3]), T, D))


@writes(MultiHeadAttention)
def _attention(w: Writer, layer: MultiHeadAttention, X: Any) -> Value:
    parts = list(X) if isinstance(X, tuple) else [X]
    queries = parts[0]
    keys = parts[1] if layer.cross else queries
    (Tq, D), (Tk, _) = queries.shape, keys.shape
    d = D // layer.heads
    if layer.cross:
        given = [(queries, layer.query), (keys, layer.key), (keys, layer.value)]
        Q, K, V = (w.linear(A.last(), part, 2) for A, part in given)
    else:
        QKV = w.linear(queries.last(), layer.in_proj, 2)
        Q, K, V = w.node("Split", QKV, outputs=3, axis=-1, num_outputs=3)
    Q, K, V = _heads(w, Q, Tq, layer.heads, d), _heads(w, K, Tk, layer.heads, d), _heads(w, V, Tk, layer.heads, d)
    if layer.rotary:
        cosines, sines = layer.angles()
        Q, K = _turned(w, Q, cosines[:Tq], sines[:Tq]), _turned(w, K, cosines[:Tk], sines[:Tk])
    scores = w.node("MatMul", Q, w.node("Transpose", K, perm=[0, 1, 3, 2]))
    S = w.node("Mul", scores, w.constant(1.0 / math.sqrt(d)))
    P = _weights(w, layer, S, parts, (Tq, Tk))
    O = w.node("Transpose", w.node("MatMul", P, V), perm=[0, 2, 1, 3])  # noqa: E741
    return Value(w, (Tq, D), w.linear(w.reshaped(O, Tq, D), layer.out_proj, 2))


def _weights(w: Writer, layer: MultiHeadAttention, S: str, parts: list, pairs: tuple[int, int]) -> str:
    """The softmax of the scores that are not hidden; where a row has none, zeros."""
    seen: list[str] = []
    if layer.causal:
        seen.append(w.constant(np.tril(np.ones(pairs, bool))))
    if layer.key_mask:
        seen.append(w.node("Unsqueeze", parts[1 + layer.cross].last(), w.numbers(1, 2)))
    if layer.mask:
        M = parts[-1]
        name = M.last() if len(M.shape) == 3 else w.node("Unsqueeze", M.last(), w.numbers(1))
        S = w.node("Add", S, name)
        seen.append(w.node("Greater", name, w.constant(-np.inf)))
    if not seen:
        return w.node("Softmax", S, axis=-1)
    allowed = seen[0]
    for other in seen[1:]:
        allowed = w.node("And", allowed, other)
    P = w.node("Softmax", w.node("Where", allowed, S, w.constant(float(np.finfo(w.dtype).min))), axis=-1)
    return w.node("Where", allowed, P, w.constant(0.0))


@writes(GatedFeedForward)
def _gated(w: Writer, layer: GatedFeedForward, X: Value) -> Value:
    axes = len(X.shape)
    A, B = w.linear(X.last(), layer.gate, axes), w.linear(X.last(), layer.up, axes)
    Z = w.node("Mul", w.node("Mul", A, w.node("Sigmoid", A)), B)
    return Value(w, X.shape, w.linear(Z, layer.out, axes))


@writes(TransformerBlock)
def _block(w: Writer, layer: TransformerBlock, X: Any) -> Value:
    X, *mask = X if layer.key_mask else (X,)
    N = w.layer(layer.norm1, X)
    A = w.layer(layer.attention, (N, *mask) if mask else N)
    U = Value(w, X.shape, w.node("Add", X.last(), A.last()))
    F = w.layer(layer.feed_forward, w.layer(layer.norm2, U))
    return Value(w, X.shape, w.node("Add", U.last(), F.last()))
