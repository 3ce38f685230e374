"""The weight gradient of a convolution, and its bias gradient, on the register tile.

      gK[o, (a, b, c)] = Σ_pixels Xpad[pixel + place of (a, b, c)] G[pixel, o]        gbias[o] = Σ_pixels 1 G[pixel, o]

The rows of a tile are the numbers (a, b, c) of a window, and one more that stands on ones; its columns are filters; the
sum runs over the pixels of an image. The transposed gradient is summed up: (window, filters), for each piece of the
work on its own; the pieces are added in order and turned round at the end. Where they end depends on the shapes alone.
"""

import functools

import numpy as np
from numba import int64, prange

from ..codegen.function_pointer import address, call, flat_of
from ..codegen.microkernel import MR_SINGLE, listed_places, microkernel
from ..codegen.packing import pack
from ..runtime.config import inlined_jit, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import MR, MR_SMALL, VECTOR_BYTES
from .implicit_gemm import fill
from .plan import (
    W_ABREAST,
    W_ALONG,
    W_APART,
    W_BAND,
    W_BANDS,
    W_CHANNELS,
    W_CHUNKS,
    W_COLS,
    W_DIRECT,
    W_DOWN,
    W_FILTERS,
    W_GROUPS,
    W_HEIGHT,
    W_HIGH,
    W_LEFT,
    W_LINE,
    W_OWN,
    W_PARTIAL,
    W_PIXEL,
    W_ROWS,
    W_RUN,
    W_SCRATCH,
    W_STEP,
    W_TABLE,
    W_TAP,
    W_TOP,
    W_UNITS,
    W_WIDE,
    W_WIDTH,
    W_WINDOW,
)


@inlined_jit
def _windows(S, g, B, b, tap_b, step_b, D, d, wide, count, rows, k, keep):
    """All rows of a panel of the gradient: `count` numbers of a window, over `rows` x k pixels."""
    high = MR if wide else MR_SINGLE
    table, listed, zero, none = g[W_TABLE], g[W_WINDOW] + 1, np.int64(0), np.int64(-1)
    tap, step = g[W_TAP], g[W_STEP]
    r = zero
    while r < count:
        left = count - r
        few = (left + MR_SMALL - 1) // MR_SMALL * MR_SMALL
        more = high + (max(left - high, 0) + MR_SMALL - 1) // MR_SMALL * MR_SMALL
        here, there = table + r, table + listed + r
        if not wide and (left <= MR_SMALL or (left < 2 * high and few < more)):
            few_a, few_c = listed_places(MR_SMALL, g, here, left, zero), listed_places(MR_SMALL, g, there, left, d)
            microkernel(1, 0, few_a, few_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, none, zero)
            r += MR_SMALL
        elif wide:
            all_a, all_c = listed_places(MR, g, here, left, zero), listed_places(MR, g, there, left, d)
            microkernel(2, 0, all_a, all_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, none, zero)
            r += MR
        else:
            many_a, many_c = listed_places(MR_SINGLE, g, here, left, zero), listed_places(MR_SINGLE, g, there, left, d)
            microkernel(1, 0, many_a, many_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, none, zero)
            r += MR_SINGLE


@jit
def weights_piece(X, G, D, d, g, first, last, bias):
    """Blocks first..last-1, into the sums D (groups, window + 1, line) from d on; with `bias` the row of ones too."""
    S = scratch(g[W_SCRATCH], X)
    S[:] = 1
    lanes = VECTOR_BYTES // X.itemsize
    own, filters, line, groups = g[W_OWN], g[W_FILTERS], g[W_LINE], g[W_GROUPS]
    Ho, Wo, Co = g[W_HIGH], g[W_WIDE], g[W_FILTERS] * g[W_GROUPS]
    panel, zero = max(1, min(line, 2 * lanes)), np.int64(0)
    if first == last:
        D[d : d + g[W_PARTIAL]] = 0
    T = scratch(0 if g[W_DIRECT] else g[W_BAND] * Wo * 2 * lanes, X)
    for unit in range(first, last):
        n, i0 = unit // g[W_BANDS], unit % g[W_BANDS] * g[W_BAND]
        rows = min(g[W_BAND], Ho - i0)
        image = n * g[W_HEIGHT] * g[W_WIDTH] * g[W_CHANNELS]
        upstream = (n * Ho + i0) * Wo * Co
        for group in range(groups):
            fill(
                S, zero, g[W_PIXEL], X, image + group * own, g[W_CHANNELS], own, g[W_HEIGHT], g[W_WIDTH],
                i0 * g[W_DOWN] + g[W_TOP], g[W_LEFT], g[W_ROWS], g[W_COLS],
            )  # fmt: skip
            target = d + group * (g[W_WINDOW] + 1) * line
            for j in range(0, line, panel):
                B, b, step_b = G, upstream + group * filters + j, Co
                if not g[W_DIRECT]:
                    if panel > lanes:
                        pack(2, T, zero, G, b, Co, min(panel, filters - j), rows * Wo)
                    else:
                        pack(1, T, zero, G, b, Co, filters, rows * Wo)
                    B, b, step_b = T, zero, panel
                count = g[W_WINDOW] + bias
                keep = np.int64(unit > first)
                _windows(S, g, B, b, Wo * step_b, step_b, D, target + j, panel > lanes, count, rows, Wo, keep)


@inlined_jit
def gather_abreast(D, g):
    """The sums over several pixels taken together, at the places of one pixel's: gives the length of its window."""
    line, pixels, filters = g[W_LINE], g[W_ABREAST], g[W_FILTERS] // g[W_ABREAST]
    to = np.int64(0)
    for first in range(0, g[W_WINDOW] + 1, g[W_ALONG]):
        ones = first == g[W_WINDOW]
        for m in range(first, first + (1 if ones else g[W_RUN])):
            for o in range(filters):
                value = D[m * line + o]
                for e in range(1, pixels):
                    value += D[(m + (0 if ones else e * g[W_APART])) * line + e * filters + o]
                D[to * line + o] = value
            to += 1
    return to - 1


@jit
def fold_weights(D, g, chunks, gK, gbias, keep, keep_bias):
    """gK (Co, window) and gbias (if it is not empty), or what is added to them: the sum of all pieces, turned round."""
    window, filters, line, groups = g[W_WINDOW], g[W_FILTERS], g[W_LINE], g[W_GROUPS]
    size = g[W_PARTIAL]
    for chunk in range(1, chunks):
        part = D[chunk * size : (chunk + 1) * size]
        for t in range(size):
            D[t] += part[t]
    if g[W_ABREAST] > 1:
        window, filters = gather_abreast(D, g), filters // g[W_ABREAST]
    for group in range(groups):
        for m0 in range(0, window, 16):  # pieces of the turn that fit the level-1 cache
            m1 = min(m0 + 16, window)
            for o in range(filters):
                q = (group * filters + o) * window
                s = group * (window + 1) * line + o
                for m in range(m0, m1):
                    value = D[s + m * line]
                    gK[q + m] = gK[q + m] + value if keep else value
        if gbias.size > 0:
            s = (group * (window + 1) + window) * line
            for o in range(filters):
                value = D[s + o]
                q = group * filters + o
                gbias[q] = gbias[q] + value if keep_bias else value


@jit
def weights(X, G, gK, gbias, g, keep, keep_bias):
    """The whole gradient by one thread."""
    D = np.empty(g[W_PARTIAL] * g[W_CHUNKS], X.dtype)
    x, y, units, bias = X.reshape(X.size), G.reshape(G.size), g[W_UNITS], np.int64(gbias.size > 0)
    for c in range(g[W_CHUNKS]):
        weights_piece(x, y, D, c * g[W_PARTIAL], g, c * units // g[W_CHUNKS], (c + 1) * units // g[W_CHUNKS], bias)
    fold_weights(D, g, g[W_CHUNKS], gK.reshape(gK.size), gbias, keep, keep_bias)


@parallel_jit
def _weights_parallel(X, G, gK, gbias, g, keep, keep_bias, piece):
    chunks, size, units, bias = g[W_CHUNKS], g[W_PARTIAL], g[W_UNITS], np.int64(gbias.size > 0)
    D = np.empty(size * chunks, X.dtype)
    x, y = X.reshape(X.size), G.reshape(G.size)
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        call(piece, (x, y, D, c * size, g, c * units // chunks, (c + 1) * units // chunks, bias))
    fold_weights(D, g, chunks, gK.reshape(gK.size), gbias, keep, keep_bias)


def weights_parallel(X, G, gK, gbias, g, keep, keep_bias) -> None:
    """`weights` by all threads."""
    _weights_parallel(X, G, gK, gbias, g, keep, keep_bias, _piece(X.dtype))


@functools.cache
def _piece(dtype):
    kind, number = flat_of(dtype), int64
    return address(weights_piece, kind, kind, kind, number, number[::1], number, number, number)
