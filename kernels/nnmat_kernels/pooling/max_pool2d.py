"""Max pooling of images (B, H, W, C), and its transpose; `avg_pool2d` is the other kind.

For one channel of one image y = P x, and backward gx = Pᵀ g; P has one row per window. The channels lie side by side
in memory, so one instruction treats several of them (`max_window`). Forward, one unit of work is a row of windows, and
backward an image, because windows that overlap add to the same elements.
"""

import functools

import numpy as np
from numba import int32, int64, prange

from ..codegen.function_pointer import address, call, flat_of
from ..codegen.max_window import MASKED, SQUARE, max_window, spread_window
from ..elementwise.activations import relu_backward_unchecked
from ..elementwise.copy_add import copy_unchecked
from ..errors import DtypeError, ShapeError
from ..geometry import image_shape, pair, window_geometry
from ..runtime.arrays import as_array, canonical, checked_out, is_plain
from ..runtime.config import ONE, ZERO, inlined_jit, jit, parallel_jit
from ..runtime.door import plain
from ..runtime.launch import launch, operation
from ..runtime.target import VECTOR_BYTES
from .listed_windows import dilated_windows, listed_max

POOLING_PARALLEL_FROM = 65_536  # elements read
POOLING_TAPS = 256  # numbers that are summed in their dtype, not in float64
PLACES_TYPE = int32[::1]
_FLOORS = {  # where a maximum starts, by dtype and whether ReLU follows
    (dtype.char, relu): dtype.type(0 if relu else -np.inf)
    for dtype in (np.dtype(np.float32), np.dtype(np.float64))
    for relu in (False, True)
}


def max_pool2d(
    X: np.ndarray,
    kernel_size,
    stride=None,
    padding=0,
    out: np.ndarray | None = None,
    indices: np.ndarray | None = None,
    dilation=1,
    ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of every window, and where it stood.

    Forward: Y_bijc = max over h, w in window (i, j) of X_bhwc; indices_bijc = h W + w of that element, of several equal
        ones the first in row-major order. Padding counts as -inf and is never chosen; a window with NaN gives NaN.
    Backward: `max_pool2d_backward`.
    Shapes: X (B, H, W, C), Y and indices (B, Ho, Wo, C), Ho = ⌊(H + 2 ph - kh)/sh⌋ + 1; float32 or float64, indices
        int32. kernel_size, stride (None: the kernel size), padding (less than the kernel), dilation (the step between
        the elements of a window): an int or a pair. `ceil_mode` also takes windows that reach beyond the end, if they
        begin in the image or in the padding before it.
    Errors: DtypeError, ShapeError, ValueError (out, indices).
    Reference: docs/equations.md, section 3.3.
    """
    who = "max_pool2d"
    X0, X = X, as_array(who, "X", X, ndim=4)
    ceil_mode, dilation = bool(ceil_mode), pair(who, "dilation", dilation)
    options = kernel_size, stride, padding, dilation, ceil_mode
    kernel, stride, padding, plane = window_geometry(who, X.shape[1:3], *options)
    shape = (X.shape[0], *plane, X.shape[3])
    indices = checked_indices(who, indices, shape, X0)
    Y = checked_out(who, out, shape, X.dtype, X0, indices)
    max_pool2d_unchecked(X, kernel, stride, padding, Y, indices, False, dilation, ceil_mode)
    return Y, indices


def checked_indices(who: str, indices: np.ndarray | None, shape: tuple, X: np.ndarray) -> np.ndarray:
    """New indices of that shape, or those given, after checks; they share no memory with X."""
    if indices is None:
        return np.empty(shape, np.int32)
    _check_indices(who, indices, shape)
    if not is_plain(indices) or canonical(indices) is not indices or np.may_share_memory(indices, X):
        raise ValueError(
            f"{who}: expected indices to be a writable, C-contiguous array of its own. Try np.empty({shape}, np.int32)."
        )
    return indices


def floor_of(dtype: np.dtype, relu: bool = False):
    """Where a maximum starts."""
    return _FLOORS[dtype.char, relu]


@operation("out", "indices")
def max_pool2d_unchecked(
    X, kernel_size, stride, padding, out=None, indices=None, relu=False, dilation=(1, 1), ceil_mode=False
):
    """Options are pairs. With `relu` the maximum of 0 and the window: `relu` before or after it, at no cost."""
    if out is None or indices is None:
        plane = pooled_plane(X.shape[1:3], kernel_size, stride, padding, dilation, ceil_mode)
        shape = (len(X), *plane, X.shape[3])
        out = np.empty(shape, X.dtype) if out is None else out
        indices = np.empty(shape, np.int32) if indices is None else indices
    floor = floor_of(out.dtype, relu)
    if dilation != (1, 1):
        sizes = zip(out.shape[1:3], X.shape[1:3], kernel_size, stride, padding, dilation, strict=True)
        rows, columns = (dilated_windows(*own) for own in sizes)
        listed_max(X, rows, columns, floor, out, indices)
    elif X.size < POOLING_PARALLEL_FROM:
        launch(_max_pool, X, *kernel_size, *stride, *padding, floor, out, indices, _rows(out.dtype))
    elif X.size:
        launch(_max_pool_parallel, X, *kernel_size, *stride, *padding, floor, out, indices, _rows(out.dtype))
    return out, indices


def max_pool2d_backward(
    G: np.ndarray, indices: np.ndarray, input_shape: tuple[int, int, int, int], out: np.ndarray | None = None
) -> np.ndarray:
    """The transpose of max pooling: each gradient goes to the element that was chosen, and adds up there.

    Forward: `max_pool2d`.
    Backward: gX = Pᵀ G, gX_bhwc = the sum of the G_bijc with indices_bijc = h W + w.
    Shapes: G and indices (B, Ho, Wo, C), gX `input_shape` = (B, H, W, C); float32 or float64, indices int32.
    Errors: DtypeError, ShapeError, ValueError (an index outside the image, out).
    Reference: docs/equations.md, section 3.3.
    """
    who = "max_pool2d_backward"
    given = G, indices
    G = as_array(who, "G", G, ndim=4)
    _check_indices(who, indices, G.shape)
    indices = canonical(plain(who, "indices", indices))
    B, H, W, C = input_shape = image_shape(who, "input_shape", input_shape)
    if (G.shape[0], G.shape[3]) != (B, C):
        raise ShapeError(f"{who}: expected G of shape ({B}, Ho, Wo, {C}) for input_shape {input_shape}, got {G.shape}.")
    # Read as unsigned a negative index is a huge one, so a single pass finds both kinds.
    if indices.size and int(indices.view(np.uint32).max()) >= H * W:
        raise ValueError(f"{who}: expected indices in [0, {H * W}), got {indices.min()} to {indices.max()}.")
    gX = checked_out(who, out, input_shape, G.dtype, *given)
    _add_gradients(G, indices, gX)
    return gX


@operation("out")
def max_pool2d_backward_unchecked(
    G, indices, input_shape, kernel_size, stride, padding, out=None, Y=None, dilation=(1, 1)
):
    """With the forward's options (pairs): windows that do not overlap are written, which is faster than adding.

    With Y, the output of `max_pool2d_unchecked(relu=True)`, the gradient is 0 where Y is not above 0.
    """
    out = np.empty(input_shape, G.dtype) if out is None else out
    if dilation != (1, 1) or stride[0] < kernel_size[0] or stride[1] < kernel_size[1]:
        own = G if Y is None else relu_backward_unchecked(G, Y)
        if (
            overlapping(kernel_size, stride if dilation == (1, 1) else (1, 1)) > POOLING_TAPS
            and out.dtype != np.float64
        ):
            sums = np.empty(out.shape)
            _add_gradients(copy_unchecked(own, np.empty(own.shape)), indices, sums)
            copy_unchecked(sums, out)
        else:
            _add_gradients(own, indices, out)
    else:
        body = _max_spread if out.size < POOLING_PARALLEL_FROM else _max_spread_parallel
        images = _images(out.dtype, Y is not None)
        launch(body, G, G if Y is None else Y, indices, *kernel_size, *stride, *padding, out, images)
    return out


@functools.lru_cache(maxsize=64)
def pooled_plane(plane, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False) -> tuple:
    """Height and width of what comes out; the last ones are kept, for the checks take 6 us."""
    return window_geometry("pooling", plane, kernel_size, stride, padding, dilation, ceil_mode)[3]


def overlapping(kernel_size, stride) -> int:
    """The most windows that hold one element, whose gradients add up there."""
    return -(-kernel_size[0] // stride[0]) * -(-kernel_size[1] // stride[1])


def _add_gradients(G, indices, gX):
    """For any windows, from their indices alone."""
    body = _max_backward if gX.size < POOLING_PARALLEL_FROM else _max_backward_parallel
    launch(body, G, indices, gX, 0, gX.shape[0])


def _check_indices(who, indices, shape):
    if plain(who, "indices", indices).dtype.newbyteorder("=") != np.int32:
        raise DtypeError(
            f"{who}: expected indices as an array of int32, got {indices.dtype}. Pass those that max_pool2d returned."
        )
    if indices.shape != shape:
        raise ShapeError(f"{who}: expected indices of shape {shape}, got {indices.shape}.")


@jit
def _max_rows(x, H, W, C, kh, kw, sh, sw, ph, pw, floor, y, places, Ho, Wo, first, last):
    """Rows first..last of windows, counted over all images, of flat arrays."""
    lanes = np.int64(VECTOR_BYTES // x.itemsize)
    whole = max(C, lanes)
    for row in range(first, last):
        b, i = row // Ho, row % Ho
        top, bottom = max(i * sh - ph, ZERO), min(i * sh - ph + kh, H)
        for j in range(Wo):
            left, right = max(j * sw - pw, ZERO), min(j * sw - pw + kw, W)
            here, target = top * W + left, (row * Wo + j) * C
            start, h, w = (b * H * W + here) * C, bottom - top, right - left
            if lanes > min(W + ONE - right, Wo - j) * C:  # a vector would reach beyond the row
                max_window(MASKED, x, start, h, w, W * C, C, floor, y, places, target, here, W, C)
            elif h == w == 2:
                max_window(SQUARE, x, start, h, w, W * C, C, floor, y, places, target, here, W, whole)
            else:
                max_window(0, x, start, h, w, W * C, C, floor, y, places, target, here, W, whole)


@jit
def _max_pool(X, kh, kw, sh, sw, ph, pw, floor, Y, indices, rows):
    B, H, W, C = X.shape
    Ho, Wo = Y.shape[1], Y.shape[2]
    if C > 0:
        x, y, places = X.reshape(-1), Y.reshape(-1), indices.reshape(-1)
        call(rows, (x, H, W, C, kh, kw, sh, sw, ph, pw, floor, y, places, Ho, Wo, ZERO, B * Ho))


@parallel_jit
def _max_pool_parallel(X, kh, kw, sh, sw, ph, pw, floor, Y, indices, rows):
    B, H, W, C = X.shape
    Ho, Wo = Y.shape[1], Y.shape[2]
    x, y, places = X.reshape(-1), Y.reshape(-1), indices.reshape(-1)
    for image in prange(B):
        first = np.int64(image) * Ho
        call(rows, (x, H, W, C, kh, kw, sh, sw, ph, pw, floor, y, places, Ho, Wo, first, first + Ho))


@functools.cache
def _rows(dtype):
    kind, number = flat_of(dtype), int64
    return address(_max_rows, kind, *[number] * 9, kind.dtype, kind, PLACES_TYPE, *[number] * 4)


@inlined_jit
def _spread_images(relu, g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, first, last):
    """Images first..last of flat arrays; windows do not overlap."""
    lanes = np.int64(VECTOR_BYTES // g.itemsize)
    whole, zero = max(C, lanes), gx.dtype.type(0)
    gaps = sh * Ho != H or sw * Wo != W or sh != kh or sw != kw or ph > ZERO or pw > ZERO
    if gaps:  # some elements are in no window
        for k in range(first * H * W * C, last * H * W * C):
            gx[k] = zero
    for row in range(first * Ho, last * Ho):
        b, i = row // Ho, row % Ho
        top, bottom = max(i * sh - ph, ZERO), min(i * sh - ph + kh, H)
        for j in range(Wo):
            left, right = max(j * sw - pw, ZERO), min(j * sw - pw + kw, W)
            here, source = top * W + left, (row * Wo + j) * C
            start, h, w = (b * H * W + here) * C, bottom - top, right - left
            if lanes > C and (gaps or lanes > min(W + ONE - right, Wo - j) * C):
                spread_window(MASKED, relu, g, y, places, source, gx, start, h, w, W * C, C, here, W, C)
            elif h == w == 2:
                spread_window(SQUARE, relu, g, y, places, source, gx, start, h, w, W * C, C, here, W, whole)
            else:
                spread_window(0, relu, g, y, places, source, gx, start, h, w, W * C, C, here, W, whole)


@jit
def _spread(g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, first, last):
    _spread_images(0, g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, first, last)


@jit
def _relu_spread(g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, first, last):
    _spread_images(1, g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, first, last)


@jit
def _max_spread(G, Y, indices, kh, kw, sh, sw, ph, pw, gX, images):
    B, H, W, C = gX.shape
    Ho, Wo = G.shape[1], G.shape[2]
    g, y, places, gx = G.reshape(-1), Y.reshape(-1), indices.reshape(-1), gX.reshape(-1)
    if C > 0:
        call(images, (g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, ZERO, B))


@parallel_jit
def _max_spread_parallel(G, Y, indices, kh, kw, sh, sw, ph, pw, gX, images):
    B, H, W, C = gX.shape
    Ho, Wo = G.shape[1], G.shape[2]
    g, y, places, gx = G.reshape(-1), Y.reshape(-1), indices.reshape(-1), gX.reshape(-1)
    for image in prange(B):
        b = np.int64(image)
        call(images, (g, y, places, Ho, Wo, kh, kw, sh, sw, ph, pw, gx, H, W, C, b, b + 1))


@functools.cache
def _images(dtype, relu):
    kind, number = flat_of(dtype), int64
    body = _relu_spread if relu else _spread
    return address(body, kind, kind, PLACES_TYPE, *[number] * 8, kind, *[number] * 5)


@jit
def _max_backward(G, indices, gX, first, last):
    """Images first..last."""
    C = gX.shape[3]
    for b in range(first, last):
        flat = gX[b].reshape(-1)
        for k in range(flat.size):
            flat[k] = 0
        for i in range(G.shape[1]):
            for j in range(G.shape[2]):
                g, place = G[b, i, j], indices[b, i, j]
                for c in range(C):
                    flat[np.int64(place[c]) * C + c] += g[c]


@parallel_jit
def _max_backward_parallel(G, indices, gX, first, last):
    for b in prange(gX.shape[0]):
        _max_backward(G, indices, gX, np.int64(b), np.int64(b) + 1)
