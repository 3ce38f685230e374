"""The sizes and tables by which the convolution kernels walk through images, made once for a shape.

A convolution, and its input gradient, are sums over windows of a *source* image, one for each pixel of a *target*:

      target pixel (i, j) of a phase  =  Σ_t Σ_b  source pixel (i sh + top + t dh, j sw + left + b dw) · weights

with the steps, the places and the taps of two `axes`. The work is cut into blocks: bands of rows of one image, or
several small images. `source_block` copies what a block sees of the source into a scratch array with its padding.
Tables list, for each target pixel of a block, where its window begins in the scratch and where it lies in the target.

Narrow targets. Pixels of 8 numbers would leave half of a register of 16 empty. Since two pixels side by side are 16
numbers in a row, they are merged: the target counts as one of half as many pixels with twice as many channels. A window
then takes in what both see, and the weights are laid down for each at its place, with 0 elsewhere:

      window of two pixels, kernel of 3      a b c .   first pixel
                                             . a b c   second pixel

0 · inf and 0 · NaN are NaN, so a source with inf or NaN in it needs the plan without merged pixels.

A kernel takes a plan as arrays: one record of sizes, a record for each phase, and the tables. The fields of a record
are numbers (int64), which kernels read by their names, at no cost.
"""

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from ..codegen.microkernel import MR_SINGLE
from ..geometry import Window
from ..runtime.target import MASKS, MR
from .axes import Axis, backward_axes, forward_axes, lanes_of, pixels_per_tile

CONV_CHUNKS = 64  # pieces of the work, whatever the number of threads
SHARED_BLOCKS = 16  # blocks that there should be, for threads to share
SCRATCH_BYTES = 196_608  # of a block's source, which stays in the level-2 cache
PANEL_BYTES = 24_576  # weights of a panel that are used at a time, which stay in the level-1 cache
WEIGHTS_BYTES = 40_960  # weights up to this size stay in the level-1 cache while so many pixels at a time
PIXELS_AT_ONCE = 4 * max(MR, MR_SINGLE)  # are multiplied by all their panels and stored


def record(*names: str) -> np.dtype:
    """The dtype of a record of integers; its fields are read as attributes, with the compiler or without it."""
    return np.dtype((np.record, np.dtype([(name, np.int64) for name in names], align=True)))


def records(kind: np.dtype, *values: SimpleNamespace) -> np.ndarray:
    """Records with these fields, all of them: filling a record field by field would take five times as long."""
    return np.array([tuple(getattr(value, name) for name in kind.names or ()) for value in values], kind)


PLAN = record(
    "images", "images_per_block", "rows_per_block",  # a block is so many target rows of so many images
    "blocks_per_image", "blocks", "chunks",  # blocks in all, and the pieces that they are cut into
    "source_height", "source_width", "source_channels", "groups", "channels_per_group",
    "row_stride", "first_row", "first_column",  # source rows from target row to target row; where the scratch begins
    "row_skip", "column_skip",  # from one pixel of the scratch to the next, in the source
    "scratch_rows", "scratch_columns", "scratch_size",  # of an image; numbers in all
    "target_size", "target_channels", "columns_per_group",  # numbers of a target image, of a pixel, of its group
    "forward", "kernel_height", "kernel_width", "filters_per_group",  # 1 for a convolution, 0 for an input gradient
    "panel_size", "bias_place", "packed_size",  # of the packed weights: numbers of a panel, before the bias, in all
    "narrow_scratch",  # numbers of a scratch for tiles wider than their columns
    "pixels_per_tile", "pixel_stride",  # pixels merged into one; source pixels from the window of one to the next
)  # fmt: skip
PHASE = record(
    "height", "width", "row_step",  # target rows and columns; numbers of the target from one such row to the next
    "taps", "taps_per_row",  # kernel rows and columns
    "runs", "run_size", "tap_stride", "run_stride",  # a kernel row is so many runs of numbers in the scratch
    "window_places", "pixel_places", "pixel_rows", "pixel_images",  # where the tables of a block's pixels begin
    "first_taps", "end_taps",  # and those of a row's kernel rows that do not lie in the padding
    "weights",  # the place of the phase in a panel
    "taps_at_once", "pixels_at_once",
    "kernel_row", "kernel_row_step", "kernel_column", "kernel_column_step",  # kernel indices of the taps
)  # fmt: skip


class Plan(NamedTuple):
    """What a kernel takes of a convolution or of an input gradient."""

    sizes: np.ndarray  # one PLAN
    phases: np.ndarray  # PHASEs
    tables: np.ndarray


def is_depthwise(w: Window, filters: int, groups: int) -> bool:
    """Whether each channel has one filter of its own, for which there are kernels without a sum over channels."""
    return groups == w.C == filters


def seen_pixels(w: Window) -> tuple[Window, int, int]:
    """The window over the pixels that it sees, and how far they lie apart: of 1 x 1 with a stride not all."""
    if (w.kh, w.kw, w.ph, w.pw) != (1, 1, 0, 0):
        return w, 1, 1
    return w._replace(H=w.Ho, W=w.Wo, sh=1, sw=1), w.sh, w.sw


def _cut(images, pixels, rows, most_bytes, image_bytes, row_bytes, height):
    """(images, target rows) of a block: fit for the cache, enough blocks, pixels that fill tiles of that height."""
    if image_bytes > most_bytes or (images < SHARED_BLOCKS and rows > 1):
        band = max(1, min(rows, most_bytes // max(row_bytes, 1), -(-images * rows // SHARED_BLOCKS)))
        return 1, -(-rows // -(-rows // band))
    most = max(1, min(images // SHARED_BLOCKS, most_bytes // max(image_bytes, 1)))
    least = min(most, -(-8 * max(MR, MR_SINGLE) // max(pixels, 1)))

    def tiles(count):  # of all blocks, the last one counted as full: another thread would wait meanwhile
        return -(-images // count) * -(-count * pixels // height)

    return min(range(least, min(most, least + height) + 1), key=tiles), rows


def plan(w: Window, filters: int, groups: int, dtype, gradient: bool, merge: bool = True) -> Plan:
    """The plan of a convolution, or with `gradient` of its input gradient; with `merge` narrow targets are merged."""
    depthwise = is_depthwise(w, filters, groups)
    p = SimpleNamespace(forward=not gradient, images=w.B, kernel_height=w.kh, kernel_width=w.kw)
    p.row_skip = p.column_skip = 1
    if gradient:
        vertical = backward_axes(w.H, w.kh, w.sh, w.ph, w.dh)
        horizontal = backward_axes(w.W, w.kw, w.sw, w.pw, w.dw)
        source, target = (w.Ho, w.Wo, filters), (w.H, w.W, w.C)
    else:
        source, target = (w.H, w.W, w.C), (w.Ho, w.Wo, filters)
        w, p.row_skip, p.column_skip = seen_pixels(w)
        vertical = forward_axes(w.Ho, w.kh, w.sh, w.ph, w.dh)
        horizontal = forward_axes(w.Wo, w.kw, w.sw, w.pw, w.dw)
    p.pixels_per_tile, p.pixel_stride = 1, horizontal[0].stride
    one_run = len(vertical) == len(horizontal) == horizontal[0].dilation == 1 and horizontal[0].taps > 0
    if merge and one_run and groups == 1 and not depthwise:
        merged = pixels_per_tile(lanes_of(dtype), target[2], target[1], horizontal[0].taps, horizontal[0].stride)
        p.pixels_per_tile, horizontal = merged, [horizontal[0].merged(merged)]
        target = target[0], target[1] // merged, target[2] * merged
    p.groups = 1 if depthwise else groups  # all channels of a depthwise convolution are done together
    p.filters_per_group = filters // groups
    p.source_height, p.source_width, p.source_channels = source
    p.channels_per_group = source[2] // p.groups
    p.target_channels, p.columns_per_group = target[2], target[2] // p.groups
    p.target_size = target[0] * target[1] * target[2]
    _lay_out_blocks(p, vertical, horizontal, dtype)
    phases, tables = _lay_out_phases(p, vertical, horizontal, target[1], dtype, depthwise)
    _lay_out_weights(p, phases, dtype, depthwise)
    return Plan(records(PLAN, p), records(PHASE, *phases), tables)


def _lay_out_blocks(p, vertical: list[Axis], horizontal: list[Axis], dtype) -> None:
    """Cuts the work into blocks, and lays the scratch round what the windows of one see."""
    seeing = [v for v in vertical if v.taps] or vertical
    p.row_stride, p.first_row = vertical[0].stride, min(v.start for v in seeing)
    looking = [h for h in horizontal if h.taps] or horizontal
    p.first_column = min(h.start for h in looking)
    p.scratch_columns = max(max(h.end(h.size) for h in looking) - p.first_column, 1)

    def scratch_rows(count):
        return max(max(v.end(min(count, v.size)) for v in seeing) - p.first_row, 1)

    rows, width = max(v.size for v in vertical), max(h.size for h in horizontal)
    line = p.scratch_columns * p.channels_per_group * np.dtype(dtype).itemsize
    image_bytes, row_bytes = scratch_rows(rows) * line, max(p.row_stride, 1) * line
    height = MR if p.columns_per_group > lanes_of(dtype) else MR_SINGLE
    p.images_per_block, p.rows_per_block = _cut(
        p.images, rows * width, rows, SCRATCH_BYTES, image_bytes, row_bytes, height
    )  # fmt: skip
    p.blocks_per_image = -(-rows // p.rows_per_block)
    p.blocks = -(-p.images // p.images_per_block) * p.blocks_per_image
    p.chunks = min(CONV_CHUNKS, p.blocks)
    p.scratch_rows = scratch_rows(p.rows_per_block)
    image = p.scratch_rows * p.scratch_columns * p.channels_per_group
    p.scratch_size = p.images_per_block * image + lanes_of(dtype)


def _lay_out_phases(p, vertical, horizontal, target_width: int, dtype, depthwise: bool) -> tuple[list, np.ndarray]:
    """The sizes of the phases, and their tables one after the other."""
    phases, tables = [], []
    place = weights = 0
    panel = 2 * lanes_of(dtype)
    for v, h in [(v, h) for v in vertical for h in horizontal]:
        f = SimpleNamespace()
        f.height, f.width, f.row_step = v.size, h.size, v.step * target_width * p.target_channels
        f.taps, f.taps_per_row = v.taps, h.taps
        f.kernel_row, f.kernel_row_step, f.kernel_column, f.kernel_column_step = v.tap, v.tap_step, h.tap, h.tap_step
        listed = [*_block_tables(p, v, h, target_width), *v.taps_inside(p.source_height)]
        starts = [*itertools.accumulate((table.size for table in listed), initial=place)]
        f.window_places, f.pixel_places, f.pixel_rows, f.pixel_images, f.first_taps, f.end_taps, place = starts
        tables += listed
        whole = h.dilation == 1 or h.taps <= 1
        f.runs, f.run_size = (1, h.taps * p.channels_per_group) if whole else (h.taps, p.channels_per_group)
        f.run_stride = h.dilation * p.channels_per_group
        f.tap_stride = v.dilation * p.scratch_columns * p.channels_per_group
        _bound_pieces(p, f, listed[0].size, panel, np.dtype(dtype).itemsize)
        f.weights = weights
        weights += v.taps * h.taps * p.channels_per_group * (1 if depthwise else panel)
        phases.append(f)
    p.panel_size = weights
    return phases, np.concatenate(tables).astype(np.int64)


def _block_tables(p, v: Axis, h: Axis, target_width: int) -> list[np.ndarray]:
    """For each pixel of a phase in a block: the place of its window, its own, its row and its image."""
    rows = min(p.rows_per_block, v.size)
    n, i, j = np.meshgrid(np.arange(p.images_per_block), np.arange(rows), np.arange(h.size), indexing="ij")
    # A window of a phase without taps begins anywhere.
    top, left = (v.start - p.first_row if v.taps else 0), (h.start - p.first_column if h.taps else 0)
    row = n * p.scratch_rows + i * v.stride + top
    window = (row * p.scratch_columns + j * h.stride + left) * p.channels_per_group
    pixel = (i * v.step + v.first) * target_width + j * h.step + h.first
    return [a.reshape(-1) for a in (window, n * p.target_size + pixel * p.target_channels, i, n)]


def _bound_pieces(p, f, pixels: int, panel: int, itemsize: int) -> None:
    """How many kernel rows and how many pixels of a block are gone through at a time."""
    tap = f.taps_per_row * p.channels_per_group * itemsize
    most = max(1, min(f.taps, PANEL_BYTES // max(tap * panel, 1)))
    f.taps_at_once = max(1, -(-f.taps // max(1, -(-f.taps // most))))
    light = f.taps * tap * p.columns_per_group <= WEIGHTS_BYTES
    f.pixels_at_once = PIXELS_AT_ONCE if light and p.columns_per_group > panel else max(pixels, 1)


def _lay_out_weights(p, phases, dtype, depthwise: bool) -> None:
    """Where the packed weights and the bias lie."""
    lanes = lanes_of(dtype)
    panel = 2 * lanes
    panels = -(-p.columns_per_group // panel)
    p.bias_place = p.panel_size * (1 if depthwise else panels * p.groups)
    p.bias_place += panel * lanes  # `pack_transposed` writes whole vectors
    p.packed_size = p.bias_place + p.groups * panels * panel
    narrow = not MASKS and not depthwise and p.columns_per_group % panel not in (0, lanes)
    p.narrow_scratch = p.images_per_block * p.rows_per_block * max(f.width for f in phases) * panel if narrow else 0


PIXELS_PER_SUM = 8_192  # of G, about, whose products are one sum: rounding must not grow with the images
PARTIAL_GRADIENTS = 16  # the most pieces with a weight gradient of their own
SUMMED_PIXELS = 128  # summed up at a time, if each has cache lines of its own: so they stay in the level-1 cache
PIXELS_PER_PARTIAL = 768  # of G, at least: adding up the pieces costs little besides

WEIGHT_PLAN = record(
    "rows_per_block", "blocks_per_image", "blocks", "chunks",  # a block is so many rows of an image
    "blocks_per_sum",  # of a chunk, that are one sum
    "source_height", "source_width", "source_channels", "groups", "channels_per_group",
    "row_stride", "first_row", "first_column",  # source rows from output row to output row; where the scratch begins
    "row_skip", "column_skip",  # as above
    "scratch_rows", "scratch_columns", "scratch_pixel", "scratch_size",
    "output_height", "output_width", "filters_per_group",  # of G, whose pixels may be merged
    "sum_row_stride", "sum_pixel_stride",  # numbers of the scratch from one output row, one pixel to the next
    "window_size", "padded_filters", "partial_size",  # rows and columns of the sums; numbers of a chunk's sums
    "direct",  # whether the filters of G fill whole vectors, so that it need not be packed
    "pixels_per_tile", "pixel_stride",  # pixels merged into one; numbers of a window from one of them to the next
    "run_size", "merged_run_size",  # numbers of a window's row, of one pixel and of merged ones
)  # fmt: skip


class WeightPlan(NamedTuple):
    """What a kernel takes of a weight gradient."""

    sizes: np.ndarray  # one WEIGHT_PLAN
    tables: np.ndarray  # for each number of a window: its place in the scratch, then for each: the place of its sums


def weight_plan(w: Window, filters: int, groups: int, dtype) -> WeightPlan:
    """The plan of a weight gradient: its windows are the numbers of a kernel, and their steps those of the output."""
    lanes, depthwise = lanes_of(dtype), is_depthwise(w, filters, groups)
    p = SimpleNamespace(source_height=w.H, source_width=w.W, source_channels=w.C, groups=1 if depthwise else groups)
    w, p.row_skip, p.column_skip = seen_pixels(w)
    own = p.channels_per_group = w.C // p.groups
    p.filters_per_group, p.pixels_per_tile = filters // p.groups, 1
    if p.groups == 1 and own > 0 and w.dw == 1 and not depthwise:
        p.pixels_per_tile = pixels_per_tile(lanes, filters, w.Wo, w.kw, w.sw)
        p.filters_per_group *= p.pixels_per_tile
    p.output_height, p.output_width = w.Ho, w.Wo // p.pixels_per_tile
    # One more channel that is 1 gives the sums of G, and keeps pixels from lying powers of two apart. To images with
    # few channels a whole image of ones is added instead, since numbers two apart are copied one by one.
    ones_between = not depthwise and own >= 8
    p.scratch_pixel = own + ones_between
    _lay_out_bands(p, w, dtype, depthwise)
    image = p.scratch_rows * p.scratch_columns * p.scratch_pixel
    p.scratch_size = image * (1 if ones_between or depthwise else 2) + lanes
    p.sum_row_stride = w.sh * p.scratch_columns * p.scratch_pixel
    p.sum_pixel_stride = w.sw * p.pixels_per_tile * p.scratch_pixel

    taps_per_row = w.kw + (p.pixels_per_tile - 1) * w.sw
    p.pixel_stride, p.run_size, p.merged_run_size = w.sw * own, w.kw * own, taps_per_row * own
    channels = np.arange(1 if depthwise else own)
    a, b, c = np.meshgrid(np.arange(w.kh), np.arange(taps_per_row), channels, indexing="ij")
    sources = ((a * w.dh * p.scratch_columns + b * w.dw) * p.scratch_pixel + c).reshape(-1)
    p.window_size = sources.size
    if not depthwise:
        sources = np.append(sources, own if ones_between else image)  # a row of the sums that stands on ones
    panel = lanes if depthwise or p.filters_per_group <= lanes else 2 * lanes
    p.padded_filters = -(-p.filters_per_group // panel) * panel
    p.partial_size = p.groups * (p.window_size + 1) * p.padded_filters
    p.direct = p.filters_per_group in (lanes, 2 * lanes) and p.groups == 1
    tables = np.concatenate([sources, np.arange(sources.size) * p.padded_filters])
    return WeightPlan(records(WEIGHT_PLAN, p), tables.astype(np.int64))


def _lay_out_bands(p, w: Window, dtype, depthwise: bool) -> None:
    """Cuts the output into bands of rows, and lays the scratch round what one sees."""
    itemsize = np.dtype(dtype).itemsize
    p.row_stride, p.first_row, p.first_column = w.sh, -w.ph, -w.pw
    p.scratch_columns = (w.Wo - 1) * w.sw + (w.kw - 1) * w.dw + 1

    def scratch_rows(count):
        return (count - 1) * w.sh + (w.kh - 1) * w.dh + 1

    line = p.scratch_columns * p.scratch_pixel * itemsize
    _, rows = _cut(w.B, 1 << 30, w.Ho, SCRATCH_BYTES, scratch_rows(w.Ho) * line, w.sh * line, 1)
    if p.channels_per_group * itemsize >= 128 and not depthwise:
        rows = min(rows, max(1, SUMMED_PIXELS // w.Wo))
    rows = min(rows, max(1, PIXELS_PER_SUM // w.Wo))
    bands = -(-w.Ho // rows)
    p.rows_per_block = -(-w.Ho // bands)
    p.blocks_per_image = -(-w.Ho // p.rows_per_block)
    p.blocks = w.B * p.blocks_per_image
    p.blocks_per_sum = max(1, PIXELS_PER_SUM // (p.rows_per_block * w.Wo))
    # A power of two, for threads are two or four more often than three.
    pieces = max(1, w.B * w.Ho * w.Wo // PIXELS_PER_PARTIAL)
    p.chunks = max(1, min(PARTIAL_GRADIENTS, p.blocks, 1 << pieces.bit_length() - 1))
    p.scratch_rows = scratch_rows(p.rows_per_block)
