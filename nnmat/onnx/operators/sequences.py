"""Recurrent layers, attention and rotary places, by nnmat's kernels."""

import math
from typing import Any

import numpy as np

import nnmat_kernels as kernels
from nnmat_kernels import unchecked as k

from .table import Node, gradient, in_floats, operator

ORDERS = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}  # the place there of each gate here: h; r z n; i f g o
ACTIVATIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_ATTRIBUTES = "activation_alpha activation_beta activations clip direction hidden_size input_forget layout"


def gates(kind: str, A: np.ndarray, back: bool = False) -> np.ndarray:
    """Rows of gates in nnmat's order, or back in ONNX's."""
    order = np.argsort(ORDERS[kind]) if back else np.array(ORDERS[kind])
    return np.ascontiguousarray(A.reshape(len(order), -1, *A.shape[1:])[order].reshape(A.shape))


def _checked(node: Node, lengths: Any, X: np.ndarray, peepholes: Any = None) -> int:
    """Raise for what the kernels have no form for; gives the number of directions."""
    ways = {"forward": 1, "reverse": 1, "bidirectional": 2}[node.get("direction", "forward")]
    wanted = ACTIVATIONS[node.kind] * ways
    given = node.get("activations", wanted)
    if [name.lower() for name in given] != [name.lower() for name in wanted]:
        raise node.refusal(f"activations {given}", f"{wanted}")
    if node.get("clip") is not None or node.get("input_forget", 0) or peepholes is not None:
        raise node.refusal("clip, input_forget or peepholes", "cells without them")
    if lengths is not None and np.any(lengths != X.shape[0]):
        raise node.refusal("sequence_lens that differ", "sequences of one length")
    if node.kind == "GRU" and not node.get("linear_before_reset", 0):
        raise node.refusal("linear_before_reset=0", "linear_before_reset=1")
    return ways


class _Direction:
    """The arrays of one direction, as the kernels have them: A = X W_xᵀ + 1 bᵀ, with time behind the batch."""

    def __init__(self, node: Node, d: int, ways: int, inputs: Any):
        X, W, R, b, _, *states = (*inputs, None, None, None, None)[:7]
        self.kind, self.reverse = node.kind, d == 1 or node.get("direction") == "reverse"
        X, W, R, b, *states = in_floats(X, W[d], R[d], None if b is None else b[d], *states)
        self.X = np.ascontiguousarray((X[::-1] if self.reverse else X).transpose(1, 0, 2))  # (B, T, N_x)
        self.W, self.R = gates(node.kind, W), gates(node.kind, R)
        self.b = None if b is None else [gates(node.kind, part) for part in np.split(b, 2)]
        self.states = [None if S is None else np.ascontiguousarray(S[d]) for S in states]

    def run(self) -> tuple[np.ndarray, ...]:
        """H (B, T, N), and what backward needs."""
        shift = None if self.b is None else self.b[0] if self.kind == "GRU" else self.b[0] + self.b[1]
        flat = self.X.reshape(-1, self.X.shape[2])
        A = kernels.matmul(flat, self.W, transpose_b=True, bias=shift).reshape(*self.X.shape[:2], -1)
        H0, C0 = self.states[:2]
        if self.kind == "RNN":
            return (kernels.rnn(A, self.R, H0),)
        if self.kind == "GRU":
            return kernels.gru(A, self.R, None if self.b is None else self.b[1], H0)
        return kernels.lstm(A, self.R, H0, C0)

    def backward(self, G: np.ndarray, GC: Any) -> tuple:
        """Gradients of X (T, B, N_x), W, R, b, and the first states, in ONNX's order of gates."""
        made, (H0, C0) = self.run(), self.states[:2]
        firsts: tuple[Any, Any]
        G = np.ascontiguousarray(G)
        if self.kind == "RNN":
            gA, before, gH0 = kernels.rnn_backward(G, made[0], self.R, H0)
            gU, firsts = gA, (gH0, None)
        elif self.kind == "GRU":
            gA, gU, before, gH0 = kernels.gru_backward(G, made[0], made[1], self.R, H0)
            firsts = (gH0, None)
        else:
            gA, before, gH0, gC0 = kernels.lstm_backward(G, made[0], made[1], made[2], self.R, H0, C0, GC)
            gU, firsts = gA, (gH0, gC0)

        def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
            return kernels.matmul(A.reshape(-1, A.shape[-1]), B.reshape(-1, B.shape[-1]), transpose_a=True)

        gX = kernels.matmul(gA.reshape(-1, gA.shape[2]), self.W).reshape(*gA.shape[:2], -1).transpose(1, 0, 2)
        parts = [gA.sum(axis=(0, 1)), gU.sum(axis=(0, 1))]
        gb = np.concatenate([gates(self.kind, part, True) for part in parts])
        turned = [gates(self.kind, A, True) for A in (product(gA, self.X), product(gU, before))]
        return gX[::-1] if self.reverse else gX, *turned, gb, firsts


def _batch_first(node: Node) -> bool:
    return bool(node.get("layout", 0))


def _recurrent(node: Node, inputs: Any) -> tuple[list[Any], list[_Direction]]:
    given = [*inputs, *(None,) * (8 - len(inputs))]
    if _batch_first(node):
        given[0] = given[0].transpose(1, 0, 2)
        for i in (5, 6):
            given[i] = None if given[i] is None else given[i].transpose(1, 0, 2)
    peepholes = given[7] if node.kind == "LSTM" else None
    ways = _checked(node, given[4], given[0], peepholes)
    return given, [_Direction(node, d, ways, given[:7]) for d in range(ways)]


@operator("RNN", "LSTM", attributes=_ATTRIBUTES, kernels=True)
@operator("GRU", attributes=f"{_ATTRIBUTES} linear_before_reset", kernels=True)
def _run(node: Node, *inputs: Any) -> Any:
    _, directions = _recurrent(node, inputs)
    made = [d.run() for d in directions]
    H = [m[0].transpose(1, 0, 2) for m in made]
    every = np.stack([h[::-1] if d.reverse else h for d, h in zip(directions, H, strict=True)], 1)
    last = np.stack([h[-1] for h in H])
    found = [every, last]
    if node.kind == "LSTM":
        found.append(np.stack([m[1][:, -1] for m in made]))
    if _batch_first(node):
        found = [every.transpose(2, 0, 1, 3), *(A.transpose(1, 0, 2) for A in found[1:])]
    return tuple(A.astype(inputs[0].dtype) for A in found)


@gradient("RNN", "LSTM", "GRU")
def _run_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    if _batch_first(node):
        raise node.refusal("the gradient with layout=1", "that with layout=0")
    _, directions = _recurrent(node, inputs)
    G = [*G, *(None,) * (3 - len(G))]
    parts = []
    for at, d in enumerate(directions):
        B, T = d.X.shape[:2]
        g = np.zeros((B, T, d.R.shape[1]), d.X.dtype)
        if G[0] is not None:
            own = G[0][:, at].transpose(1, 0, 2)
            g += own[:, ::-1] if d.reverse else own
        if G[1] is not None:
            g[:, -1] += G[1][at]
        GC = None if G[2] is None else np.ascontiguousarray(G[2][at], d.X.dtype)
        parts.append(d.backward(g, GC))
    gX = sum(part[0] for part in parts)
    found = [gX, *(np.stack([part[i] for part in parts]) for i in (1, 2, 3)), None]
    found += [np.stack([part[4][i] for part in parts]) if parts[0][4][i] is not None else None for i in (0, 1)]
    return [f if A is not None else None for f, A in zip(found, inputs, strict=False)]


# ---- attention -------------------------------------------------------------------------------------------------------


def _heads(A: np.ndarray, heads: int) -> np.ndarray:
    """(B, T, heads d) as (B, heads, T, d)."""
    return A.reshape(*A.shape[:2], heads, -1).transpose(0, 2, 1, 3) if A.ndim == 3 else A


_ATTENTION = "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision"


@operator("Attention", attributes=_ATTENTION, kernels=True)
def _attention(node: Node, Q: Any, K: Any, V: Any, mask: Any = None, *rest: Any) -> Any:
    if any(A is not None for A in rest) or len(node.outputs) > 1 or node.get("softcap", 0.0):
        raise node.refusal("past keys and values, their lengths, softcap or further outputs", "Y of Q, K, V and a mask")
    rows = Q.ndim == 3
    q, key, v = (
        _heads(A, node.get(name, 1)) for A, name in ((Q, "q_num_heads"), (K, "kv_num_heads"), (V, "kv_num_heads"))
    )
    if q.shape[1] != key.shape[1]:  # queries in groups: each has the keys of its group
        key, v = (np.repeat(A, q.shape[1] // key.shape[1], axis=1) for A in (key, v))
    heads, d = q.shape[1], q.shape[3]
    scale = node.get("scale") or 1 / math.sqrt(d)
    shape = (len(q), heads, q.shape[2], key.shape[2])
    q, key, v = in_floats(*(A.transpose(0, 2, 1, 3).reshape(len(A), A.shape[2], -1) for A in (q, key, v)))
    q = (q * (scale * math.sqrt(d))).astype(q.dtype)
    M = _mask(mask, shape, q.dtype)
    O, _ = kernels.attention(q, key, v, heads, bool(node.get("is_causal", 0)), M)  # noqa: E741
    return (O if rows else _heads(O, heads)).astype(Q.dtype)


def _mask(mask: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """What is added to the scores, of the shape that the kernels take; a shorter row hides what lies beyond it."""
    if mask is None:
        return None
    M = np.where(mask, 0.0, -np.inf) if mask.dtype.kind == "b" else mask
    if M.shape[-1] < shape[-1]:
        ends = [(0, 0)] * (M.ndim - 1) + [(0, shape[-1] - M.shape[-1])]
        M = np.pad(M, ends, constant_values=-np.inf)
    return np.ascontiguousarray(np.broadcast_to(M, shape), dtype)


@operator("RotaryEmbedding", attributes="interleaved num_heads rotary_embedding_dim", kernels=True)
def _rotary(node: Node, X: np.ndarray, cosines: np.ndarray, sines: np.ndarray, places: Any = None) -> np.ndarray:
    A = _heads(X, node.get("num_heads", 1))  # (B, heads, T, d)
    d = node.get("rotary_embedding_dim", 0) or A.shape[3]
    turned, rest = A[..., :d], A[..., d:]
    c, s = (C if places is None else C[places] for C in (cosines, sines))  # (B, T, d/2)
    if node.get("interleaved", 0):
        turned = np.concatenate([turned[..., ::2], turned[..., 1::2]], axis=-1)
    parts = []
    for row, cos, sin in zip(turned, c, s, strict=True):
        flat, cos, sin = in_floats(
            row.transpose(1, 0, 2).reshape(1, row.shape[1], -1), cos[:, : d // 2], sin[:, : d // 2]
        )
        parts.append(k.rotate(flat, cos, sin, len(row)).reshape(row.shape[1], len(row), d).transpose(1, 0, 2))
    Y = np.stack(parts).astype(X.dtype)
    if node.get("interleaved", 0):
        Y = np.stack([Y[..., : d // 2], Y[..., d // 2 :]], axis=-1).reshape(Y.shape)
    Y = np.concatenate([Y, rest], axis=-1)
    return Y if X.ndim == 4 else Y.transpose(0, 2, 1, 3).reshape(X.shape)
