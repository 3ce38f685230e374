"""Losses that are sums over entries: the kernels of one are made of a function of one entry. Value and gradient fused.

    "mean"   value = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)      G_bm = s_b/(D M) ∂l/∂h (h_bm, y_bm)      D = Σ_b s_b
    "sum"    value = Σ_b s_b Σ_m l(h_bm, y_bm)                  G_bm = s_b ∂l/∂h (h_bm, y_bm)            D = 1
    "none"   L_bm = s_b l(h_bm, y_bm)                           G as for "sum", to be multiplied by the cotangent of L

With weights of entries s_bm stands for s_b, and D = (1/M) Σ_bm s_bm.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import prange

from ..reductions.row_tiles import SUM_RUN
from ..runtime.arrays import checked_out
from ..runtime.config import inlined_jit, named_after, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .labels import wrong_target
from .targets import as_array_of_targets, as_rows, as_sample_weight, as_targets, check_reduction, target_rows
from .weighted_rows import given_or_made, mean_over_rows, spread, sum_of_weights

WIDE_ROWS = 64  # entries of one weight, from which on a run has one weight alone


@dataclass(frozen=True)
class Pieces:
    """What runs over a piece of the flat arrays, and over pieces by several threads."""

    serial: Any
    parallel: Any


@dataclass(frozen=True)
class EntryLoss:
    """What runs for a loss, without weights and with them; and its targets."""

    plain: Pieces
    weighted: Pieces
    low: float | None  # the least target, and the largest; None: any finite one
    high: float | None


def entry_loss(low: float | None = None, high: float | None = None, wide: bool = False):
    """Makes the kernels of a loss, of its function (h, y, a, b) -> (l, ∂l/∂h) of one entry; a and b are options.

    Entries are computed in their dtype, or `wide` ones, which might overflow it, in float64; and summed in float64. An
    entry of weight 0 is left out, whatever stands there.
    """

    def decorate(function) -> EntryLoss:
        return EntryLoss(*_kernels(function, _wide_room if wide else _room), low, high)

    return decorate


@part_jit
def _spread_run(w, each, share, first, n, weights, factors):
    """weights = those of n entries from `first` on, each of `w` for as many entries; factors = share · weights."""
    k, m = first // each, 0
    stop = (k + 1) * each - first
    while m < n:
        stop = min(stop, n)
        s, c = w[k], factors.dtype.type(share * w[k])
        for j in range(m, stop):
            weights[j] = s
            factors[j] = c
        k, m, stop = k + 1, stop, stop + each


@part_jit
def _repeat_run(a, first, options):
    """options = the numbers of the columns, a, for the entries from `first` on."""
    c, m = first % a.size, 0
    while m < options.size:
        stop = min(m + a.size - c, options.size)
        for j in range(m, stop):
            options[j] = a[c + j - m]
        c, m = 0, stop


@part_jit
def _room(n, h):
    return np.empty(n, h.dtype)


@part_jit
def _wide_room(n, h):
    return np.empty(n)


def _kernels(function, room_of) -> tuple[Pieces, Pieces]:
    f = inlined_jit(function)

    @part_jit
    @named_after(function, "_run")
    def run(h, y, a, b, factor, g, terms):
        """Gradient entries in g, losses in `terms`, which another loop sums (one loop would vectorise badly)."""
        for m in range(h.size):
            loss, slope = f(h[m], y[m], a[m], b)
            terms[m] = loss
            g[m] = factor * slope
        total = 0.0
        for m in range(h.size):
            total += np.float64(terms[m])
        return total

    @part_jit
    @named_after(function, "_weighted_run")
    def weighted_run(h, y, a, b, weights, factors, g, terms):
        zero = g.dtype.type(0)
        for m in range(h.size):
            loss, slope = f(h[m], y[m], a[m], b)
            left_out = factors[m] == zero  # its weight is 0, or too small for this dtype
            terms[m] = zero if left_out else loss
            g[m] = zero if left_out else factors[m] * slope
        total = 0.0
        for m in range(h.size):
            total += weights[m] * np.float64(terms[m])
        return total

    @part_jit
    @named_after(function)
    def serial(h, y, w, a, b, divisor, columns, g, values, sums, slot, first, last):
        """Entries first..last of flat arrays, without weights. `a`: an option, or one for each column; `values`: room
        for the losses of entries, or none."""
        room, value = min(last - first, SUM_RUN), 0.0
        terms, options = room_of(room, h), _room(room, h)
        factor = g.dtype.type(1.0 / (divisor * columns))
        _repeat_run(a, first, options)
        for i in range(first, last, SUM_RUN):
            e = min(i + SUM_RUN, last)
            if a.size > 1:
                _repeat_run(a, i, options)
            value += run(h[i:e], y[i:e], options, b, factor, g[i:e], terms)
            if values.size > 0:
                for m in range(e - i):
                    values[i + m] = terms[m]
        sums[slot] = value

    @part_jit
    @named_after(function, "_weighted")
    def weighted(h, y, w, a, b, divisor, columns, g, values, sums, slot, first, last):
        """The same; each of the weights w is one for as many entries."""
        room, each, value, i = min(last - first, SUM_RUN), h.size // w.size, 0.0, first
        terms, options, factors, weights = room_of(room, h), _room(room, h), _room(room, h), np.empty(room)
        share = 1.0 / (divisor * columns) if divisor > 0.0 else 0.0  # every weight is 0: no entry is read
        _repeat_run(a, first, options)
        while i < last:
            n = min(SUM_RUN, last - i) if each < WIDE_ROWS else min(SUM_RUN, last - i, each - i % each)
            e = i + n
            if a.size > 1:
                _repeat_run(a, i, options)
            if each < WIDE_ROWS or values.size > 0:
                _spread_run(w, each, share, i, n, weights, factors)
            s = w[i // each]
            factor = g.dtype.type(share * s)
            if each < WIDE_ROWS:
                value += weighted_run(h[i:e], y[i:e], options, b, weights, factors, g[i:e], terms)
            elif factor == 0.0:
                for m in range(n):
                    terms[m] = 0
                    g[i + m] = 0
            else:
                value += s * run(h[i:e], y[i:e], options, b, factor, g[i:e], terms)
            if values.size > 0:
                for m in range(n):
                    values[i + m] = weights[m] * np.float64(terms[m])
            i = e
        sums[slot] = value

    return Pieces(serial, _in_pieces(serial)), Pieces(weighted, _in_pieces(weighted))


def _in_pieces(serial) -> Any:
    @parallel_jit
    @named_after(serial, "_parallel")
    def parallel(h, y, w, a, b, divisor, columns, g, values, sums):
        n, chunks = h.size, sums.size
        for i in prange(chunks):
            k = np.int64(i)
            serial(h, y, w, a, b, divisor, columns, g, values, sums, k, k * n // chunks, (k + 1) * n // chunks)

    return parallel


def reduced_entry_loss(who, loss: EntryLoss, H, y, a, b, sample_weight, reduction, out, columns=None) -> tuple:
    """(value, G, D), or (L, G, D) for "none", of outputs H (..., M), after all checks; `columns`: as M in the mean."""
    check_reduction(who, reduction)
    H2 = as_rows(who, H)
    Y = target_rows(who, as_array_of_targets(who, y, booleans=True), H.shape, H2.dtype, low=loss.low, high=loss.high)
    s, G = weights_and_out(who, H, y, H2, sample_weight, out)
    options = H2, Y, loss, a, b, s
    if reduction == "none":
        value, G, divisor = entry_values_unchecked(*options, None, G, who)
        value = value.reshape(H.shape)
    else:
        value, G, divisor = entry_loss_unchecked(*options, reduction, columns, G, who)
    return value, given_or_made(out, G, H.shape), divisor


def weights_and_out(who, H, y, H2, sample_weight, out) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The checked weights, of rows or of entries, and the checked `out`, as rows; None where there are none."""
    s = None if sample_weight is None else as_sample_weight(who, sample_weight, H.shape[:-1], H.shape)
    if out is not None:
        out = checked_out(who, out, H.shape, H2.dtype, H, y, sample_weight).reshape(H2.shape)
    return s, out


@operation("G", refuses=True)
def entry_loss_unchecked(H, Y, loss, a, b, sample_weight=None, reduction="mean", columns=None, G=None, who="loss"):
    """(value, G, D) of matrices of outputs and targets of one dtype; a wrong target or weight raises.

    `a` is a number, or float64 for the columns of H. Y is None for a loss without targets. In a mean `columns` stands
    for M, as 1 does for a loss that adds up its columns.
    """
    rows, M = H.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, float(reduction == "sum")
    Y, w = _checked(who, H, Y, loss, sample_weight)
    divisor, columns = float(rows), M if columns is None else columns
    if reduction == "sum":
        divisor, columns = 1.0, 1
    elif w.size:
        divisor = launch(sum_of_weights, w, w.size // rows)
    value = _launch(loss, H, Y, w, a, b, divisor, columns, G, np.empty(0, H.dtype))
    return value, G, divisor


@operation("L", "G", refuses=True)
def entry_values_unchecked(H, Y, loss, a, b, sample_weight=None, L=None, G=None, who="loss"):
    """(L, G, 1.0): the loss of each entry, and its derivative, of matrices as for `entry_loss_unchecked`."""
    L = np.empty(H.shape, H.dtype) if L is None else L
    G = np.empty(H.shape, H.dtype) if G is None else G
    if H.size:
        Y, w = _checked(who, H, Y, loss, sample_weight)
        _launch(loss, H, Y, w, a, b, 1.0, 1, G, L.reshape(-1))
    return L, G, 1.0


def _checked(who, H, Y, loss: EntryLoss, sample_weight) -> tuple[np.ndarray, np.ndarray]:
    """The targets, looked at by a kernel, and the weights of rows or entries; an empty array if there are none."""
    if Y is not None:
        largest = np.finfo(H.dtype).max
        low = -largest if loss.low is None else H.dtype.type(loss.low)
        _, wrong = launch(wrong_target, Y, low, largest if loss.high is None else H.dtype.type(loss.high))
        if wrong >= 0:
            as_targets(who, Y, H.shape, H.dtype, loss.low, loss.high)  # raises
    if sample_weight is None:
        return H if Y is None else Y, np.empty(0)  # where there are no targets, nothing reads them
    return H if Y is None else Y, spread(who, sample_weight, H.size if sample_weight.size == H.size else len(H))


def _launch(loss: EntryLoss, H, Y, w, a, b, divisor, columns, G, values) -> float:
    a = a if isinstance(a, np.ndarray) else np.array([a], np.float64)
    arrays = H.reshape(-1), Y.reshape(-1), w, a, H.dtype.type(b)
    sizes = PARALLEL_SIZE, CHUNK_SIZE, divisor, columns
    pieces = loss.weighted if w.size else loss.plain
    return mean_over_rows(pieces.serial, pieces.parallel, *sizes, *arrays, divisor, columns, G.reshape(-1), values)
