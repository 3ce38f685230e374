"""Average pooling of images (B, H, W, C), and its transpose.

Forward, one unit of work is a row of windows, and backward an image, because windows that overlap add to the same
elements. The innermost loop runs over the channels, which lie side by side in memory.

Beyond POOLING_TAPS terms a mean is summed in float64, so that rounding does not grow with the window; so are gradients
where as many windows overlap.
"""

import numpy as np
from numba import prange

from ..elementwise.copy_add import copy_unchecked
from ..errors import ShapeError
from ..geometry import image_shape, window_geometry
from ..runtime.arrays import as_array, checked_out
from ..runtime.config import jit, parallel_jit
from ..runtime.launch import launch, operation
from .max_pool2d import POOLING_PARALLEL_FROM, POOLING_TAPS, overlapping, pooled_plane


def avg_pool2d(
    X: np.ndarray,
    kernel_size,
    stride=None,
    padding=0,
    count_padding: bool = True,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The mean of every window.

    Forward: Y_bijc = (1/n) Σ over h, w in window (i, j) of X_bhwc; n = kh kw, which counts the zeros of the padding, or
        without `count_padding` the number of elements of the window inside the image.
    Backward: `avg_pool2d_backward`.
    Shapes: X (B, H, W, C), Y (B, Ho, Wo, C), Ho = ⌊(H + 2 ph - kh)/sh⌋ + 1; float32 or float64. kernel_size, stride
        (None: the kernel size), padding (less than the kernel): an int or a pair.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    who = "avg_pool2d"
    X0, X = X, as_array(who, "X", X, ndim=4)
    kernel, stride, padding, plane = window_geometry(who, X.shape[1:3], kernel_size, stride, padding)
    Y = checked_out(who, out, (X.shape[0], *plane, X.shape[3]), X.dtype, X0)
    avg_pool2d_unchecked(X, kernel, stride, padding, bool(count_padding), Y)
    return Y


@operation("out")
def avg_pool2d_unchecked(X, kernel_size, stride, padding, count_padding, out=None):
    """Options are pairs."""
    if out is None:
        plane = pooled_plane(X.shape[1:3], kernel_size, stride, padding)
        out = np.empty((len(X), *plane, X.shape[3]), X.dtype)
    serial, parallel = _avg_rows, _avg_parallel
    if kernel_size[0] * kernel_size[1] > POOLING_TAPS:
        serial, parallel = _large_rows, _large_parallel
    if X.size < POOLING_PARALLEL_FROM:
        launch(serial, X, *kernel_size, *stride, *padding, count_padding, out, 0, out.shape[0] * out.shape[1])
    else:
        launch(parallel, X, *kernel_size, *stride, *padding, count_padding, out)
    return out


def avg_pool2d_backward(
    G: np.ndarray,
    input_shape: tuple[int, int, int, int],
    kernel_size,
    stride=None,
    padding=0,
    count_padding: bool = True,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The transpose of average pooling: each gradient is spread evenly over its window.

    Forward: `avg_pool2d`.
    Backward: gX = Pᵀ G, gX_bhwc = the sum of G_bijc / n_ij over the windows (i, j) that hold (h, w).
    Shapes: G (B, Ho, Wo, C), gX `input_shape` = (B, H, W, C); float32 or float64.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    who = "avg_pool2d_backward"
    G0, G = G, as_array(who, "G", G, ndim=4)
    B, H, W, C = input_shape = image_shape(who, "input_shape", input_shape)
    kernel, stride, padding, plane = window_geometry(who, (H, W), kernel_size, stride, padding)
    if G.shape != (B, *plane, C):
        raise ShapeError(f"{who}: expected G of shape {(B, *plane, C)}, got {G.shape}.")
    gX = checked_out(who, out, input_shape, G.dtype, G0)
    avg_pool2d_backward_unchecked(G, input_shape, kernel, stride, padding, bool(count_padding), gX)
    return gX


def averages_in_float64(kernel_size, stride, dtype) -> bool:
    """Whether gradients are added up in float64: where many windows overlap, and theirs is another dtype."""
    return overlapping(kernel_size, stride) > POOLING_TAPS and dtype != np.float64


@operation("out")
def avg_pool2d_backward_unchecked(G, input_shape, kernel_size, stride, padding, count_padding, out=None):
    """Options are pairs."""
    out = np.empty(input_shape, G.dtype) if out is None else out
    if averages_in_float64(kernel_size, stride, out.dtype):
        g, sums = copy_unchecked(G, np.empty(G.shape)), np.empty(out.shape)
        avg_pool2d_backward_unchecked(g, input_shape, kernel_size, stride, padding, count_padding, sums)
        copy_unchecked(sums, out)
    elif out.size < POOLING_PARALLEL_FROM:
        launch(_avg_backward, G, *kernel_size, *stride, *padding, count_padding, out, 0, out.shape[0])
    else:
        launch(_avg_backward_parallel, G, *kernel_size, *stride, *padding, count_padding, out)
    return out


@jit
def _avg_rows(X, kh, kw, sh, sw, ph, pw, count_padding, Y, first, last):
    """Rows first..last of windows, counted over all images."""
    H, W, C = X.shape[1], X.shape[2], X.shape[3]
    Ho, Wo = Y.shape[1], Y.shape[2]
    one = Y.dtype.type(1)
    for row in range(first, last):
        b, i = row // Ho, row % Ho
        top, bottom = max(i * sh - ph, 0), min(i * sh - ph + kh, H)
        for j in range(Wo):
            left, right = max(j * sw - pw, 0), min(j * sw - pw + kw, W)
            n = kh * kw if count_padding else (bottom - top) * (right - left)
            scale = one / Y.dtype.type(n)
            y = Y[b, i, j]
            for c in range(C):
                y[c] = 0
            for h in range(top, bottom):
                for w in range(left, right):
                    x = X[b, h, w]
                    for c in range(C):
                        y[c] += x[c]
            for c in range(C):
                y[c] *= scale


@parallel_jit
def _avg_parallel(X, kh, kw, sh, sw, ph, pw, count_padding, Y):
    for row in prange(Y.shape[0] * Y.shape[1]):
        r = np.int64(row)
        _avg_rows(X, kh, kw, sh, sw, ph, pw, count_padding, Y, r, r + 1)


@jit
def _large_rows(X, kh, kw, sh, sw, ph, pw, count_padding, Y, first, last):
    """`_avg_rows` for large windows, whose sums are float64."""
    H, W, C = X.shape[1], X.shape[2], X.shape[3]
    Ho, Wo = Y.shape[1], Y.shape[2]
    total = np.empty(C)
    for row in range(first, last):
        b, i = row // Ho, row % Ho
        top, bottom = max(i * sh - ph, 0), min(i * sh - ph + kh, H)
        for j in range(Wo):
            left, right = max(j * sw - pw, 0), min(j * sw - pw + kw, W)
            n = kh * kw if count_padding else (bottom - top) * (right - left)
            total[:] = 0
            for h in range(top, bottom):
                for w in range(left, right):
                    x = X[b, h, w]
                    for c in range(C):
                        total[c] += np.float64(x[c])
            y = Y[b, i, j]
            for c in range(C):
                y[c] = total[c] / n


@parallel_jit
def _large_parallel(X, kh, kw, sh, sw, ph, pw, count_padding, Y):
    for row in prange(Y.shape[0] * Y.shape[1]):
        r = np.int64(row)
        _large_rows(X, kh, kw, sh, sw, ph, pw, count_padding, Y, r, r + 1)


@jit
def _avg_backward(G, kh, kw, sh, sw, ph, pw, count_padding, gX, first, last):
    """Images first..last."""
    H, W, C = gX.shape[1], gX.shape[2], gX.shape[3]
    one = gX.dtype.type(1)
    for b in range(first, last):
        flat = gX[b].reshape(-1)
        for k in range(flat.size):
            flat[k] = 0
        for i in range(G.shape[1]):
            top, bottom = max(i * sh - ph, 0), min(i * sh - ph + kh, H)
            for j in range(G.shape[2]):
                left, right = max(j * sw - pw, 0), min(j * sw - pw + kw, W)
                n = kh * kw if count_padding else (bottom - top) * (right - left)
                scale = one / gX.dtype.type(n)
                g = G[b, i, j]
                for h in range(top, bottom):
                    for w in range(left, right):
                        gx = gX[b, h, w]
                        for c in range(C):
                            gx[c] += g[c] * scale


@parallel_jit
def _avg_backward_parallel(G, kh, kw, sh, sw, ph, pw, count_padding, gX):
    for b in prange(gX.shape[0]):
        _avg_backward(G, kh, kw, sh, sw, ph, pw, count_padding, gX, np.int64(b), np.int64(b) + 1)
