"""Convolution of channels-last images and its input gradient: windows of an image times weights, on the register tile.

No patch matrix is made. The rows of a tile are windows that begin anywhere in the scratch image (`image_plan` lists
their places), the inner sum runs over the kernel's rows (`taps`) and over the kw C numbers of each, which lie in a run:

      weights of 16 filters            kh x kw C x 16, packed once per call
                                    +----+
      scratch   ....[=====]....  a  |    |  kw C
                ....[=====]....     +----+
                ....[=====]....  b  |    |      + bias, ReLU on registers     -> 6 pixels x 16 filters of the target
                                    +----+

Kernel rows that see padding only are left out for tiles of one image row, elsewhere zeros are multiplied. An input
gradient is the same product over G, with the kernel turned by 180° and its channels exchanged, once for each phase.
"""

import functools

import numpy as np
from numba import int64, prange

from ..codegen.function_pointer import address, call, flat_of
from ..codegen.microkernel import MR_SINGLE, listed_places, microkernel, row_places
from ..codegen.packing import pack, pack_transposed
from ..runtime.config import inlined_jit, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import MASKS, MR, VECTOR_BYTES
from .plan import (
    ABREAST,
    APART,
    BAND,
    BANDS,
    BESIDE,
    BIASES,
    CHANNELS,
    COLS,
    DOWN,
    FILTERS,
    GROUPS,
    HEADER,
    HEIGHT,
    IMAGES,
    KERNEL_H,
    KERNEL_W,
    LEFT,
    OWN,
    P_ALONG,
    P_AT_ONCE,
    P_BLOCK,
    P_FIRST_A,
    P_FIRST_B,
    P_HIGH,
    P_LENGTH,
    P_RANGES,
    P_RUN,
    P_RUN_A,
    P_RUNS,
    P_STEP,
    P_STEP_A,
    P_STEP_B,
    P_TABLES,
    P_TAP_A,
    P_TAPS,
    P_WEIGHTS,
    P_WIDE,
    PACKED,
    PER_PANEL,
    PHASES,
    PIXEL,
    RECORD,
    ROWS_OF,
    SCRATCH,
    TARGET,
    TOGETHER,
    TOP,
    TURNED,
    UNITS,
    WIDE,
    WIDTH,
)


@inlined_jit
def fill(S, s, pixel_s, X, x, pixel_x, own, H, W, top, left, rows, cols):
    """A window of an image, `rows` x `cols` pixels of `own` channels from (top, left) on; 0 outside the image."""
    zero = X.dtype.type(0)
    before, inside = min(max(-left, 0), cols), min(max(W - left, 0), cols)
    for r in range(rows):
        y, q = top + r, s + r * cols * pixel_s
        if y < 0 or y >= H or inside <= before:
            for c in range(cols):
                part = S[q + c * pixel_s : q + c * pixel_s + own]
                for e in range(own):
                    part[e] = zero
            continue
        source = x + (y * W + left) * pixel_x
        for c in range(before):
            part = S[q + c * pixel_s : q + c * pixel_s + own]
            for e in range(own):
                part[e] = zero
        if pixel_s == own and pixel_x == own:
            count = (inside - before) * own
            part = S[q + before * own : q + inside * own]
            values = X[source + before * own : source + inside * own]
            for e in range(count):
                part[e] = values[e]
        elif own == 1:
            for c in range(before, inside):
                S[q + c * pixel_s] = X[source + c * pixel_x]
        else:
            for c in range(before, inside):
                part = S[q + c * pixel_s : q + c * pixel_s + own]
                values = X[source + c * pixel_x : source + c * pixel_x + own]
                for e in range(own):
                    part[e] = values[e]
        for c in range(inside, cols):
            part = S[q + c * pixel_s : q + c * pixel_s + own]
            for e in range(own):
                part[e] = zero


@inlined_jit
def finite(x):
    """Whether all numbers are: 0 times any other one is NaN."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x.dtype.type(0)
    return total == 0


@jit
def pack_abreast(K, bias, P, g):
    """The weights and the bias of a target whose pixels are taken several together: one panel, 0 where none is."""
    width, area, own, pixels = 2 * (VECTOR_BYTES // K.itemsize), g[KERNEL_H] * g[KERNEL_W], g[OWN], g[ABREAST]
    n, f = g[WIDE] // pixels, HEADER
    taps, along = g[f + P_TAPS], g[f + P_ALONG]
    step_n, step_own = (area * own, 1) if g[TURNED] else (1, area * n)
    P[: taps * along * own * width] = 0
    for e in range(pixels):
        for t in range(taps):
            a = g[f + P_FIRST_A] + t * g[f + P_STEP_A]
            for u in range(along - (pixels - 1) * g[APART]):
                b = g[f + P_FIRST_B] + u * g[f + P_STEP_B]
                k = (a * g[KERNEL_W] + b) * (own if g[TURNED] else n)
                s = (t * along + u + e * g[APART]) * own * width + e * n
                for c in range(own):
                    for o in range(n):
                        P[s + c * width + o] = K[k + c * step_own + o * step_n]
        if bias.size > 0:
            s = g[BIASES] + e * n
            P[s : s + n] = bias


@jit
def pack_weights(K, bias, P, g):
    """The weights as panels: for each group, panel and phase (taps, kernel columns, channels of the source, width).
    Then the bias in as many panels."""
    if g[ABREAST] > 1:
        pack_abreast(K, bias, P, g)
        return
    width, area = 2 * (VECTOR_BYTES // K.itemsize), g[KERNEL_H] * g[KERNEL_W]
    own, wide, filters = g[OWN], g[WIDE], g[FILTERS]
    s = np.int64(0)
    for group in range(g[GROUPS]):
        for j in range(0, wide, width):
            n = min(width, wide - j)
            if g[TURNED]:
                k = area * own
                pack_transposed(2, P, s, K, (group * filters + j) * k, k, n, k)
                s += g[PER_PANEL]
                continue
            for phase in range(g[PHASES]):
                f = HEADER + phase * RECORD
                for t in range(g[f + P_TAPS]):
                    a = g[f + P_FIRST_A] + t * g[f + P_STEP_A]
                    for u in range(g[f + P_ALONG]):
                        b = g[f + P_FIRST_B] + u * g[f + P_STEP_B]
                        place = ((group * filters) * area + a * g[KERNEL_W] + b) * wide + j
                        pack(2, P, s, K, place, area * wide, n, own)
                        s += own * width
    if bias.size > 0:
        s = g[BIASES]
        for group in range(g[GROUPS]):
            for j in range(0, wide, width):
                pack(2, P, s, bias, group * wide + j, width, min(width, wide - j), 1)
                s += width


@jit
def product_piece(X, P, with_bias, Y, g, first, last, activation):
    """Blocks first..last-1 of the target; P are the packed weights and the bias."""
    S, Z = scratch(g[SCRATCH], X), scratch(g[BESIDE], X)
    lanes = VECTOR_BYTES // X.itemsize
    width = 2 * lanes
    own, wide, cols, height = g[OWN], g[WIDE], g[COLS], g[ROWS_OF]
    image, size = height * cols * own, g[HEIGHT] * g[WIDTH] * g[CHANNELS]
    zero, none = np.int64(0), np.int64(-1)  # a literal would be a signature of its own to Numba
    for unit in range(first, last):
        n0, i0 = unit // g[BANDS] * g[TOGETHER], unit % g[BANDS] * g[BAND]
        images = min(g[TOGETHER], g[IMAGES] - n0)
        for group in range(g[GROUPS]):
            for n in range(images):
                fill(
                    S, n * image, own, X, (n0 + n) * size + group * own, g[CHANNELS], own,
                    g[HEIGHT], g[WIDTH], i0 * g[DOWN] + g[TOP], g[LEFT], height, cols,
                )  # fmt: skip
            for phase in range(g[PHASES]):
                f = HEADER + phase * RECORD
                total = images * min(g[BAND], g[f + P_HIGH] - i0) * g[f + P_WIDE]
                taps, runs, k, at_once = g[f + P_TAPS], g[f + P_RUNS], g[f + P_RUN], g[f + P_AT_ONCE]
                tables, length, ranges = g[f + P_TABLES], g[f + P_LENGTH], g[f + P_RANGES]
                tap_a, tap_b, run_a = g[f + P_TAP_A], runs * k * width, g[f + P_RUN_A]
                for r0 in range(0, total, g[f + P_BLOCK]):
                    r1 = min(r0 + g[f + P_BLOCK], total)
                    for j in range(0, wide, width):
                        left = min(width, wide - j)
                        high = MR if left > lanes else MR_SINGLE
                        narrow = not MASKS and left != width and left != lanes
                        number = group * ((wide + width - 1) // width) + j // width
                        at = g[BIASES] + number * width if with_bias else none
                        weights = number * g[PER_PANEL] + g[f + P_WEIGHTS]
                        c = n0 * g[TARGET] + i0 * g[f + P_STEP] + group * wide + j
                        C, ahead = (Z, high * width) if narrow else (Y, high * g[PIXEL])
                        for t0 in range(0, max(taps, 1), at_once):
                            for run in range(max(runs, 1)):
                                final = t0 + at_once >= taps and run + 1 >= runs
                                keep = np.int64(t0 > 0 or run > 0)
                                own_at, own_f = (at, activation) if final else (none, zero)
                                for r in range(r0, r1, high):
                                    end = min(r + high, r1) - 1
                                    lo, hi = t0, min(t0 + at_once, taps)
                                    if g[tables + 3 * length + r] == g[tables + 3 * length + end]:
                                        lo = max(lo, g[ranges + i0 + g[tables + 2 * length + end]])
                                        hi = min(hi, g[ranges + g[f + P_HIGH] + i0 + g[tables + 2 * length + r]])
                                    a, b = run * run_a + lo * tap_a, weights + lo * tap_b + run * k * width
                                    here, there = tables + r, tables + length + r
                                    if left > lanes:
                                        rows_a = listed_places(MR, g, here, r1 - r, a)
                                        if narrow:
                                            rows_c = row_places(MR, (r - r0) * width, width, r1 - r)
                                        else:
                                            rows_c = listed_places(MR, g, there, r1 - r, c)
                                        microkernel(
                                            2, MASKS, rows_a, rows_c, left, hi - lo, k, S, tap_a, 1, P, b, tap_b, width,
                                            C, ahead, keep, P, own_at, own_f,
                                        )  # fmt: skip
                                    else:
                                        many_a = listed_places(MR_SINGLE, g, here, r1 - r, a)
                                        if narrow:
                                            many_c = row_places(MR_SINGLE, (r - r0) * width, width, r1 - r)
                                        else:
                                            many_c = listed_places(MR_SINGLE, g, there, r1 - r, c)
                                        microkernel(
                                            1, MASKS, many_a, many_c, left, hi - lo, k, S, tap_a, 1, P, b, tap_b, width,
                                            C, ahead, keep, P, own_at, own_f,
                                        )  # fmt: skip
                        if narrow:
                            for r in range(r0, r1):
                                q, z = c + g[tables + length + r], (r - r0) * width
                                for e in range(left):
                                    Y[q + e] = Z[z + e]


@jit
def product(X, K, bias, Y, g, activation):
    """The whole target by one thread; an empty bias means none. False, and nothing done, where g needs a finite X."""
    x, y = X.reshape(X.size), Y.reshape(Y.size)
    if g[ABREAST] > 1 and not finite(x):
        return False
    P = scratch(g[PACKED], K)
    pack_weights(K.reshape(K.size), bias, P, g)
    product_piece(x, P, np.int64(bias.size > 0), y, g, np.int64(0), g[UNITS], activation)
    return True


@parallel_jit
def _product_parallel(X, K, bias, Y, g, activation, chunks, piece):
    x, y, units, with_bias = X.reshape(X.size), Y.reshape(Y.size), g[UNITS], np.int64(bias.size > 0)
    if g[ABREAST] > 1 and not finite(x):
        return False
    P = scratch(g[PACKED], K)
    pack_weights(K.reshape(K.size), bias, P, g)
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        call(piece, (x, P, with_bias, y, g, c * units // chunks, (c + 1) * units // chunks, activation))
    return True


def product_parallel(X, K, bias, Y, g, activation, chunks) -> bool:
    """`product` by all threads, in so many pieces."""
    return _product_parallel(X, K, bias, Y, g, activation, chunks, _piece(X.dtype))


@functools.cache
def _piece(dtype):
    kind, number = flat_of(dtype), int64
    return address(product_piece, kind, kind, number, kind, number[::1], number, number, number)
