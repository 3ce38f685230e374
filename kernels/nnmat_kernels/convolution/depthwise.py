"""Depthwise convolution (groups = channels, one filter each): no sum over channels, so vectors of channels everywhere.

      Y[n, i, j, :] = bias + Σ_ab Xpad[n, i sh + a dh, j sw + b dw, :] * T[a, b, :]       T[a, b, c] = K[c, a, b, 0]

Walks through the images as `implicit_gemm` does, with the same tables, and `depthwise_microkernel` in place of
`microkernel`: 6 pixels times two vectors of channels, so that weights are read once for 6 pixels, and what is left of
the channels by 12 pixels times one vector. In the weight gradient the rows are taps, whose sums over some pixels stay
in registers.
"""

import numpy as np
from numba import prange

from ..codegen.depthwise_microkernel import MR_DEPTHWISE, depthwise_microkernel
from ..codegen.microkernel import MR_SINGLE, listed_places
from ..runtime.config import jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import VECTOR_BYTES
from .implicit_gemm import fill
from .plan import (
    BAND,
    BANDS,
    COLS,
    DOWN,
    HEADER,
    HEIGHT,
    IMAGES,
    KERNEL_H,
    KERNEL_W,
    LEFT,
    OWN,
    P_ALONG,
    P_FIRST_A,
    P_FIRST_B,
    P_HIGH,
    P_LENGTH,
    P_RANGES,
    P_RUN_A,
    P_STEP,
    P_STEP_A,
    P_STEP_B,
    P_TABLES,
    P_TAP_A,
    P_TAPS,
    P_WEIGHTS,
    P_WIDE,
    PACKED,
    PHASES,
    RECORD,
    ROWS_OF,
    SCRATCH,
    TARGET,
    TOGETHER,
    TOP,
    UNITS,
    W_BAND,
    W_BANDS,
    W_CHUNKS,
    W_COLS,
    W_DOWN,
    W_HEIGHT,
    W_HIGH,
    W_LEFT,
    W_LINE,
    W_OWN,
    W_PARTIAL,
    W_ROWS,
    W_SCRATCH,
    W_STEP,
    W_TABLE,
    W_TAP,
    W_TOP,
    W_UNITS,
    W_WIDE,
    W_WIDTH,
    W_WINDOW,
    WIDTH,
)

TAPS = 5  # of a tile of the weight gradient: 5 x 2 sums, and with 2 such tiles little waste for 9 taps, none for 25
PIXELS = 64  # at a time there: their part of the source and of G stays in the level-1 cache for all channels


@jit
def depthwise_weights(K, T, g):
    """The weights of all phases with the channel last: (taps, kernel columns, channels)."""
    own, area = g[OWN], g[KERNEL_H] * g[KERNEL_W]
    s = 0
    for phase in range(g[PHASES]):
        f = HEADER + phase * RECORD
        for t in range(g[f + P_TAPS]):
            a = g[f + P_FIRST_A] + t * g[f + P_STEP_A]
            for u in range(g[f + P_ALONG]):
                place = a * g[KERNEL_W] + g[f + P_FIRST_B] + u * g[f + P_STEP_B]
                for c in range(own):
                    T[s + c] = K[c * area + place]
                s += own


@jit
def depthwise_piece(X, T, bias, Y, g, first, last, activation):
    """Blocks first..last-1 of the target of a convolution or of an input gradient; an empty bias means none."""
    S = scratch(g[SCRATCH], X)
    lanes = VECTOR_BYTES // X.itemsize
    own, cols, height = g[OWN], g[COLS], g[ROWS_OF]
    image, size, zero = height * cols * own, g[HEIGHT] * g[WIDTH] * own, np.int64(0)
    pairs, at = own // (2 * lanes), np.int64(0 if bias.size > 0 else -1)
    for unit in range(first, last):
        n0, i0 = unit // g[BANDS] * g[TOGETHER], unit % g[BANDS] * g[BAND]
        images = min(g[TOGETHER], g[IMAGES] - n0)
        for n in range(images):
            fill(
                S, n * image, own, X, (n0 + n) * size, own, own,
                g[HEIGHT], g[WIDTH], i0 * g[DOWN] + g[TOP], g[LEFT], height, cols,
            )  # fmt: skip
        for phase in range(g[PHASES]):
            f = HEADER + phase * RECORD
            rows = min(g[BAND], g[f + P_HIGH] - i0)
            total = images * rows * g[f + P_WIDE]
            tables, length, ranges = g[f + P_TABLES], g[f + P_LENGTH], g[f + P_RANGES]
            target = n0 * g[TARGET] + i0 * g[f + P_STEP]
            for r in range(0, total, MR_SINGLE):
                end = min(r + MR_SINGLE, total) - 1
                lo, hi = zero, g[f + P_TAPS]
                if g[tables + 3 * length + r] == g[tables + 3 * length + end]:
                    lo = g[ranges + i0 + g[tables + 2 * length + end]]
                    hi = g[ranges + g[f + P_HIGH] + i0 + g[tables + 2 * length + r]]
                tap_b = g[f + P_ALONG] * own
                a, b = lo * g[f + P_TAP_A], g[f + P_WEIGHTS] + lo * tap_b
                if pairs > 0:
                    for q in range(r, end + 1, MR_DEPTHWISE):
                        rows_a = listed_places(MR_DEPTHWISE, g, tables + q, total - q, a)
                        rows_c = listed_places(MR_DEPTHWISE, g, tables + length + q, total - q, target)
                        depthwise_microkernel(
                            2, 0, rows_a, rows_c, pairs, zero, hi - lo, g[f + P_ALONG], S, g[f + P_TAP_A],
                            g[f + P_RUN_A], T, b, tap_b, own, Y, zero, bias, at, activation,
                        )  # fmt: skip
                for j in range(2 * lanes * pairs, own, lanes):
                    rest_a = listed_places(MR_SINGLE, g, tables + r, total - r, a + j)
                    rest_c = listed_places(MR_SINGLE, g, tables + length + r, total - r, target + j)
                    also = at + j if at >= 0 else at
                    depthwise_microkernel(
                        1, 1, rest_a, rest_c, 1, min(lanes, own - j), hi - lo, g[f + P_ALONG], S, g[f + P_TAP_A],
                        g[f + P_RUN_A], T, b + j, tap_b, own, Y, zero, bias, also, activation,
                    )  # fmt: skip


@jit
def depthwise(X, K, bias, Y, g, activation):
    """The whole target by one thread."""
    T = scratch(g[PACKED], K)
    depthwise_weights(K.reshape(K.size), T, g)
    depthwise_piece(X.reshape(X.size), T, bias, Y.reshape(Y.size), g, np.int64(0), g[UNITS], activation)
    return True


@parallel_jit
def depthwise_parallel(X, K, bias, Y, g, activation, chunks):
    T = scratch(g[PACKED], K)
    depthwise_weights(K.reshape(K.size), T, g)
    x, y, units = X.reshape(X.size), Y.reshape(Y.size), g[UNITS]
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        depthwise_piece(x, T, bias, y, g, c * units // chunks, (c + 1) * units // chunks, activation)
    return True


@jit
def channel_piece(X, G, D, d, g, first, last, bias):
    """Blocks first..last-1 of the weight gradient, into D (taps + 1, line) from d on; the last row is gbias."""
    S = scratch(g[W_SCRATCH], X)
    lanes, zero, none = VECTOR_BYTES // X.itemsize, np.int64(0), np.int64(-1)
    own, line, taps, Ho, Wo = g[W_OWN], g[W_LINE], g[W_WINDOW], g[W_HIGH], g[W_WIDE]
    sums = D[d + taps * line : d + taps * line + own]
    sums[:] = 0
    if first == last:
        D[d : d + g[W_PARTIAL]] = 0
    some = max(1, PIXELS // Wo)
    for unit in range(first, last):
        n, i0 = unit // g[W_BANDS], unit % g[W_BANDS] * g[W_BAND]
        rows = min(g[W_BAND], Ho - i0)
        upstream = (n * Ho + i0) * Wo * own
        fill(
            S, zero, own, X, n * g[W_HEIGHT] * g[W_WIDTH] * own, own, own, g[W_HEIGHT], g[W_WIDTH],
            i0 * g[W_DOWN] + g[W_TOP], g[W_LEFT], g[W_ROWS], g[W_COLS],
        )  # fmt: skip
        if bias:
            for q in range(upstream, upstream + rows * Wo * own, own):
                values = G[q : q + own]
                for c in range(own):
                    sums[c] += values[c]
        for i in range(0, rows, some):
            number, keep = min(some, rows - i), np.int64(unit > first or i > 0)
            s, y = i * g[W_TAP], upstream + i * Wo * own
            j = zero
            while j < own:
                if own - j >= 2 * lanes:
                    for r in range(0, taps, TAPS):
                        rows_s = listed_places(TAPS, g, g[W_TABLE] + r, taps - r, s + j)
                        rows_d = listed_places(TAPS, g, g[W_TABLE] + taps + r, taps - r, d + j)
                        depthwise_microkernel(
                            2, 0, rows_s, rows_d, 1, zero, number, Wo, S, g[W_TAP], g[W_STEP], G, y + j, Wo * own, own,
                            D, keep, D, none, zero,
                        )  # fmt: skip
                    j += 2 * lanes
                else:
                    for r in range(0, taps, MR_SINGLE):
                        rest_s = listed_places(MR_SINGLE, g, g[W_TABLE] + r, taps - r, s + j)
                        rest_d = listed_places(MR_SINGLE, g, g[W_TABLE] + taps + r, taps - r, d + j)
                        depthwise_microkernel(
                            1, 1, rest_s, rest_d, 1, min(lanes, own - j), number, Wo, S, g[W_TAP], g[W_STEP], G, y + j,
                            Wo * own, own, D, keep, D, none, zero,
                        )  # fmt: skip
                    j += lanes


@jit
def fold_channels(D, g, gK, gbias, keep, keep_bias):
    """gK (channels, taps) and gbias (if it is not empty), or what is added to them: the pieces in order."""
    own, line, taps, size = g[W_OWN], g[W_LINE], g[W_WINDOW], g[W_PARTIAL]
    for c in range(own):
        for t in range(taps + (1 if gbias.size > 0 else 0)):
            value = D[t * line + c]
            for chunk in range(1, g[W_CHUNKS]):
                value += D[chunk * size + t * line + c]
            if t < taps:
                gK[c * taps + t] = gK[c * taps + t] + value if keep else value
            else:
                gbias[c] = gbias[c] + value if keep_bias else value


@jit
def channel_weights(X, G, gK, gbias, g, keep, keep_bias):
    """The whole weight gradient by one thread."""
    D = np.empty(g[W_PARTIAL] * g[W_CHUNKS], X.dtype)
    x, y, units, bias = X.reshape(X.size), G.reshape(G.size), g[W_UNITS], gbias.size > 0
    for c in range(g[W_CHUNKS]):
        channel_piece(x, y, D, c * g[W_PARTIAL], g, c * units // g[W_CHUNKS], (c + 1) * units // g[W_CHUNKS], bias)
    fold_channels(D, g, gK.reshape(gK.size), gbias, keep, keep_bias)


@parallel_jit
def channel_weights_parallel(X, G, gK, gbias, g, keep, keep_bias):
    chunks, size, units, bias = g[W_CHUNKS], g[W_PARTIAL], g[W_UNITS], gbias.size > 0
    D = np.empty(size * chunks, X.dtype)
    x, y = X.reshape(X.size), G.reshape(G.size)
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        channel_piece(x, y, D, c * size, g, c * units // chunks, (c + 1) * units // chunks, bias)
    fold_channels(D, g, gK.reshape(gK.size), gbias, keep, keep_bias)
