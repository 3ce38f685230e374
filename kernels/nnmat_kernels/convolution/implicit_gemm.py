"""Convolution of channels-last images and its input gradient: windows of an image times weights, on the register tile.

No patch matrix is made. The rows of a tile are windows that begin anywhere in the scratch image (`plan` lists
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

import numpy as np
from numba import prange

from ..codegen.copies import flat
from ..codegen.function_pointer import call
from ..codegen.microkernel import MR_SINGLE, listed_places, microkernel, row_places
from ..codegen.packing import pack, pack_transposed
from ..runtime.config import NOWHERE, ZERO, inlined_jit, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import MASKS, MR, VECTOR_BYTES
from .source_block import fill_block, finite


@inlined_jit
def pack_merged_pixel(K, P, p, f, e):
    """The weights of pixel e of the merged ones, which sees a window that begins e steps later."""
    width, area, own = 2 * (VECTOR_BYTES // K.itemsize), p.kernel_height * p.kernel_width, p.channels_per_group
    n = p.columns_per_group // p.pixels_per_tile
    step_n, step_own = (area * own, 1) if p.forward else (1, area * n)
    for t in range(f.taps):
        a = f.kernel_row + t * f.kernel_row_step
        for u in range(f.taps_per_row - (p.pixels_per_tile - 1) * p.pixel_stride):
            b = f.kernel_column + u * f.kernel_column_step
            k = (a * p.kernel_width + b) * (own if p.forward else n)
            s = (t * f.taps_per_row + u + e * p.pixel_stride) * own * width + e * n
            for c in range(own):
                for o in range(n):
                    P[s + c * width + o] = K[k + c * step_own + o * step_n]


@jit
def pack_merged(K, bias, P, plan, phases):
    """The weights and the bias of a target with merged pixels: one panel, 0 where a pixel sees nothing."""
    p, f = plan[0], phases[0]
    n = p.columns_per_group // p.pixels_per_tile
    P[: p.panel_size] = 0
    for e in range(p.pixels_per_tile):
        pack_merged_pixel(K, P, p, f, e)
        if bias.size > 0:
            s = p.bias_place + e * n
            for o in range(n):  # an assignment of a slice would compile the text of an error, 1.5 s
                P[s + o] = bias[o]


@inlined_jit
def pack_phase(K, P, s, p, f, filter, column, n):
    """The weights of a phase, turned by 180 degrees: for each tap a row for every filter of the group."""
    width, area, own = 2 * (VECTOR_BYTES // K.itemsize), p.kernel_height * p.kernel_width, p.channels_per_group
    for t in range(f.taps):
        a = f.kernel_row + t * f.kernel_row_step
        for u in range(f.taps_per_row):
            b = f.kernel_column + u * f.kernel_column_step
            place = (filter * area + a * p.kernel_width + b) * p.columns_per_group + column
            pack(2, P, s, K, place, area * p.columns_per_group, n, own)
            s += own * width


@jit
def pack_weights(K, bias, P, plan, phases):
    """The weights as panels: for each group, panel and phase (taps, kernel columns, channels of the source, width).
    Then the bias in as many panels."""
    p = plan[0]
    if p.pixels_per_tile > 1:
        pack_merged(K, bias, P, plan, phases)
        return
    width = 2 * (VECTOR_BYTES // K.itemsize)
    size = p.kernel_height * p.kernel_width * p.channels_per_group
    panels = (p.columns_per_group + width - 1) // width
    for number in range(p.groups * panels):
        group, j = number // panels, number % panels * width
        n, s = min(width, p.columns_per_group - j), number * p.panel_size
        if p.forward:
            pack_transposed(2, P, s, K, (group * p.filters_per_group + j) * size, size, n, size)
        else:
            for phase in range(phases.size):
                f = phases[phase]
                pack_phase(K, P, s + f.weights, p, f, group * p.filters_per_group, j, n)
        if bias.size > 0:
            pack(2, P, p.bias_place + number * width, bias, group * p.columns_per_group + j, width, n, 1)


@inlined_jit
def multiply_run(
    S, P, C, f, tables, row, r0, r1, t0, run, weights, c, narrow, columns, ahead, bias_at, activation
):  # fmt: skip
    """Pixels r0..r1-1 of a block times one run of the panel at `weights`, for some kernel rows from t0 on."""
    width = 2 * (VECTOR_BYTES // S.itemsize)
    single = columns <= width // 2
    height, keep = MR_SINGLE if single else MR, np.int64(t0 > 0 or run > 0)
    k, tap_a, tap_b = f.run_size, f.tap_stride, f.runs * f.run_size * width
    run_a, run_b, t1 = run * f.run_stride, weights + run * f.run_size * width, min(t0 + f.taps_at_once, f.taps)
    window_places, pixel_places, pixel_rows = f.window_places, f.pixel_places, f.pixel_rows
    pixel_images, first_taps, end_taps = f.pixel_images, f.first_taps + row, f.end_taps + row
    for r in range(r0, r1, height):
        rows, end = r1 - r, min(r + height, r1) - 1
        lo, hi = t0, t1
        if tables[pixel_images + r] == tables[pixel_images + end]:  # kernel rows that lie in the padding are left out
            lo = max(lo, tables[first_taps + tables[pixel_rows + end]])
            hi = min(hi, tables[end_taps + tables[pixel_rows + r]])
        a, b = run_a + lo * tap_a, run_b + lo * tap_b
        windows, pixels = window_places + r, pixel_places + r
        if single:
            single_a = listed_places(MR_SINGLE, tables, windows, rows, a)
            if narrow:
                single_c = row_places(MR_SINGLE, (r - r0) * width, width, rows)
            else:
                single_c = listed_places(MR_SINGLE, tables, pixels, rows, c)
            microkernel(
                1, MASKS, single_a, single_c, columns, hi - lo, k, S, tap_a, 1, P, b, tap_b, width,
                C, ahead, keep, P, bias_at, activation,
            )  # fmt: skip
        else:
            rows_a = listed_places(MR, tables, windows, rows, a)
            if narrow:
                rows_c = row_places(MR, (r - r0) * width, width, rows)
            else:
                rows_c = listed_places(MR, tables, pixels, rows, c)
            microkernel(
                2, MASKS, rows_a, rows_c, columns, hi - lo, k, S, tap_a, 1, P, b, tap_b, width,
                C, ahead, keep, P, bias_at, activation,
            )  # fmt: skip


@inlined_jit
def multiply_panel(S, Z, P, with_bias, Y, p, f, tables, image, row, group, j, r0, r1, activation):
    """Pixels r0..r1-1 of a block times the panel of weights for the columns of the group from j on."""
    lanes = VECTOR_BYTES // S.itemsize
    width = 2 * lanes
    columns = min(width, p.columns_per_group - j)
    narrow = not MASKS and columns != width and columns != lanes
    number = group * ((p.columns_per_group + width - 1) // width) + j // width
    bias_at, weights = p.bias_place + number * width if with_bias else NOWHERE, number * p.panel_size + f.weights
    c = image * p.target_size + row * f.row_step + group * p.columns_per_group + j
    C, ahead = (Z, width) if narrow else (Y, p.target_channels)
    ahead *= MR if columns > lanes else MR_SINGLE
    for t0 in range(0, max(f.taps, 1), f.taps_at_once):
        for run in range(max(f.runs, 1)):
            final = t0 + f.taps_at_once >= f.taps and run + 1 >= f.runs
            own_at, own_f = (bias_at, activation) if final else (NOWHERE, ZERO)
            multiply_run(S, P, C, f, tables, row, r0, r1, t0, run, weights, c, narrow, columns, ahead, own_at, own_f)
    if narrow:
        for r in range(r0, r1):
            q, z = c + tables[f.pixel_places + r], (r - r0) * width
            for e in range(columns):
                Y[q + e] = Z[z + e]


@inlined_jit
def multiply_phase(S, Z, P, with_bias, Y, p, f, tables, image, images, row, group, activation):
    """The pixels of one phase in a block, whose source is in the scratch, for one group of channels."""
    width = 2 * (VECTOR_BYTES // S.itemsize)
    pixels = images * min(p.rows_per_block, f.height - row) * f.width
    for r0 in range(0, pixels, f.pixels_at_once):
        r1 = min(r0 + f.pixels_at_once, pixels)
        for j in range(0, p.columns_per_group, width):
            multiply_panel(S, Z, P, with_bias, Y, p, f, tables, image, row, group, j, r0, r1, activation)


@jit
def product_piece(X, P, with_bias, Y, plan, phases, tables, first, last, activation):
    """Blocks first..last-1 of the target; P are the packed weights and the bias."""
    p = plan[0]
    S, Z, own = scratch(p.scratch_size, X), scratch(p.narrow_scratch, X), p.channels_per_group
    for block in range(first, last):
        image, row = block // p.blocks_per_image * p.images_per_block, block % p.blocks_per_image * p.rows_per_block
        images = min(p.images_per_block, p.images - image)
        for group in range(p.groups):
            fill_block(S, own, X, p.source_channels, own, p, image, images, row, group)
            for phase in range(phases.size):
                f = phases[phase]
                multiply_phase(S, Z, P, with_bias, Y, p, f, tables, image, images, row, group, activation)


@jit
def product(X, K, bias, Y, plan, phases, tables, activation):
    """The whole target by one thread; an empty bias means none.

    False, and nothing done, where pixels are merged and X holds inf or NaN.
    """
    p, x, y = plan[0], flat(X), flat(Y)
    if p.pixels_per_tile > 1 and not finite(x):
        return False
    P = scratch(p.packed_size, K)
    pack_weights(flat(K), bias, P, plan, phases)
    product_piece(x, P, np.int64(bias.size > 0), y, plan, phases, tables, ZERO, p.blocks, activation)
    return True


@parallel_jit
def product_parallel(piece, X, K, bias, Y, plan, phases, tables, activation):
    """`product` by all threads; `piece` is where the code of `product_piece` lies."""
    p, x, y, with_bias = plan[0], flat(X), flat(Y), np.int64(bias.size > 0)
    if p.pixels_per_tile > 1 and not finite(x):
        return False
    P = scratch(p.packed_size, K)
    pack_weights(flat(K), bias, P, plan, phases)
    chunks, blocks = p.chunks, p.blocks
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        first, last = c * blocks // chunks, (c + 1) * blocks // chunks
        call(piece, (x, P, with_bias, y, plan, phases, tables, first, last, activation))
    return True
