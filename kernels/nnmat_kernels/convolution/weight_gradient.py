"""The weight gradient of a convolution, and its bias gradient, on the register tile.

      gK[o, (a, b, c)] = Σ_pixels Xpad[pixel + place of (a, b, c)] G[pixel, o]        gbias[o] = Σ_pixels 1 G[pixel, o]

The rows of a tile are the numbers (a, b, c) of a window, and one more that stands on ones; its columns are filters; the
sum runs over the pixels of an image. The transposed gradient is summed up: (window, filters), for each piece of the
work on its own; the pieces are added in order and transposed at the end. Where they end depends on the shapes alone.
"""

import numpy as np
from numba import prange

from ..codegen.copies import flat
from ..codegen.function_pointer import call
from ..codegen.microkernel import MR_SINGLE, listed_places, microkernel
from ..codegen.packing import pack
from ..runtime.config import NOWHERE, ONE, ZERO, inlined_jit, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import MR, MR_SMALL, VECTOR_BYTES
from .source_block import fill_block


@inlined_jit
def room_for_total(p, first, last, X):
    """Zeros, to which the sums of blocks first..last-1 are added; nothing where the blocks are one sum."""
    return np.zeros(p.partial_size if last - first > p.blocks_per_sum else ZERO, X.dtype)


@jit
def add_sums(source, target):
    """target += source, if the source has elements."""
    for t in range(source.size):
        target[t] += source[t]


@inlined_jit
def multiply_windows(S, B, b, step_b, D, d, p, tables, wide, count, rows, keep):
    """All rows of a panel of the sums D from d on: `count` numbers of a window, over `rows` rows of the output.

    B is G, or a panel of it, with `step_b` numbers from pixel to pixel; the panel is one vector wide, or two if `wide`.
    """
    high = MR if wide else MR_SINGLE
    listed, k, tap_b = p.window_size + 1, p.output_width, p.output_width * step_b
    tap, step = p.sum_row_stride, p.sum_pixel_stride
    r = ZERO
    while r < count:
        left = count - r
        # Rows that tiles compute: with the smallest ones only, and with a single-vector one before.
        by_small = (left + MR_SMALL - 1) // MR_SMALL * MR_SMALL
        by_single = high + (max(left - high, 0) + MR_SMALL - 1) // MR_SMALL * MR_SMALL
        if not wide and (left <= MR_SMALL or (left < 2 * high and by_small < by_single)):
            small_a = listed_places(MR_SMALL, tables, r, left, ZERO)
            small_c = listed_places(MR_SMALL, tables, listed + r, left, d)
            microkernel(
                1, 0, small_a, small_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, NOWHERE, ZERO
            )  # fmt: skip
            r += MR_SMALL
        elif wide:
            rows_a = listed_places(MR, tables, r, left, ZERO)
            rows_c = listed_places(MR, tables, listed + r, left, d)
            microkernel(
                2, 0, rows_a, rows_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, NOWHERE, ZERO
            )  # fmt: skip
            r += MR
        else:
            single_a = listed_places(MR_SINGLE, tables, r, left, ZERO)
            single_c = listed_places(MR_SINGLE, tables, listed + r, left, d)
            microkernel(
                1, 0, single_a, single_c, 0, rows, k, S, tap, step, B, b, tap_b, step_b, D, 0, keep, D, NOWHERE, ZERO
            )  # fmt: skip
            r += MR_SINGLE


@inlined_jit
def sum_group(S, G, T, D, d, p, tables, pixel, rows, group, keep, bias):
    """The sums of one group over `rows` rows of the output, whose source is in the scratch; G from its `pixel` on."""
    lanes = VECTOR_BYTES // S.itemsize
    filters, width = p.filters_per_group, p.filters_per_group * p.groups
    panel = max(1, min(p.padded_filters, 2 * lanes))
    target = d + group * (p.window_size + 1) * p.padded_filters
    for j in range(0, p.padded_filters, panel):
        B, b, step_b = G, pixel * width + group * filters + j, width
        if not p.direct:
            if panel > lanes:
                pack(2, T, ZERO, G, b, width, min(panel, filters - j), rows * p.output_width)
            else:
                pack(1, T, ZERO, G, b, width, filters, rows * p.output_width)
            B, b, step_b = T, ZERO, panel
        multiply_windows(S, B, b, step_b, D, target + j, p, tables, panel > lanes, p.window_size + bias, rows, keep)


@jit
def weights_piece(X, G, D, d, plan, tables, first, last, bias):
    """Blocks first..last-1, into the sums D (groups, window + 1, padded filters) from d on; with `bias` the row of ones
    too."""
    p = plan[0]
    S = scratch(p.scratch_size, X)
    S[:] = 1
    if first == last:
        D[d : d + p.partial_size] = 0
    T = scratch(0 if p.direct else p.rows_per_block * p.output_width * 2 * (VECTOR_BYTES // X.itemsize), X)
    sums, total = D[d : d + p.partial_size], room_for_total(p, first, last, X)
    for block in range(first, last):
        in_sum = (block - first) % p.blocks_per_sum
        if block > first and in_sum == 0:
            add_sums(sums, total)
        image, row = block // p.blocks_per_image, block % p.blocks_per_image * p.rows_per_block
        rows = min(p.rows_per_block, p.output_height - row)
        pixel, keep = (image * p.output_height + row) * p.output_width, np.int64(in_sum > 0)
        for group in range(p.groups):
            fill_block(S, p.scratch_pixel, X, p.source_channels, p.channels_per_group, p, image, ONE, row, group)
            sum_group(S, G, T, D, d, p, tables, pixel, rows, group, keep, bias)
    add_sums(total, sums)


@inlined_jit
def fold_merged(D, p):
    """The sums over merged pixels, added at the places of one pixel's: gives the length of its window."""
    line, pixels = p.padded_filters, p.pixels_per_tile
    filters = p.filters_per_group // pixels
    to = ZERO
    for first in range(0, p.window_size + 1, p.merged_run_size):
        ones = first == p.window_size
        for m in range(first, first + (1 if ones else p.run_size)):
            for o in range(filters):
                value = D[m * line + o]
                for e in range(1, pixels):
                    value += D[(m + (0 if ones else e * p.pixel_stride)) * line + e * filters + o]
                D[to * line + o] = value
            to += 1
    return to - 1


@jit
def fold_weights(D, plan, gK, gbias, keep, keep_bias):
    """gK (Co, window) and gbias (if it is not empty), or what is added to them: the sum of all pieces, transposed."""
    p = plan[0]
    window, filters, line, size = p.window_size, p.filters_per_group, p.padded_filters, p.partial_size
    for chunk in range(1, p.chunks):
        part = D[chunk * size : (chunk + 1) * size]
        for t in range(size):
            D[t] += part[t]
    if p.pixels_per_tile > 1:
        window, filters = fold_merged(D, p), filters // p.pixels_per_tile
    for group in range(p.groups):
        for m0 in range(0, window, 16):  # parts of the transpose that fit the level-1 cache
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
def weights(X, G, gK, gbias, plan, tables, keep, keep_bias):
    """The whole gradient by one thread; with an empty gbias that of the weights alone."""
    p = plan[0]
    D = np.empty(p.partial_size * p.chunks, X.dtype)
    x, y, bias = flat(X), flat(G), np.int64(gbias.size > 0)
    for c in range(p.chunks):
        first, last = c * p.blocks // p.chunks, (c + 1) * p.blocks // p.chunks
        weights_piece(x, y, D, c * p.partial_size, plan, tables, first, last, bias)
    fold_weights(D, plan, flat(gK), gbias, keep, keep_bias)


@parallel_jit
def weights_parallel(piece, X, G, gK, gbias, plan, tables, keep, keep_bias):
    """`weights` by all threads; `piece` is where the code of `weights_piece` lies."""
    p = plan[0]
    chunks, size, blocks, bias = p.chunks, p.partial_size, p.blocks, np.int64(gbias.size > 0)
    D = np.empty(size * chunks, X.dtype)
    x, y = flat(X), flat(G)
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        call(piece, (x, y, D, c * size, plan, tables, c * blocks // chunks, (c + 1) * blocks // chunks, bias))
    fold_weights(D, plan, flat(gK), gbias, keep, keep_bias)
