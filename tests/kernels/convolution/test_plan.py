"""Plans against a walk through the images: every pixel once, every window where it should be."""

import numpy as np
import pytest

from nnmat_kernels.codegen.microkernel import MR_SINGLE
from nnmat_kernels.convolution.axes import backward_axes, forward_axes
from nnmat_kernels.convolution.plan import (
    CONV_CHUNKS,
    PARTIAL_GRADIENTS,
    PHASE,
    PLAN,
    SCRATCH_BYTES,
    SHARED_BLOCKS,
    WEIGHT_PLAN,
    is_depthwise,
    plan,
    seen_pixels,
    weight_plan,
)
from nnmat_kernels.geometry import window
from nnmat_kernels.runtime.target import MR
from tests.kernels.convolution.configurations import CONFIGURATIONS, LARGE, dtypes

everything = pytest.mark.parametrize("configuration", [*CONFIGURATIONS, *LARGE])


def operation(configuration):
    """The window, filters and groups."""
    shape, (filters, *kernel, _), *options, groups = configuration
    return window("test", shape, kernel, *options), filters, groups


def test_fields_are_read_by_name():
    for kind in (PLAN, PHASE, WEIGHT_PLAN):
        records = np.zeros(2, kind)
        for value, name in enumerate(kind.names):
            setattr(records[1], name, value)
        assert [getattr(records[1], name) for name in kind.names] == [*range(len(kind.names))]
        assert not any(records[0])
        assert kind.isalignedstruct


def test_fields_of_a_known_convolution():
    w, filters, groups = operation(((2, 20, 21, 4), (6, 3, 5, 2), (2, 1), (1, 2), 1, 2))
    sizes, phases, _ = plan(w, filters, groups, np.float32, False)
    p, f = sizes[0], phases[0]
    assert len(sizes) == len(phases) == 1
    assert (p.images, p.forward, p.groups, p.channels_per_group, p.columns_per_group) == (2, 1, 2, 2, 3)
    assert (p.source_height, p.source_width, p.source_channels) == (20, 21, 4)
    assert (p.target_size, p.target_channels, p.filters_per_group) == (10 * 21 * 6, 6, 3)
    assert (p.row_stride, p.first_row, p.first_column) == (2, -1, -2)
    assert (p.scratch_columns, p.scratch_rows) == (25, (p.rows_per_block - 1) * 2 + 3)
    assert (p.pixels_per_tile, p.pixel_stride) == (1, 1)
    assert (f.height, f.width, f.row_step, f.taps, f.taps_per_row) == (10, 21, 21 * 6, 3, 5)
    assert (f.runs, f.run_size, f.tap_stride) == (1, 5 * 2, 25 * 2)
    assert (f.kernel_row, f.kernel_row_step, f.kernel_column, f.kernel_column_step) == (0, 1, 0, 1)
    p = plan(w, filters, groups, np.float32, True).sizes[0]
    assert (p.forward, p.source_height, p.source_width, p.source_channels, p.target_channels) == (0, 10, 21, 6, 4)


@pytest.mark.parametrize("gradient", [False, True])
@everything
def test_every_pixel_has_its_windows(configuration, gradient):
    """Over all blocks each target pixel is listed once, and each of its taps is where the axes say."""
    w, filters, groups = operation(configuration)
    sizes, phases, tables = plan(w, filters, groups, np.float32, gradient, merge=False)
    p = sizes[0]
    if gradient:
        vertical = backward_axes(w.H, w.kh, w.sh, w.ph, w.dh)
        horizontal, width, height = backward_axes(w.W, w.kw, w.sw, w.pw, w.dw), w.W, w.H
    else:
        seen, *skips = seen_pixels(w)
        assert (p.row_skip, p.column_skip) == tuple(skips)
        vertical = forward_axes(w.Ho, w.kh, seen.sh, w.ph, w.dh)
        horizontal, width, height = forward_axes(w.Wo, w.kw, seen.sw, w.pw, w.dw), w.Wo, w.Ho
    found = []
    axes = [(v, h) for v in vertical for h in horizontal]
    for block in range(p.blocks if p.target_channels else 0):
        image, row = block // p.blocks_per_image * p.images_per_block, block % p.blocks_per_image * p.rows_per_block
        images = min(p.images_per_block, p.images - image)
        for f, (v, h) in zip(phases, axes, strict=True):
            r = np.arange(images * max(0, min(p.rows_per_block, f.height - row)) * f.width)
            pixel = image * p.target_size + row * f.row_step + tables[f.pixel_places + r]
            found.append(pixel // p.target_channels)
            n, i = tables[f.pixel_images + r], tables[f.pixel_rows + r]
            x = pixel // p.target_channels % width
            if not (f.taps and f.taps_per_row and p.channels_per_group):
                continue
            place = tables[f.window_places + r]  # (image of the block, row, column, 0) in the scratch
            assert (place % p.channels_per_group == 0).all()
            line, column = np.divmod(place // p.channels_per_group, p.scratch_columns)
            own, line = np.divmod(line, p.scratch_rows)
            np.testing.assert_array_equal(own, n)
            np.testing.assert_array_equal(row * p.row_stride + p.first_row + line, (row + i) * v.stride + v.start)
            np.testing.assert_array_equal(p.first_column + column, (x - h.first) // h.step * h.stride + h.start)
            assert (
                place + (f.taps - 1) * f.tap_stride + (f.runs - 1) * f.run_stride + f.run_size <= p.scratch_size
            ).all()
            first, end = (tables[at : at + f.height] for at in (f.first_taps, f.end_taps))
            np.testing.assert_array_equal((first, end), v.taps_inside(p.source_height))
    pixels = np.sort(np.concatenate(found)) if found else np.empty(0, int)
    np.testing.assert_array_equal(pixels, np.arange(w.B * height * width if p.target_channels else 0))


@dtypes
@pytest.mark.parametrize("gradient", [False, True])
@everything
def test_blocks_fit_the_cache_and_are_cut_by_the_shape(configuration, gradient, dtype):
    w, filters, groups = operation(configuration)
    p = plan(w, filters, groups, dtype, gradient).sizes[0]
    assert p.chunks == min(CONV_CHUNKS, p.blocks)
    assert p.images_per_block == 1 or p.blocks_per_image == 1
    whole = p.images_per_block * p.scratch_rows * p.scratch_columns * p.channels_per_group * np.dtype(dtype).itemsize
    assert whole <= SCRATCH_BYTES or p.rows_per_block == 1 or p.images_per_block == 1
    assert p.target_channels == p.groups * p.columns_per_group
    assert p.pixels_per_tile == 1 or p.columns_per_group <= 64 // np.dtype(dtype).itemsize


def test_one_pixel_with_a_stride_sees_pixels_apart():
    w, *_ = operation(((3, 7, 8, 7), (3, 1, 1, 7), (2, 3), 0, 1, 1))
    assert seen_pixels(w) == (w._replace(H=4, W=3, sh=1, sw=1), 2, 3)
    assert weight_plan(w, 3, 1, np.float32).sizes[0].scratch_columns == 3
    for configuration in [((3, 7, 8, 7), (3, 1, 1, 7), 2, 1, 1, 1), ((3, 7, 8, 7), (3, 2, 1, 7), 2, 0, 1, 1)]:
        w, *_ = operation(configuration)
        assert seen_pixels(w) == (w, 1, 1)


def test_depthwise_is_one_filter_for_each_channel():
    for configuration in [*CONFIGURATIONS, *LARGE]:
        w, filters, groups = operation(configuration)
        assert is_depthwise(w, filters, groups) == (groups == w.C == filters)
        if is_depthwise(w, filters, groups):
            assert plan(w, filters, groups, np.float32, False).sizes[0].groups == 1
            assert weight_plan(w, filters, groups, np.float32).sizes[0].groups == 1
            assert plan(w, filters, groups, np.float32, True).sizes[0].channels_per_group == w.C


@dtypes
@everything
def test_numbers_of_a_window_and_their_sums(configuration, dtype):
    w, filters, groups = operation(configuration)
    depthwise = is_depthwise(w, filters, groups)
    sizes, tables = weight_plan(w, filters, groups, dtype)
    p = sizes[0]
    places, sums = tables[: tables.size // 2], tables[tables.size // 2 :]
    assert places.size == p.window_size + (not depthwise)
    np.testing.assert_array_equal(sums, np.arange(places.size) * p.padded_filters)
    channels = 1 if depthwise else p.channels_per_group
    taps_per_row = w.kw + (p.pixels_per_tile - 1) * w.sw
    assert p.window_size == w.kh * taps_per_row * channels
    a, b, c = (index.reshape(-1) for index in np.indices((w.kh, taps_per_row, channels)))
    expected = (a * w.dh * p.scratch_columns + b * w.dw) * p.scratch_pixel + c
    np.testing.assert_array_equal(places[: p.window_size], expected)
    if not depthwise:  # the last row stands on what `fill` never writes: between pixels, or behind the image
        image = p.scratch_rows * p.scratch_columns * p.scratch_pixel
        assert places[-1] == (p.channels_per_group if p.scratch_pixel > p.channels_per_group else image)
    last = (p.rows_per_block - 1) * p.sum_row_stride + (p.output_width - 1) * p.sum_pixel_stride
    assert places.size == 0 or places.max() + last < p.scratch_size
    assert p.partial_size == p.groups * (p.window_size + 1) * p.padded_filters
    assert p.output_width * p.pixels_per_tile == w.Wo
    assert p.rows_per_block * p.blocks_per_image >= w.Ho
    assert p.blocks == w.B * p.blocks_per_image


@pytest.mark.parametrize("shape", [(64, 7, 7, 64), (64, 14, 14, 32), (128, 9, 9, 8), (40, 5, 5, 3), (16, 4, 4, 4)])
def test_images_of_a_block_fill_its_tiles(shape):
    """No other number of images, up to that, needs fewer tiles; and there are blocks for threads to share."""
    w, filters, groups = operation((shape, (64, 3, 3, shape[-1]), 1, 1, 1, 1))
    p = plan(w, filters, groups, np.float32, False).sizes[0]

    def tiles(images):
        return -(-w.B // images) * -(-images * w.Ho * w.Wo // MR)

    assert p.blocks >= SHARED_BLOCKS
    least = max(1, min(p.images_per_block, 8 * max(MR, MR_SINGLE) // (w.Ho * w.Wo)))
    assert tiles(p.images_per_block) == min(map(tiles, range(least, p.images_per_block + 1)))


@pytest.mark.parametrize("images", [1, 15, 16, 32, 62, 63, 64, 1000])
def test_pieces_of_a_weight_gradient_are_powers_of_two(images):
    w, filters, groups = operation(((images, 7, 7, 64), (64, 3, 3, 64), 1, 1, 1, 1))
    p = weight_plan(w, filters, groups, np.float32).sizes[0]
    assert p.chunks == min(
        PARTIAL_GRADIENTS, p.blocks, {1: 1, 15: 1, 16: 1, 32: 2, 62: 2, 63: 4, 64: 4, 1000: 16}[images]
    )
