"""Losses that are sums over entries: binary cross-entropy from logits, and the squared error. Value and gradient fused.

Both are means over the M entries of a row, and then weighted means over the rows:

    value = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        G_bm = s_b/(D M) ∂l/∂h (h_bm, y_bm)        D = Σ_b s_b
"""

import numbers

import numpy as np
from numba import prange

from ..elementwise.vector_math import exp, log1p
from ..reductions.row_tiles import SUM_RUN
from ..runtime.arrays import checked_out
from ..runtime.config import parallel_jit, part_jit
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .targets import as_array_of_targets, as_row_weights, as_rows, as_targets
from .weighted_rows import sum_over_rows


@part_jit
def _binary_run(h, y, positive_weight, factor, g, terms):
    """Gradient entries in g, losses in `terms`, which a second loop sums (one loop would vectorise badly)."""
    zero, one = h.dtype.type(0), h.dtype.type(1)
    for m in range(h.size):
        x = h[m]
        e = exp(-abs(x))
        softplus = log1p(e)  # ζ(-|x|)
        large = one / (one + e)  # σ(|x|)
        small = e * large  # σ(-|x|)
        positive = positive_weight * y[m]
        negative = one - y[m]
        # ζ(x) = ζ(-|x|) + max(x, 0). Without the tests a target that has no part in x = ±inf would give 0 · inf.
        over = x if x > zero and negative != zero else zero
        under = -x if x < zero and positive != zero else zero
        terms[m] = (positive + negative) * softplus + (negative * over + positive * under)
        rising = large if x > zero else small
        falling = small if x > zero else large
        g[m] = factor * (negative * rising - positive * falling)
    loss = 0.0
    for m in range(h.size):
        loss += np.float64(terms[m])
    return loss


@part_jit
def _binary_rows(H, Y, s, positive_weight, divisor, G, sums, chunk, start, stop):
    """Rows start..stop. Entries in the dtype of H (in float32 gradient entries are right to 2e-7), sums in float64."""
    M = H.shape[1]
    terms = np.empty(min(M, SUM_RUN), H.dtype)
    value = 0.0
    for b in range(start, stop):
        h, y, g = H[b], Y[b], G[b]
        if s[b] == 0.0:  # left out: whatever stands in this row
            for m in range(M):
                g[m] = 0
            continue
        factor = G.dtype.type(s[b] / (divisor * M))
        loss = 0.0
        for a in range(0, M, SUM_RUN):
            loss += _binary_run(
                h[a : a + SUM_RUN], y[a : a + SUM_RUN], positive_weight, factor, g[a : a + SUM_RUN], terms
            )
        value += s[b] * loss
    sums[chunk] = value


@part_jit
def _squared_rows(H, Y, s, divisor, G, sums, chunk, start, stop):
    M = H.shape[1]
    value = 0.0
    for b in range(start, stop):
        h, y, g = H[b], Y[b], G[b]
        if s[b] == 0.0:  # left out: whatever stands in this row
            for m in range(M):
                g[m] = 0
            continue
        factor = G.dtype.type(2.0 * s[b] / (divisor * M))
        loss = 0.0
        for m in range(M):
            r = h[m] - y[m]
            g[m] = factor * r
            loss += np.float64(r) * np.float64(r)
        value += s[b] * loss
    sums[chunk] = value


@parallel_jit
def _binary_rows_parallel(H, Y, s, positive_weight, divisor, G, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        _binary_rows(H, Y, s, positive_weight, divisor, G, sums, k, k * rows // chunks, (k + 1) * rows // chunks)


@parallel_jit
def _squared_rows_parallel(H, Y, s, divisor, G, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        _squared_rows(H, Y, s, divisor, G, sums, k, k * rows // chunks, (k + 1) * rows // chunks)


def sigmoid_binary_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    positive_weight: float = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "sigmoid_binary_cross_entropy",
) -> tuple[float, np.ndarray]:
    """Mean binary cross-entropy of logits H (..., M), and its gradient with respect to H.

        l(h, y) = w y ζ(-h) + (1 - y) ζ(h)         ζ(h) = log(1 + exp(h)), w = positive_weight
        ∂l/∂h   = (1 - y) σ(h) - w y σ(-h)

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), from 0 to 1, floats or integers;
        sample_weight (...) or its first axes; the gradient as H, written to `out` if given.
    Errors: ShapeError, DtypeError, LabelError, ValueError (weights); `who` is the name in their texts.
    Reference: docs/equations.md, section 4.2.
    """
    return weighted_sigmoid_binary_cross_entropy(H, y, positive_weight, sample_weight, out, who)[:2]


def weighted_sigmoid_binary_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    positive_weight: float = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "weighted_sigmoid_binary_cross_entropy",
) -> tuple[float, np.ndarray, float]:
    """As `sigmoid_binary_cross_entropy`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    H2 = as_rows(who, H)
    y = as_array_of_targets(who, y)
    if not isinstance(positive_weight, numbers.Real) or not 0.0 <= positive_weight <= float(np.finfo(H2.dtype).max):
        raise ValueError(
            f"{who}: expected positive_weight finite in {H2.dtype} and not negative, got {positive_weight!r}. "
            "The default is 1."
        )
    Y = as_targets(who, y, H.shape, H2.dtype, low=0.0, high=1.0)
    weight = H2.dtype.type(positive_weight)
    return _run(who, H, y, H2, Y, sample_weight, out, _binary_rows, _binary_rows_parallel, weight)


def mean_squared_error(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "mean_squared_error",
) -> tuple[float, np.ndarray]:
    """Mean over all entries of (h - y)², and its gradient with respect to H.

        l(h, y) = (h - y)²        ∂l/∂h = 2 (h - y)

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), finite; sample_weight (...) or
        its first axes; the gradient as H, written to `out` if given.
    Errors: ShapeError, DtypeError, LabelError, ValueError (weights); `who` is the name in their texts.
    Reference: docs/equations.md, section 4.3.
    """
    return weighted_mean_squared_error(H, y, sample_weight, out, who)[:2]


def weighted_mean_squared_error(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "weighted_mean_squared_error",
) -> tuple[float, np.ndarray, float]:
    """As `mean_squared_error`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    H2 = as_rows(who, H)
    Y = as_targets(who, as_array_of_targets(who, y), H.shape, H2.dtype)
    return _run(who, H, y, H2, Y, sample_weight, out, _squared_rows, _squared_rows_parallel)


def _run(who, H, y, H2, Y, sample_weight, out, serial, parallel, *options) -> tuple[float, np.ndarray, float]:
    rows, M = H2.shape
    s = as_row_weights(who, sample_weight, H.shape[:-1], rows)
    G = checked_out(who, out, H.shape, H2.dtype, H, y, sample_weight)
    divisor = float(s.sum())
    if divisor == 0.0:
        G[...] = 0
        return 0.0, G, 0.0
    value = sum_over_rows(serial, parallel, PARALLEL_SIZE, CHUNK_SIZE, H2, Y, s, *options, divisor, G.reshape(rows, M))
    return value / (divisor * M), G, divisor
