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
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .labels import wrong_target
from .targets import as_array_of_targets, as_rows, as_sample_weight, as_targets, target_rows
from .weighted_rows import given_or_made, mean_over_rows, spread, sum_of_weights


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
        for m in range(M):
            g[m] = factor * (h[m] - y[m])
        loss = 0.0  # a loop that stores too is compiled twice, and where G lies would decide on the order of this sum
        for m in range(M):
            r = np.float64(h[m] - y[m])
            loss += r * r
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

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), from 0 to 1, floats, integers or
        booleans; sample_weight (...) or its first axes; the gradient as H, written to `out` if given.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights); `who` is the name in their texts.
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
    y = as_array_of_targets(who, y, booleans=True)
    if not isinstance(positive_weight, numbers.Real) or not 0.0 <= positive_weight <= float(np.finfo(H2.dtype).max):
        raise ValueError(
            f"{who}: expected positive_weight finite in {H2.dtype} and not negative, got {positive_weight!r}. "
            "The default is 1."
        )
    Y = target_rows(who, y, H.shape, H2.dtype, low=0.0, high=1.0)
    s, G = _weights_and_out(who, H, y, H2, sample_weight, out)
    value, G, divisor = sigmoid_binary_cross_entropy_unchecked(H2, Y, s, H2.dtype.type(positive_weight), G, who)
    return value, given_or_made(out, G, H.shape), divisor


@operation("G", refuses=True)
def sigmoid_binary_cross_entropy_unchecked(
    H, Y, sample_weight, positive_weight, G=None, who="sigmoid_binary_cross_entropy"
):
    """(value, G, D) of matrices of logits and targets of one dtype; a target or weight out of its range raises."""
    limits = H.dtype.type(0), H.dtype.type(1)
    return _run(who, H, Y, sample_weight, G, limits, _binary_rows, _binary_rows_parallel, positive_weight)


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
    Errors: ShapeError, DtypeError, LabelError, DataError (weights); `who` is the name in their texts.
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
    Y = target_rows(who, as_array_of_targets(who, y, booleans=True), H.shape, H2.dtype)
    s, G = _weights_and_out(who, H, y, H2, sample_weight, out)
    value, G, divisor = mean_squared_error_unchecked(H2, Y, s, G, who)
    return value, given_or_made(out, G, H.shape), divisor


@operation("G", refuses=True)
def mean_squared_error_unchecked(H, Y, sample_weight, G=None, who="mean_squared_error"):
    """(value, G, D) of matrices of outputs and targets of one dtype; an infinite target, or a wrong weight, raises."""
    largest = np.finfo(H.dtype).max
    return _run(who, H, Y, sample_weight, G, (-largest, largest), _squared_rows, _squared_rows_parallel)


def _weights_and_out(who, H, y, H2, sample_weight, out) -> tuple[np.ndarray | None, np.ndarray | None]:
    s = None if sample_weight is None else as_sample_weight(who, sample_weight, H.shape[:-1])
    if out is not None:
        out = checked_out(who, out, H.shape, H2.dtype, H, y, sample_weight).reshape(H2.shape)
    return s, out


def _run(who, H, Y, sample_weight, G, limits, serial, parallel, *options) -> tuple[float, np.ndarray, float]:
    rows, M = H.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, 0.0
    _, wrong = launch(wrong_target, Y, *limits)
    if wrong >= 0:
        low, high = (None, None) if limits[0] < 0 else limits
        as_targets(who, Y, H.shape, H.dtype, low, high)  # raises
    s, divisor = np.ones(rows), float(rows)
    if sample_weight is not None:
        s = spread(who, sample_weight, rows)
        divisor = launch(sum_of_weights, s)
    sizes = PARALLEL_SIZE, CHUNK_SIZE, divisor, M
    return mean_over_rows(serial, parallel, *sizes, H, Y, s, *options, divisor, G), G, divisor
