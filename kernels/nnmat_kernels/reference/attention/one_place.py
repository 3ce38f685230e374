"""A Transformer block for one place, as its equations, in float64 NumPy."""

import math

import numpy as np


def block_at_place(x, weights, keys, values, place, heads, eps, centre):
    """The row that follows x (D,); keys and values get their row `place`."""
    w = {name: np.asarray(A, np.float64) for name, A in weights._asdict().items()}
    N = _normalised(x, w["gain1"], w["shift1"], eps, centre)
    q, keys[place], values[place] = np.split(_linear(w["in_weight"], N, w["in_bias"]), 3)
    if w["cosines"].size:
        turn = w["cosines"][place], w["sines"][place]
        q, keys[place] = _turned(q, *turn, heads), _turned(keys[place].copy(), *turn, heads)
    o = []
    for Q, K, V in zip(
        *(np.split(A, heads, axis=-1) for A in (q, keys[: place + 1], values[: place + 1])), strict=True
    ):
        p = np.exp(K @ Q / math.sqrt(Q.size))
        o.append(p / p.sum() @ V)
    u = x + _linear(w["out_weight"], np.concatenate(o), w["out_bias"])
    N = _normalised(u, w["gain2"], w["shift2"], eps, centre)
    f = _linear(w["up"], N, w["up_bias"])
    if len(w["gate"]):
        a = _linear(w["gate"], N, w["gate_bias"])
        f = f * a / (1 + np.exp(-a))
    else:
        f = f * np.array([math.erfc(-z / math.sqrt(2)) / 2 for z in f])
    return u + _linear(w["down"], f, w["down_bias"])


def _linear(W, x, b):
    return W @ x + (b if b.size else 0)


def _normalised(x, gain, shift, eps, centre):
    c = x - x.mean() * centre
    return c / np.sqrt((c**2).mean() + eps) * (gain if gain.size else 1) + (shift if shift.size else 0)


def _turned(x, cosines, sines, heads):
    parts = []
    for a, b in (np.split(part, 2) for part in np.split(x, heads)):
        parts += [a * cosines - b * sines, b * cosines + a * sines]
    return np.concatenate(parts)
