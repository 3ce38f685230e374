"""Losses that are sums over entries: the kernels of one are made of a function of one entry. Value and gradient fused.

Each is a mean over the M entries of a row, and then a weighted mean over the rows:

    value = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        G_bm = s_b/(D M) ∂l/∂h (h_bm, y_bm)        D = Σ_b s_b
"""

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..reductions.row_tiles import SUM_RUN
from ..runtime.arrays import checked_out
from ..runtime.config import inlined_jit, named_after, parallel_jit, part_jit
from ..runtime.launch import launch
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .targets import as_sample_weight
from .weighted_rows import mean_over_rows, spread, sum_of_weights


class EntryKernels(NamedTuple):
    """What runs for a loss: over a piece of the flat arrays, and over pieces by several threads."""

    serial: Any
    parallel: Any


def entry_loss(function) -> EntryKernels:
    """The kernels of a loss, of its function (h, y, a, b) -> (l, ∂l/∂h) of one entry; a and b are options.

    Entries are computed in their dtype and summed in float64. An entry of weight 0 is left out, whatever stands there.
    """
    f = inlined_jit(function)

    @part_jit
    @named_after(function, "_run")
    def run(h, y, w, a, b, share, g, terms):
        """Gradient entries in g, losses in `terms`, which another loop sums (one loop would vectorise badly)."""
        zero = g.dtype.type(0)
        if w.size == 0:
            factor = g.dtype.type(share)
            for m in range(h.size):
                loss, slope = f(h[m], y[m], a, b)
                terms[m] = loss
                g[m] = factor * slope
        else:
            for m in range(h.size):
                loss, slope = f(h[m], y[m], a, b)
                terms[m] = w[m] * np.float64(loss) if w[m] != 0.0 else 0.0
                g[m] = g.dtype.type(share * w[m]) * slope if w[m] != 0.0 else zero
        total = 0.0
        for m in range(h.size):
            total += terms[m]
        return total

    @part_jit
    @named_after(function)
    def serial(h, y, w, a, b, divisor, columns, g, values, sums, slot, first, last):
        """Entries first..last of flat arrays; `w` has their weights or nothing, `values` room for losses or none."""
        terms = np.empty(min(last - first, SUM_RUN))
        share = 1.0 / (divisor * columns) if divisor > 0.0 else 0.0  # every weight is 0: no entry is read
        value = 0.0
        for i in range(first, last, SUM_RUN):
            e = min(i + SUM_RUN, last)
            value += run(h[i:e], y[i:e], w[i:e], a, b, share, g[i:e], terms)
            if values.size > 0:
                for m in range(e - i):
                    values[i + m] = terms[m]
        sums[slot] = value

    @parallel_jit
    @named_after(function, "_parallel")
    def parallel(h, y, w, a, b, divisor, columns, g, values, sums):
        n, chunks = h.size, sums.size
        for i in prange(chunks):
            k = np.int64(i)
            serial(h, y, w, a, b, divisor, columns, g, values, sums, k, k * n // chunks, (k + 1) * n // chunks)

    return EntryKernels(serial, parallel)


def weights_and_out(who, H, y, H2, sample_weight, out) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The checked weights and the checked `out`, as rows; None where there are none."""
    s = None if sample_weight is None else as_sample_weight(who, sample_weight, H.shape[:-1])
    if out is not None:
        out = checked_out(who, out, H.shape, H2.dtype, H, y, sample_weight).reshape(H2.shape)
    return s, out


def mean_over_entries(who, kernels: EntryKernels, H, Y, sample_weight, a, b, G) -> tuple[float, np.ndarray, float]:
    """(value, G, D) of matrices H and Y; a weight that is none raises."""
    rows, M = H.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, 0.0
    w, divisor = np.empty(0), float(rows)
    if sample_weight is not None:
        s = spread(who, sample_weight, rows)
        divisor, w = launch(sum_of_weights, s), spread(who, s, H.size)
    options = H.dtype.type(a), H.dtype.type(b), divisor, M, G.reshape(-1), np.empty(0, H.dtype)
    arrays = H.reshape(-1), Y.reshape(-1), w
    value = mean_over_rows(*kernels, PARALLEL_SIZE, CHUNK_SIZE, divisor, M, *arrays, *options)
    return value, G, divisor
