"""Depthwise convolution (groups = channels, one filter each): no sum over channels, so vectors of channels everywhere.

      Y[n, i, j, :] = bias + Σ_ab Xpad[n, i sh + a dh, j sw + b dw, :] * T[a, b, :]       T[a, b, c] = K[c, a, b, 0]

Walks through the images as `implicit_gemm` does, with the same tables, and `depthwise_microkernel` in place of
`microkernel`: 6 pixels times two vectors of channels, so that weights are read once for 6 pixels, and what is left of
the channels by 12 pixels times one vector. In the weight gradient the rows are taps, whose sums over some pixels stay
in registers.
"""

import numpy as np
from numba import prange

from ..codegen.copies import flat
from ..codegen.depthwise_microkernel import MR_DEPTHWISE, depthwise_microkernel
from ..codegen.function_pointer import call
from ..codegen.microkernel import MR_SINGLE, listed_places
from ..runtime.config import NOWHERE, ONE, ZERO, inlined_jit, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import VECTOR_BYTES
from .source_block import fill_block
from .weight_gradient import add_sums, room_for_total

WEIGHT_TILE_TAPS = 5  # 5 x 2 sums in registers, and with 2 such tiles little waste for 9 taps, none for 25
WEIGHT_TILE_PIXELS = 64  # at a time there: their part of the source and of G stays in level 1 for all channels


@jit
def pack_channels(K, T, plan, phases):
    """The weights of all phases with the channel last: (taps, kernel columns, channels)."""
    p = plan[0]
    own, area = p.channels_per_group, p.kernel_height * p.kernel_width
    s = 0
    for phase in range(phases.size):
        f = phases[phase]
        for t in range(f.taps):
            a = f.kernel_row + t * f.kernel_row_step
            for u in range(f.taps_per_row):
                place = a * p.kernel_width + f.kernel_column + u * f.kernel_column_step
                for c in range(own):
                    T[s + c] = K[c * area + place]
                s += own


@inlined_jit
def multiply_channels(S, T, bias, Y, p, f, tables, row, pixels, target, activation):
    """The pixels of a phase in a block, whose source is in the scratch, all channels."""
    lanes, own = VECTOR_BYTES // S.itemsize, p.channels_per_group
    pairs, at = own // (2 * lanes), np.int64(0 if bias.size > 0 else -1)
    k, tap_a, run_a, tap_b = f.taps_per_row, f.tap_stride, f.run_stride, f.taps_per_row * own
    window_places, pixel_places, pixel_rows = f.window_places, f.pixel_places, f.pixel_rows
    pixel_images, first_taps, end_taps = f.pixel_images, f.first_taps + row, f.end_taps + row
    for r in range(0, pixels, MR_SINGLE):
        end = min(r + MR_SINGLE, pixels) - 1
        lo, hi = ZERO, f.taps
        if tables[pixel_images + r] == tables[pixel_images + end]:  # kernel rows that lie in the padding are left out
            lo, hi = tables[first_taps + tables[pixel_rows + end]], tables[end_taps + tables[pixel_rows + r]]
        a, b = lo * tap_a, f.weights + lo * tap_b
        if pairs > 0:
            for q in range(r, end + 1, MR_DEPTHWISE):
                rows_a = listed_places(MR_DEPTHWISE, tables, window_places + q, pixels - q, a)
                rows_c = listed_places(MR_DEPTHWISE, tables, pixel_places + q, pixels - q, target)
                depthwise_microkernel(
                    2, 0, rows_a, rows_c, pairs, ZERO, hi - lo, k, S, tap_a, run_a, T, b, tap_b, own,
                    Y, ZERO, bias, at, activation,
                )  # fmt: skip
        for j in range(2 * lanes * pairs, own, lanes):
            rest_a = listed_places(MR_SINGLE, tables, window_places + r, pixels - r, a + j)
            rest_c = listed_places(MR_SINGLE, tables, pixel_places + r, pixels - r, target + j)
            also = at + j if at >= 0 else at
            depthwise_microkernel(
                1, 1, rest_a, rest_c, 1, min(lanes, own - j), hi - lo, k, S, tap_a, run_a, T, b + j, tap_b, own,
                Y, ZERO, bias, also, activation,
            )  # fmt: skip


@jit
def depthwise_piece(X, T, bias, Y, plan, phases, tables, first, last, activation):
    """Blocks first..last-1 of the target of a convolution or of an input gradient; an empty bias means none."""
    p = plan[0]
    S, own = scratch(p.scratch_size, X), p.channels_per_group
    for block in range(first, last):
        image, row = block // p.blocks_per_image * p.images_per_block, block % p.blocks_per_image * p.rows_per_block
        images = min(p.images_per_block, p.images - image)
        fill_block(S, own, X, own, own, p, image, images, row, ZERO)
        for phase in range(phases.size):
            f = phases[phase]
            pixels = images * min(p.rows_per_block, f.height - row) * f.width
            target = image * p.target_size + row * f.row_step
            multiply_channels(S, T, bias, Y, p, f, tables, row, pixels, target, activation)


@jit
def depthwise(X, K, bias, Y, plan, phases, tables, activation):
    """The whole target by one thread."""
    p = plan[0]
    T = scratch(p.packed_size, K)
    pack_channels(flat(K), T, plan, phases)
    x, y = flat(X), flat(Y)
    depthwise_piece(x, T, bias, y, plan, phases, tables, ZERO, p.blocks, activation)
    return True


@parallel_jit
def depthwise_parallel(piece, X, K, bias, Y, plan, phases, tables, activation):
    """`depthwise` by all threads; `piece` is where the code of `depthwise_piece` lies."""
    p = plan[0]
    T = scratch(p.packed_size, K)
    pack_channels(flat(K), T, plan, phases)
    x, y, blocks, chunks = flat(X), flat(Y), p.blocks, p.chunks
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        first, last = c * blocks // chunks, (c + 1) * blocks // chunks
        call(piece, (x, T, bias, y, plan, phases, tables, first, last, activation))
    return True


@inlined_jit
def sum_taps(S, G, y, D, d, p, tables, rows, add):
    """The sums of all taps and channels over `rows` rows of the output, whose source is in the scratch, from y on in G.

    They are added to D from d on, which with `add` = 0 counts as 0.
    """
    lanes = VECTOR_BYTES // S.itemsize
    own, taps, k = p.channels_per_group, p.window_size, p.output_width
    tap, step, line = p.sum_row_stride, p.sum_pixel_stride, k * own
    some = max(1, WEIGHT_TILE_PIXELS // k)
    for i in range(0, rows, some):
        number, keep, s, g = min(some, rows - i), np.int64(add > 0 or i > 0), i * tap, y + i * line
        pairs = own // (2 * lanes)
        for j in range(0, 2 * lanes * pairs, 2 * lanes):
            for r in range(0, taps, WEIGHT_TILE_TAPS):
                rows_s = listed_places(WEIGHT_TILE_TAPS, tables, r, taps - r, s + j)
                rows_d = listed_places(WEIGHT_TILE_TAPS, tables, taps + r, taps - r, d + j)
                depthwise_microkernel(
                    2, 0, rows_s, rows_d, 1, ZERO, number, k, S, tap, step, G, g + j, line, own,
                    D, keep, D, NOWHERE, ZERO,
                )  # fmt: skip
        for j in range(2 * lanes * pairs, own, lanes):
            for r in range(0, taps, MR_SINGLE):
                rest_s = listed_places(MR_SINGLE, tables, r, taps - r, s + j)
                rest_d = listed_places(MR_SINGLE, tables, taps + r, taps - r, d + j)
                depthwise_microkernel(
                    1, 1, rest_s, rest_d, 1, min(lanes, own - j), number, k, S, tap, step, G, g + j, line, own,
                    D, keep, D, NOWHERE, ZERO,
                )  # fmt: skip


@jit
def channel_piece(X, G, D, d, plan, tables, first, last, bias):
    """Blocks first..last-1 of the weight gradient, into D (taps + 1, padded filters) from d on; the last row: gbias."""
    p = plan[0]
    S = scratch(p.scratch_size, X)
    own = p.channels_per_group
    ones = d + p.window_size * p.padded_filters
    sums = D[ones : ones + own]
    sums[:] = 0
    if first == last:
        D[d : d + p.partial_size] = 0
    all_sums, total = D[d : d + p.partial_size], room_for_total(p, first, last, X)
    for block in range(first, last):
        in_sum = (block - first) % p.blocks_per_sum
        if block > first and in_sum == 0:
            add_sums(all_sums, total)
            sums[:] = 0
        image, row = block // p.blocks_per_image, block % p.blocks_per_image * p.rows_per_block
        rows = min(p.rows_per_block, p.output_height - row)
        upstream = (image * p.output_height + row) * p.output_width * own
        fill_block(S, own, X, own, own, p, image, ONE, row, ZERO)
        if bias:
            for q in range(upstream, upstream + rows * p.output_width * own, own):
                values = G[q : q + own]
                for c in range(own):
                    sums[c] += values[c]
        sum_taps(S, G, upstream, D, d, p, tables, rows, np.int64(in_sum > 0))
    add_sums(total, all_sums)


@jit
def fold_channels(D, plan, gK, gbias, keep, keep_bias):
    """gK (channels, taps) and gbias (if it is not empty), or what is added to them: the pieces in order."""
    p = plan[0]
    line, taps, size = p.padded_filters, p.window_size, p.partial_size
    for c in range(p.channels_per_group):
        for t in range(taps + (1 if gbias.size > 0 else 0)):
            value = D[t * line + c]
            for chunk in range(1, p.chunks):
                value += D[chunk * size + t * line + c]
            if t < taps:
                gK[c * taps + t] = gK[c * taps + t] + value if keep else value
            else:
                gbias[c] = gbias[c] + value if keep_bias else value


@jit
def channel_weights(X, G, gK, gbias, plan, tables, keep, keep_bias):
    """The whole weight gradient by one thread; with an empty gbias that of the weights alone."""
    p = plan[0]
    D = np.empty(p.partial_size * p.chunks, X.dtype)
    x, y, bias = flat(X), flat(G), np.int64(gbias.size > 0)
    for c in range(p.chunks):
        first, last = c * p.blocks // p.chunks, (c + 1) * p.blocks // p.chunks
        channel_piece(x, y, D, c * p.partial_size, plan, tables, first, last, bias)
    fold_channels(D, plan, flat(gK), gbias, keep, keep_bias)


@parallel_jit
def channel_weights_parallel(piece, X, G, gK, gbias, plan, tables, keep, keep_bias):
    """`channel_weights` by all threads; `piece` is where the code of `channel_piece` lies."""
    p = plan[0]
    chunks, size, blocks, bias = p.chunks, p.partial_size, p.blocks, np.int64(gbias.size > 0)
    D = np.empty(size * chunks, X.dtype)
    x, y = flat(X), flat(G)
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        call(piece, (x, y, D, c * size, plan, tables, c * blocks // chunks, (c + 1) * blocks // chunks, bias))
    fold_channels(D, plan, flat(gK), gbias, keep, keep_bias)
