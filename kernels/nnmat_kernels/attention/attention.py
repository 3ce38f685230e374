"""Scaled dot-product attention with any number of heads, and its gradients; no (Tq, Tk) matrix is ever stored.

    S = a Q Kᵀ + M      P = softmax of each row of S      O = P V        for each head, a = 1/√d

Queries (B, Tq, heads d), keys (B, Tk, heads d) and values (B, Tk, heads dv) are separate arrays, or for self-attention
the columns of one array (B, T, 3 heads d), as one product with packed weights gives them: heads are strides.

* `causal`: query i sees the keys j <= i + before; `before` is the number of keys in front of the first query.
* `mask` is added to the scores: (Tq, Tk), or (B, heads, Tq, Tk) where each of the first three may be 1; -inf hides.
* `key_mask` (B, Tk), booleans: True where a key counts (torch's key_padding_mask is the opposite).
* A query that sees no key gets zeros, and gives zero gradients.
* `rate` drops weights, by the mask of `dropout` with place ((b heads + h) Tq + i) Tk + j.

The logarithms ℓ (B, heads, Tq) of the sums of exponentials are all that the backward pass needs beside the output.
"""

import functools

import numpy as np
from numba import boolean, from_dtype, int64, uint64

from ..codegen.function_pointer import address, flat_of
from ..elementwise.dropout import threshold
from ..products.panels import times_panels_at
from ..runtime.arrays import checked_out, made
from ..runtime.launch import launch, operation
from .backward import backward_parallel, backward_task
from .checks import as_options, checked_backward, checked_packed, checked_separate, stream_of
from .forward import forward_parallel, forward_task
from .plan import ATTENTION_PLAN, plan_of

_NO_KEY_MASK, _NO_STREAM = np.empty(0, np.bool_), np.zeros(2, np.uint64)


def attention(
    Q: np.ndarray,
    K: np.ndarray,
    V: np.ndarray,
    heads: int = 1,
    causal: bool = False,
    mask: np.ndarray | None = None,
    key_mask: np.ndarray | None = None,
    rate: float = 0.0,
    key: int = 0,
    counter: int = 0,
    before: int = 0,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What each query takes from the values, weighted by the softmax of its scores.

    Forward: O_h = softmax(Q_h K_hᵀ/√d + M) V_h for each head h.
    Backward: `attention_backward`, from O and ℓ.
    Shapes: Q (B, Tq, heads d), K (B, Tk, heads d), V (B, Tk, heads dv), O (B, Tq, heads dv), ℓ (B, heads, Tq); float32
        or float64; options as at the head of this file. `out` overlaps no input.
    Errors: ShapeError, DtypeError, ValueError (options, out).
    Reference: docs/equations.md, section 3.13; Dao et al. 2022 for the order of the work.
    """
    who = "attention"
    given = (Q, K, V, mask)
    Q, K, V = checked_separate(who, Q, K, V, heads)
    mask, key_mask = as_options(who, Q, K, heads, mask, key_mask, rate, before)
    out = checked_out(who, out, (*Q.shape[:2], V.shape[2]), Q.dtype, *given)
    stream = stream_of(who, key, counter)
    return out, attention_unchecked(Q, K, V, heads, bool(causal), mask, key_mask, rate, stream, before, out)


def attention_backward(
    G: np.ndarray,
    Q: np.ndarray,
    K: np.ndarray,
    V: np.ndarray,
    O: np.ndarray,  # noqa: E741
    lse: np.ndarray,
    heads: int = 1,
    causal: bool = False,
    mask: np.ndarray | None = None,
    key_mask: np.ndarray | None = None,
    rate: float = 0.0,
    key: int = 0,
    counter: int = 0,
    before: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of `attention` with respect to Q, K and V, from its output O and ℓ, with the same options.

    Forward: `attention`.
    Backward: gV = Pᵀ G, gS = P ⊙ (G Vᵀ - rowsum(G ⊙ O) 1ᵀ), gQ = a gS K, gK = a gSᵀ Q for each head.
    Shapes: G and O (B, Tq, heads dv), ℓ (B, heads, Tq); gQ, gK and gV as Q, K and V; float32 or float64.
    Errors: ShapeError, DtypeError, ValueError (options).
    Reference: docs/equations.md, section 3.13.
    """
    who = "attention_backward"
    Q, K, V = checked_separate(who, Q, K, V, heads)
    mask, key_mask = as_options(who, Q, K, heads, mask, key_mask, rate, before)
    G, O, lse = checked_backward(who, G, O, lse, (*Q.shape[:2], V.shape[2]), heads, Q)  # noqa: E741
    stream = stream_of(who, key, counter)
    return attention_backward_unchecked(
        G, Q, K, V, O, lse, heads, bool(causal), mask, key_mask, rate, stream, before
    )  # fmt: skip


def self_attention(
    QKV: np.ndarray,
    heads: int = 1,
    causal: bool = False,
    mask: np.ndarray | None = None,
    key_mask: np.ndarray | None = None,
    rate: float = 0.0,
    key: int = 0,
    counter: int = 0,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`attention` of queries, keys and values that lie side by side in one array, which is not copied.

    Forward: O_h = softmax(Q_h K_hᵀ/√d + M) V_h for each head h.
    Backward: `self_attention_backward`, from O and ℓ.
    Shapes: QKV (B, T, 3 heads d): all queries, then all keys, then all values; O (B, T, heads d), ℓ (B, heads, T);
        float32 or float64. `out` does not overlap QKV.
    Errors: ShapeError, DtypeError, ValueError (options, out).
    Reference: docs/equations.md, section 3.13.
    """
    who = "self_attention"
    given = (QKV, mask)
    QKV = checked_packed(who, QKV, heads)
    mask, key_mask = as_options(who, QKV, QKV, heads, mask, key_mask, rate, 0)
    out = checked_out(who, out, (*QKV.shape[:2], QKV.shape[2] // 3), QKV.dtype, *given)
    stream = stream_of(who, key, counter)
    return out, self_attention_unchecked(QKV, heads, bool(causal), mask, key_mask, rate, stream, out)


def self_attention_backward(
    G: np.ndarray,
    QKV: np.ndarray,
    O: np.ndarray,  # noqa: E741
    lse: np.ndarray,
    heads: int = 1,
    causal: bool = False,
    mask: np.ndarray | None = None,
    key_mask: np.ndarray | None = None,
    rate: float = 0.0,
    key: int = 0,
    counter: int = 0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The derivative of `self_attention`, from its output O and ℓ, with the same options.

    Forward: `self_attention`.
    Backward: that of `attention`, side by side: gQKV = [gQ gK gV].
    Shapes: G and O (B, T, heads d), ℓ (B, heads, T), gQKV as QKV; float32 or float64. `out` overlaps no input.
    Errors: ShapeError, DtypeError, ValueError (options, out).
    Reference: docs/equations.md, section 3.13.
    """
    who = "self_attention_backward"
    given = (QKV, G, O, lse, mask)
    QKV = checked_packed(who, QKV, heads)
    mask, key_mask = as_options(who, QKV, QKV, heads, mask, key_mask, rate, 0)
    G, O, lse = checked_backward(  # noqa: E741
        who, G, O, lse, (*QKV.shape[:2], QKV.shape[2] // 3), heads, QKV
    )  # fmt: skip
    out = checked_out(who, out, QKV.shape, QKV.dtype, *given)
    stream = stream_of(who, key, counter)
    self_attention_backward_unchecked(G, QKV, O, lse, heads, bool(causal), mask, key_mask, rate, stream, out)
    return out


@operation("out", "lse")
def attention_unchecked(
    Q, K, V, heads, causal=False, mask=None, key_mask=None, rate=0.0, stream=None, before=0, out=None, lse=None
):
    """`stream` is the (key, counter) of the mask of dropout, read when the kernel runs; masks have four axes."""
    size, value_size = Q.shape[2] // heads, V.shape[2] // heads
    plan = _plan(Q, K, heads, size, value_size, causal, before, mask, False)
    O = np.empty((*Q.shape[:2], V.shape[2]), Q.dtype) if out is None else out  # noqa: E741
    return _forward(Q, K, V, plan, heads, size, mask, key_mask, rate, stream, O, out, lse)


@operation("out", "lse")
def self_attention_unchecked(
    QKV, heads, causal=False, mask=None, key_mask=None, rate=0.0, stream=None, out=None, lse=None
):  # fmt: skip
    size = QKV.shape[2] // (3 * heads)
    plan = _plan(QKV, QKV, heads, size, size, causal, 0, mask, True)
    O = np.empty((*QKV.shape[:2], heads * size), QKV.dtype) if out is None else out  # noqa: E741
    return _forward(QKV, QKV, QKV, plan, heads, size, mask, key_mask, rate, stream, O, out, lse)


@operation("gQ", "gK", "gV")
def attention_backward_unchecked(
    G, Q, K, V, O, lse, heads, causal=False, mask=None, key_mask=None, rate=0.0, stream=None, before=0, gQ=None,  # noqa: E741
    gK=None, gV=None,
):  # fmt: skip
    size, value_size = Q.shape[2] // heads, V.shape[2] // heads
    plan = _plan(Q, K, heads, size, value_size, causal, before, mask, False)
    own = [np.empty(A.shape, A.dtype) if g is None else g for g, A in ((gQ, Q), (gK, K), (gV, V))]
    _backward(G, Q, K, V, O, lse, plan, size, mask, key_mask, rate, stream, *own)
    return made(*zip((gQ, gK, gV), own, strict=True))


@operation("out")
def self_attention_backward_unchecked(
    G, QKV, O, lse, heads, causal=False, mask=None, key_mask=None, rate=0.0, stream=None, out=None  # noqa: E741
):  # fmt: skip
    size = QKV.shape[2] // (3 * heads)
    plan = _plan(QKV, QKV, heads, size, size, causal, 0, mask, True)
    gQKV = np.empty(QKV.shape, QKV.dtype) if out is None else out
    _backward(G, QKV, QKV, QKV, O, lse, plan, size, mask, key_mask, rate, stream, gQKV, gQKV, gQKV)
    return made((out, gQKV))


def _plan(Q, K, heads, size, value_size, causal, before, mask, packed):
    seen = before if causal else K.shape[1]
    shape = None if mask is None else mask.shape
    return plan_of(Q.shape[0], heads, Q.shape[1], K.shape[1], size, value_size, seen, packed, shape, Q.itemsize)


def _options(like, size, mask, key_mask, rate, stream):
    """What both kernels take: the masks, the stream, the threshold of kept weights or -1, and two factors."""
    kind = like.dtype.type
    return (
        np.empty(0, like.dtype) if mask is None else mask.reshape(-1),
        _NO_KEY_MASK if key_mask is None else key_mask.reshape(-1),
        _NO_STREAM if stream is None else stream,
        threshold(rate) if rate > 0 else -1,
        kind(1 / (1 - rate) if rate < 1 else 0),
        kind(1 / np.sqrt(max(size, 1))),
    )


def _forward(Q, K, V, plan, heads, size, mask, key_mask, rate, stream, O, out, lse):  # noqa: E741
    ends = np.zeros((Q.shape[0], heads, Q.shape[1]), Q.dtype) if lse is None else lse
    launch(
        forward_parallel, _pieces(Q.dtype)[0], Q.reshape(-1), K.reshape(-1), V.reshape(-1),
        *_options(Q, size, mask, key_mask, rate, stream), plan, O.reshape(-1), ends.reshape(-1),
        times_panels_at(Q.dtype),
    )  # fmt: skip
    return made((out, O), (lse, ends))


def _backward(G, Q, K, V, O, lse, plan, size, mask, key_mask, rate, stream, gQ, gK, gV):  # noqa: E741
    arrays = [A.reshape(-1) for A in (G, Q, K, V, O, lse)]
    gradients = [A.reshape(-1) for A in (gQ, gK, gV)]
    options = _options(Q, size, mask, key_mask, rate, stream)
    launch(backward_parallel, _pieces(Q.dtype)[1], *arrays, *options, plan, *gradients, times_panels_at(Q.dtype))


@functools.cache
def _pieces(dtype):
    """Where the code for a task lies, forward and backward."""
    A, number = flat_of(dtype), from_dtype(dtype)
    options = A, boolean[::1], uint64[::1], int64, number, number, flat_of(ATTENTION_PLAN)
    return (
        address(forward_task, A, A, A, *options, A, A, int64, int64),
        address(backward_task, A, A, A, A, A, A, *options, A, A, A, int64, int64),
    )
