"""The sizes and tables by which the convolution kernels walk through images, made once for a shape.

A convolution, and its input gradient, are sums over windows of a *source* image, one for each pixel of a *target*:

      target pixel (i, j) of a phase   =   Σ_t Σ_b  source pixel (i st + top + t down, j sw + left + b right) · weights

A convolution has one phase. An input gradient with stride s has up to s x s: gX at rows y (mod s) sees only the kernel
rows a with y + p - a d = 0 (mod s), in falling order, and at unit steps of G; no zero is inserted anywhere. A phase may
have no taps at all (stride 2, kernel 1): its pixels are 0.

The work is cut into blocks: bands of rows of one image, or several small images. A block's part of the source is
copied into a scratch array with its padding, so that the inner loops know no edges:

      scratch      0 0 0 0 0 0      rows of `cols` pixels; a window's row is one run of kw C numbers (dilation 1)
                   0 x x x x 0
                   0 x x x x 0      tables: for each target pixel of a block where its window begins in the scratch,
                   0 x x x x 0              and where it lies in the target

Narrow targets. Pixels of 8 numbers would leave half of a register of 16 empty. Since two pixels side by side are 16
numbers in a row, the target counts as one of half as many pixels with twice as many channels; a window then takes in
what both see, and the weights are laid down for each at its place, with 0 beside:

      window of two pixels, kernel of 3      a b c .   first pixel
                                             . a b c   second pixel

0 · inf is NaN, so a source with such numbers is computed without this.

Everything goes to a kernel as one array of int64: the fields named here, a record for each phase, the tables.
"""

import numpy as np

from ..codegen.microkernel import MR_SINGLE
from ..runtime.target import MASKS, MR, VECTOR_BYTES
from .im2col import Window

CHUNKS = 64  # pieces of the work, whatever the number of threads
LEAST = 16  # blocks that there should be, for threads to share
SCRATCH_BYTES = 196_608  # of a block's source, which stays in the level-2 cache
PANEL_BYTES = 24_576  # weights of a panel that are used at a time, which stay in the level-1 cache
WEIGHTS_BYTES = 40_960  # weights up to this size are gone through for few pixels at a time, which are stored at once
BLOCK = 4 * max(MR, MR_SINGLE)  # the pixels

(
    IMAGES, TOGETHER, BAND, BANDS, UNITS,  # images: all, in a block; target rows of a block; blocks: of an image, all
    HEIGHT, WIDTH, CHANNELS, GROUPS, OWN,  # the source; OWN of its channels are in a group
    DOWN, TOP, LEFT, ROWS_OF, COLS, SCRATCH,  # source rows from target row to target row; the scratch and its place
    TARGET, PIXEL, WIDE, FILTERS,  # numbers of a target image, of a pixel, of a group; filters of a group
    KERNEL_H, KERNEL_W, BIASES, PACKED, PER_PANEL, PHASES, TURNED,  # weights: place of the bias, size: all, of a panel
    BESIDE, ABREAST, APART,  # numbers of a scratch for a panel narrower than its tiles; pixels in one, of the source
    HEADER,  # the first record
) = range(31)  # fmt: skip
# A record: sizes of the target, numbers between its rows; taps, kernel columns, runs of a kernel row and their length,
# distances of both in the scratch; tables and their length; ranges of taps; place of the weights in a panel; taps and
# pixels at a time; kernel indices of the first tap and column, and their steps.
(
    P_HIGH, P_WIDE, P_STEP, P_TAPS, P_ALONG, P_RUNS, P_RUN, P_TAP_A, P_RUN_A, P_TABLES, P_LENGTH, P_RANGES, P_WEIGHTS,
    P_AT_ONCE, P_BLOCK, P_FIRST_A, P_STEP_A, P_FIRST_B, P_STEP_B,
) = range(19)  # fmt: skip
RECORD = 19


class Axis:
    """One axis of a phase: `size` target positions from `first` on, `step` apart; their taps, as kernel indices that
    begin at `tap` and go by `tap_step`, see source positions i down + top + t apart."""

    def __init__(self, size, first, step, taps, tap, tap_step, down, top, apart):
        self.size, self.first, self.step = size, first, step
        self.taps, self.tap, self.tap_step = taps, tap, tap_step
        self.down, self.top, self.apart = down, top, apart

    def reach(self, count):
        """First and last source position that `count` targets see."""
        return self.top, (count - 1) * self.down + self.top + (self.taps - 1) * self.apart

    def abreast(self, count):
        """The same axis of targets that `count` of its positions make up together."""
        taps = self.taps + (count - 1) * self.down
        size, down = self.size // count, self.down * count
        return Axis(size, self.first, self.step, taps, self.tap, self.tap_step, down, self.top, self.apart)

    def ranges(self, source):
        """For each target the taps, first and end, that lie in a source of that size; both fall along the axis."""
        places = np.arange(self.size)[:, None] * self.down + self.top + np.arange(self.taps) * self.apart
        return (places < 0).sum(axis=1), (places < source).sum(axis=1)


def forward_axis(out, kernel, stride, padding, dilation):
    return [Axis(out, 0, 1, kernel, 0, 1, stride, -padding, dilation)]


def backward_axes(size, kernel, stride, padding, dilation):
    """The phases of one axis of an input gradient: targets y = first (mod stride)."""
    axes = []
    for first in range(min(stride, size)):
        seen = [a for a in reversed(range(kernel)) if (first + padding - a * dilation) % stride == 0]
        places = [(first + padding - a * dilation) // stride for a in seen]
        step = seen[1] - seen[0] if len(seen) > 1 else -1
        apart = places[1] - places[0] if len(seen) > 1 else 1
        count = len(range(first, size, stride))
        tap, top = (seen[0], places[0]) if seen else (0, 0)
        axes.append(Axis(count, first, stride, len(seen), tap, step, 1, top, apart))
    return axes


def lanes_of(dtype) -> int:
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def abreast(lanes, channels, width, taps, down) -> int:
    """How many pixels of a target of that width, whose windows of `taps` lie `down` apart, are best taken as one."""
    best, least = 1, taps
    count = 2
    while 0 < count * channels <= lanes and width % count == 0:
        seen = (taps + (count - 1) * down) / count  # taps for each pixel, with those that are 0
        if seen < least:
            best, least = count, seen
        count *= 2
    return best


def _cut(images, pixels, rows, most_bytes, image_bytes, row_bytes):
    """(images together, target rows) of a block: enough pixels for a tile, fit for the cache, enough blocks."""
    if image_bytes > most_bytes or (images < LEAST and rows > 1):
        band = max(1, min(rows, most_bytes // max(row_bytes, 1), -(-images * rows // LEAST)))
        return 1, -(-rows // -(-rows // band))
    wanted = -(-8 * max(MR, MR_SINGLE) // max(pixels, 1))
    return max(1, min(wanted, images // LEAST, most_bytes // max(image_bytes, 1))), rows


def plan(w: Window, kernel_shape, groups: int, dtype, gradient: bool, abreast_too: bool = True) -> np.ndarray:
    """The array of a convolution, or with `gradient` of its input gradient.

    Without `abreast_too`, pixels of a narrow target are not taken together.
    """
    itemsize, lanes = np.dtype(dtype).itemsize, lanes_of(dtype)
    Co, kh, kw, _ = kernel_shape
    depthwise = groups == w.C == Co
    if gradient:
        vertical = backward_axes(w.H, kh, w.sh, w.ph, w.dh)
        horizontal = backward_axes(w.W, kw, w.sw, w.pw, w.dw)
        source, target = (w.Ho, w.Wo, Co), (w.H, w.W, w.C)
    else:
        vertical = forward_axis(w.Ho, kh, w.sh, w.ph, w.dh)
        horizontal = forward_axis(w.Wo, kw, w.sw, w.pw, w.dw)
        source, target = (w.H, w.W, w.C), (w.Ho, w.Wo, Co)
    pixels, between = 1, horizontal[0].down
    one_run = len(vertical) == len(horizontal) == horizontal[0].apart == 1 and horizontal[0].taps > 0
    if abreast_too and one_run and groups == 1 and not depthwise:
        pixels = abreast(lanes, target[2], target[1], horizontal[0].taps, between)
        horizontal = [horizontal[0].abreast(pixels)]
        target = target[0], target[1] // pixels, target[2] * pixels
    parts = 1 if depthwise else groups  # all channels of a depthwise convolution are done together
    own, wide = source[2] // parts, target[2] // parts
    seeing = [v for v in vertical if v.taps] or vertical
    looking = [h for h in horizontal if h.taps] or horizontal
    rows = max(v.size for v in vertical)
    top, left = min(v.top for v in seeing), min(h.top for h in looking)
    right = max(h.reach(h.size)[1] for h in looking)
    cols = max(right - left + 1, 1)
    down = vertical[0].down

    def height(band):
        return max(max(v.reach(min(band, v.size))[1] for v in seeing) - top + 1, 1)

    line = cols * own * itemsize
    image_pixels = rows * max(h.size for h in horizontal)
    together, band = _cut(w.B, image_pixels, rows, SCRATCH_BYTES, height(rows) * line, max(down, 1) * line)
    bands = -(-rows // band)
    image = height(band) * cols * own

    records, tables, at = [], [], HEADER + RECORD * len(vertical) * len(horizontal)
    weights = 0
    panel = 2 * lanes
    for v in vertical:
        lo, hi = v.ranges(source[0])
        for h in horizontal:
            count = min(band, v.size)
            n, i, j = np.meshgrid(np.arange(together), np.arange(count), np.arange(h.size), indexing="ij")
            # A window of a phase without taps begins anywhere.
            y, x = (v.top - top if v.taps else 0), (h.top - left if h.taps else 0)
            begins = n * image + ((i * v.down + y) * cols + j * h.down + x) * own
            pixel = (i * v.step + v.first) * target[1] + j * h.step + h.first
            lies = n * target[0] * target[1] * target[2] + pixel * target[2]
            listed = [a.reshape(-1).astype(np.int64) for a in (begins, lies, i, n)]
            whole = h.apart == 1 or h.taps <= 1
            runs, run = (1, h.taps * own) if whole else (h.taps, own)
            per_tap = h.taps * own * panel * itemsize
            at_once = max(1, min(v.taps, PANEL_BYTES // max(per_tap, 1)))
            at_once = -(-v.taps // max(1, -(-v.taps // at_once)))
            few = v.taps * h.taps * own * wide * itemsize <= WEIGHTS_BYTES
            block = BLOCK if few and wide > panel else max(begins.size, 1)
            records += [
                v.size, h.size, v.step * target[1] * target[2], v.taps, h.taps, runs, run,
                v.apart * cols * own, h.apart * own, at, begins.size, at + 4 * begins.size, weights,
                max(1, at_once), block, v.tap, v.tap_step, h.tap, h.tap_step,
            ]  # fmt: skip
            tables += [*listed, lo, hi]
            at += 4 * begins.size + 2 * v.size
            weights += v.taps * h.taps * own * (1 if depthwise else panel)
    panels = -(-wide // panel)
    packed = weights * (1 if depthwise else panels * groups) + panel * lanes  # `pack_transposed` writes whole vectors
    beside = not MASKS and not depthwise and wide % panel not in (0, lanes)
    header = [
        w.B, together, band, bands, -(-w.B // together) * bands,
        *source, parts, own, down, top, left, height(band), cols, together * image + lanes,
        target[0] * target[1] * target[2], target[2], wide, Co // groups,
        kh, kw, packed, packed + groups * panels * panel, weights, len(vertical) * len(horizontal), int(not gradient),
        together * band * max(h.size for h in horizontal) * panel if beside else 0,
        pixels, between,
    ]  # fmt: skip
    return np.concatenate([np.array(header + records, np.int64), *tables])


PARTIALS = 16  # the most pieces with a weight gradient of their own
SUM_PIXELS = 128  # pixels summed up at a time, if each has cache lines of its own: so they stay in the level-1 cache
PIECE_PIXELS = 1024  # pixels of G in a piece, at least: adding up the pieces costs little beside
(
    W_IMAGES, W_BAND, W_BANDS, W_UNITS, W_CHUNKS,
    W_HEIGHT, W_WIDTH, W_CHANNELS, W_GROUPS, W_OWN, W_DOWN, W_TOP, W_LEFT, W_ROWS, W_COLS, W_PIXEL, W_SCRATCH,
    W_HIGH, W_WIDE, W_FILTERS, W_WINDOW, W_TAP, W_STEP, W_PARTIAL, W_LINE, W_DIRECT, W_TABLE,
    W_ABREAST, W_APART, W_RUN, W_ALONG,  # pixels taken together, and from one to the next; a row of a kernel, a window
) = range(31)  # fmt: skip


def weight_plan(w: Window, kernel_shape, groups: int, dtype) -> np.ndarray:
    """The array of a weight gradient: its windows are the numbers of a kernel, and their steps those of the output."""
    itemsize, lanes = np.dtype(dtype).itemsize, lanes_of(dtype)
    Co, kh, kw, own = kernel_shape
    depthwise = groups == w.C == Co
    if depthwise:
        groups, own = 1, w.C
    filters, pixels = Co // groups, 1
    if groups == 1 and own > 0 and w.dw == 1 and not depthwise:
        pixels = abreast(lanes, filters, w.Wo, kw, w.sw)
    filters, Wo, sw = filters * pixels, w.Wo // pixels, w.sw * pixels
    # One more channel that is 1 gives the sums of G, and keeps pixels from lying powers of two apart. To images with
    # few channels a whole image of ones is added instead, since numbers two apart are copied one by one.
    spread = 0 if depthwise or own < 8 else 1
    pixel = own + spread
    cols = (w.Wo - 1) * w.sw + (kw - 1) * w.dw + 1

    def height(band):
        return (band - 1) * w.sh + (kh - 1) * w.dh + 1

    line = cols * pixel * itemsize
    _, band = _cut(w.B, 1 << 30, w.Ho, SCRATCH_BYTES, height(w.Ho) * line, w.sh * line)
    if own * itemsize >= 128 and not depthwise:
        band = min(band, max(1, SUM_PIXELS // w.Wo))
    bands = -(-w.Ho // band)
    band = -(-w.Ho // bands)
    bands = -(-w.Ho // band)
    image = height(band) * cols * pixel
    ones = own if spread else image
    along = kw + (pixels - 1) * w.sw
    a, b, c = np.meshgrid(np.arange(kh), np.arange(along), np.arange(1 if depthwise else own), indexing="ij")
    sources = ((a * w.dh * cols + b * w.dw) * pixel + c).reshape(-1)
    sources = sources if depthwise else np.append(sources, ones)
    line = -(-filters // lanes) * lanes if depthwise or filters <= lanes else -(-filters // (2 * lanes)) * 2 * lanes
    targets = np.arange(sources.size) * line
    units = w.B * bands
    chunks = max(1, min(PARTIALS, units, w.B * w.Ho * w.Wo // PIECE_PIXELS))
    direct = filters in (lanes, 2 * lanes) and groups == 1
    table = 31
    header = [
        w.B, band, bands, units, chunks,
        w.H, w.W, w.C, groups, own, w.sh, -w.ph, -w.pw, height(band), cols, pixel,
        image * (1 if spread or depthwise else 2) + lanes,
        w.Ho, Wo, filters, sources.size - (0 if depthwise else 1), w.sh * cols * pixel, sw * pixel,
        groups * (sources.size + int(depthwise)) * line, line, int(direct), table,
        pixels, w.sw * own, kw * own, along * own,
    ]  # fmt: skip
    return np.concatenate([np.array(header, np.int64), sources.astype(np.int64), targets.astype(np.int64)])
