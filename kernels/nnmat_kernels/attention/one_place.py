"""A Transformer block for one place of one sequence, in one pass: what writing text a token at a time comes to.

Products of matrices and a vector read each weight once, so this is as fast as weights come from the cache. It runs in
the calling thread. The sums have another order than those of the layers' own kernels, so the last bits differ.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..elementwise.normal_distribution import gelu_of
from ..elementwise.vector_math import exp, sigmoid
from ..runtime.config import exact_jit, jit, part_jit
from ..runtime.launch import launch, operation


class BlockWeights(NamedTuple):
    """The parameters of a block; what it does not have is an array of no entries (of `gate`: no rows).

    Shapes: gains and shifts (D,), `in_weight` (3 D, D), `out_weight` (D, D), `up` and `gate` (H, D), `down` (D, H),
    biases of as many entries as rows, `cosines` and `sines` (T, d/2).
    """

    gain1: np.ndarray
    shift1: np.ndarray
    in_weight: np.ndarray
    in_bias: np.ndarray
    out_weight: np.ndarray
    out_bias: np.ndarray
    gain2: np.ndarray
    shift2: np.ndarray
    up: np.ndarray
    up_bias: np.ndarray
    gate: np.ndarray
    gate_bias: np.ndarray
    down: np.ndarray
    down_bias: np.ndarray
    cosines: np.ndarray
    sines: np.ndarray


@part_jit
def _times(W, x, b, y):
    """y = W x + b, four rows at a time."""
    zero = W.dtype.type(0)
    whole = W.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        p, q, r, s = zero, zero, zero, zero
        for k in range(x.size):
            p += W[i, k] * x[k]
            q += W[i + 1, k] * x[k]
            r += W[i + 2, k] * x[k]
            s += W[i + 3, k] * x[k]
        y[i], y[i + 1], y[i + 2], y[i + 3] = p, q, r, s
    for i in range(whole, W.shape[0]):
        p = zero
        for k in range(x.size):
            p += W[i, k] * x[k]
        y[i] = p
    for i in range(b.size):
        y[i] += b[i]


@part_jit
def _normalised(x, gain, shift, eps, centre, y):
    """y = gain ⊙ (x - mean) / √(variance + eps) + shift; without `centre` the mean counts as 0."""
    kind = x.dtype.type
    mean, square = kind(0), kind(0)
    if centre:
        for i in range(x.size):
            mean += x[i]
        mean /= kind(x.size)
    for i in range(x.size):
        square += (x[i] - mean) * (x[i] - mean)
    factor = kind(1.0 / math.sqrt(square / x.size + eps))
    for i in range(x.size):
        y[i] = (x[i] - mean) * factor
    for i in range(gain.size):
        y[i] *= gain[i]
    for i in range(shift.size):
        y[i] += shift[i]


@part_jit
def _turned(x, cosines, sines, heads):
    half = cosines.size
    for h in range(heads):
        for j in range(half):
            a, b = x[2 * h * half + j], x[(2 * h + 1) * half + j]
            x[2 * h * half + j] = a * cosines[j] - b * sines[j]
            x[(2 * h + 1) * half + j] = b * cosines[j] + a * sines[j]


@exact_jit
def _gelu(x):
    for i in range(x.size):
        x[i] = gelu_of(x[i])


@exact_jit
def _gated(x, gate):
    for i in range(x.size):
        x[i] *= gate[i] * sigmoid(gate[i])


@exact_jit
def _exponentials(x, largest):
    for i in range(x.size):
        x[i] = exp(x[i] - largest)


@part_jit
def _attended(q, keys, values, heads, scores, y):
    """For each head y = Σ_t p_t v_t, p the softmax of the scores q k_t/√d of all places."""
    kind = q.dtype.type
    d = q.size // heads
    scale = kind(1.0 / math.sqrt(d))
    for h in range(heads):
        a = h * d
        largest = kind(-np.inf)
        for t in range(keys.shape[0]):
            s = kind(0)
            for j in range(d):
                s += q[a + j] * keys[t, a + j]
            scores[t] = s * scale
            largest = max(largest, scores[t])
        _exponentials(scores[: keys.shape[0]], largest)
        total = kind(0)
        for t in range(keys.shape[0]):
            total += scores[t]
        for j in range(d):
            y[a + j] = kind(0)
        for t in range(keys.shape[0]):
            p = scores[t] / total
            for j in range(d):
                y[a + j] += p * values[t, a + j]


@jit
def _block(x, w, keys, values, place, heads, eps, centre, scratch, y):
    D, H = x.size, w.up.shape[0]
    n, qkv = scratch[:D], scratch[D : 4 * D]
    o, scores = scratch[4 * D : 5 * D], scratch[5 * D : 5 * D + keys.shape[0]]
    _normalised(x, w.gain1, w.shift1, eps, centre, n)
    _times(w.in_weight, n, w.in_bias, qkv)
    if w.cosines.size:
        _turned(qkv[: 2 * D], w.cosines[place], w.sines[place], 2 * heads)
    for i in range(D):
        keys[place, i], values[place, i] = qkv[D + i], qkv[2 * D + i]
    _attended(qkv[:D], keys[: place + 1], values[: place + 1], heads, scores, o)
    _times(w.out_weight, o, w.out_bias, n)
    for i in range(D):
        y[i] = x[i] + n[i]
    _normalised(y, w.gain2, w.shift2, eps, centre, n)
    rest = scratch[5 * D + keys.shape[0] :]
    up, gate = rest[:H], rest[H : 2 * H]
    _times(w.up, n, w.up_bias, up)
    if w.gate.shape[0]:
        _times(w.gate, n, w.gate_bias, gate)
        _gated(up, gate)
    else:
        _gelu(up)
    _times(w.down, up, w.down_bias, n)
    for i in range(D):
        y[i] += n[i]


@operation("keys", "values", "scratch", "out")
def block_at_place_unchecked(x, weights: Any, keys, values, place, heads, eps, centre, scratch, out):
    """U = x + A(N₁(x)), out = U + F(N₂(U)) for the row x (D,) at `place`; its key and value become rows of theirs.

    A sees all places up to this one. `weights`: a `BlockWeights`; keys and values (T, D); N takes the mean off with
    `centre`; scratch (5 D + T + 2 H,) at least; out (D,). One dtype. NaN in the row reaches the result.
    """
    launch(_block, x, weights, keys, values, place, heads, eps, centre, scratch, out)
    return out
