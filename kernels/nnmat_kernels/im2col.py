"""The patch matrix of a stack of images (im2col) and its transpose, the scatter-add (col2im).

Row (n, i, j) of U (B Ho Wo, kh kw C) is the window at output position (i, j) of image n, in the order (kernel row,
kernel column, channel); what lies in the padding is zero. In channels-last memory a kernel row is one run of kw C
numbers:

      image n, row i sh - ph + a dh   ......|== kw C ==|......     (dilation 1)
      row (n, i, j) of U              |== a = 0 ==|== a = 1 ==| ...

The bodies `gather_rows` and `scatter_rows` do a band of output rows of one image and a range of channels, because the
convolutions never build the whole matrix: they fill a piece that fits in the level-2 cache and use it at once.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from .checks import as_array, output
from .config import jit, parallel_jit
from .errors import ShapeError
from .geometry import image_shape, output_plane, pair

PARALLEL_ELEMENTS = 65_536
CHUNKS = 64  # pieces of the work, whatever the number of threads


class Window(NamedTuple):
    """Sizes of one sliding-window operation, as the kernels take them."""

    B: int
    H: int
    W: int
    C: int
    Ho: int
    Wo: int
    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int
    dh: int
    dw: int


@jit
def gather_rows(X, n, channel, width, first, last, U, u, ldu, w):
    """Windows of output rows first..last-1 of image n, `width` channels from `channel`, as rows of U from offset u."""
    zero = X.dtype.type(0)
    whole = w.dw == 1 and width == w.C
    run = w.kw * width
    for i in range(first, last):
        for j in range(w.Wo):
            q = u + ((i - first) * w.Wo + j) * ldu
            x = j * w.sw - w.pw
            inside = whole and x >= 0 and x + w.kw <= w.W
            for a in range(w.kh):
                y = i * w.sh - w.ph + a * w.dh
                row = U[q + a * run : q + (a + 1) * run]
                if y < 0 or y >= w.H:
                    for t in range(run):
                        row[t] = zero
                elif inside:
                    s = ((n * w.H + y) * w.W + x) * w.C
                    source = X[s : s + run]
                    for t in range(run):
                        row[t] = source[t]
                else:
                    for b in range(w.kw):
                        xb = x + b * w.dw
                        part = row[b * width : (b + 1) * width]
                        if xb < 0 or xb >= w.W:
                            for t in range(width):
                                part[t] = zero
                        else:
                            s = ((n * w.H + y) * w.W + xb) * w.C + channel
                            source = X[s : s + width]
                            for t in range(width):
                                part[t] = source[t]


@jit
def scatter_rows(U, u, ldu, X, n, channel, width, first, last, w):
    """The transpose of `gather_rows`: adds rows of U to the places of X that they were copied from."""
    whole = w.dw == 1 and width == w.C
    run = w.kw * width
    for i in range(first, last):
        for j in range(w.Wo):
            q = u + ((i - first) * w.Wo + j) * ldu
            x = j * w.sw - w.pw
            inside = whole and x >= 0 and x + w.kw <= w.W
            for a in range(w.kh):
                y = i * w.sh - w.ph + a * w.dh
                if y < 0 or y >= w.H:
                    continue
                row = U[q + a * run : q + (a + 1) * run]
                if inside:
                    s = ((n * w.H + y) * w.W + x) * w.C
                    target = X[s : s + run]
                    for t in range(run):
                        target[t] += row[t]
                else:
                    for b in range(w.kw):
                        xb = x + b * w.dw
                        if 0 <= xb < w.W:
                            part = row[b * width : (b + 1) * width]
                            s = ((n * w.H + y) * w.W + xb) * w.C + channel
                            target = X[s : s + width]
                            for t in range(width):
                                target[t] += part[t]


@jit
def _im2col_piece(X, U, first, last, w):
    """Output rows first..last-1, counted through all images."""
    width, zero = (
        w.kh * w.kw * w.C,
        np.int64(0),
    )  # not the literal 0, for which Numba would compile every callee once more
    for r in range(first, last):
        gather_rows(X, r // w.Ho, zero, w.C, r % w.Ho, r % w.Ho + 1, U, r * w.Wo * width, width, w)


@parallel_jit
def _im2col_parallel(X, U, chunks, w):
    rows = w.B * w.Ho
    for chunk in prange(chunks):
        _im2col_piece(X, U, np.int64(chunk) * rows // chunks, (np.int64(chunk) + 1) * rows // chunks, w)


@jit
def _col2im_piece(U, X, first, last, w):
    """Images first..last-1."""
    width, size, zero = w.kh * w.kw * w.C, w.H * w.W * w.C, np.int64(0)
    for n in range(first, last):
        X[n * size : (n + 1) * size] = 0
        scatter_rows(U, n * w.Ho * w.Wo * width, width, X, n, zero, w.C, zero, w.Ho, w)


@parallel_jit
def _col2im_parallel(U, X, chunks, w):
    for chunk in prange(chunks):
        _col2im_piece(U, X, np.int64(chunk) * w.B // chunks, (np.int64(chunk) + 1) * w.B // chunks, w)


def window(who, shape, kernel_size, stride, padding, dilation) -> Window:
    """The `Window` of an operation on images of `shape` (B, H, W, C), after checking it."""
    kernel = pair(who, "kernel_size", kernel_size)
    strides, pads = pair(who, "stride", stride), pair(who, "padding", padding, 0)
    dilations = pair(who, "dilation", dilation)
    Ho, Wo = output_plane(who, (shape[1], shape[2]), kernel, strides, pads, dilations)
    B, H, W, C = (int(size) for size in shape)
    return Window(B, H, W, C, Ho, Wo, *kernel, *strides, *pads, *dilations)


def im2col(X: np.ndarray, kernel_size, stride=1, padding=0, dilation=1, out: np.ndarray | None = None) -> np.ndarray:
    """The patch matrix: one row for each output position of a sliding window, holding the window's numbers.

    Forward:   U[(n, i, j), (a, b, c)] = Xpad[n, i sh + a dh, j sw + b dw, c]; vec U = S vec X with a 0/1 matrix S
    Backward:  vec gX = Sᵀ vec gU          (`col2im`)
    Shapes:    X (B, H, W, C), U (B Ho Wo, kh kw C), Ho = `conv_output_size(H, kh, sh, ph, dh)`; float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping X)
    Reference: docs/equations.md, section 3.2
    """
    X0, X = X, as_array("im2col", "X", X, 4)
    w = window("im2col", X.shape, kernel_size, stride, padding, dilation)
    out = output("im2col", out, (w.B * w.Ho * w.Wo, w.kh * w.kw * w.C), X.dtype, X0)
    rows = w.B * w.Ho
    if out.size < PARALLEL_ELEMENTS:
        _im2col_piece(X.reshape(-1), out.reshape(-1), 0, rows, w)
    else:
        _im2col_parallel(X.reshape(-1), out.reshape(-1), min(CHUNKS, rows), w)
    return out


def col2im(
    cols: np.ndarray, input_shape, kernel_size, stride=1, padding=0, dilation=1, out: np.ndarray | None = None
) -> np.ndarray:
    """The transpose of `im2col`: every number of a patch matrix is added to the place in the image that it stands for.

    Forward:   vec X = Sᵀ vec U, that is X[n, y, x, c] = Σ U[(n, i, j), (a, b, c)] over all i, j, a, b with
               i sh + a dh - ph = y and j sw + b dw - pw = x
    Backward:  vec gU = S vec gX          (`im2col`)
    Shapes:    cols = U (B Ho Wo, kh kw C), X of `input_shape` (B, H, W, C); float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping cols)
    Reference: docs/equations.md, section 3.2
    """
    cols0, cols = cols, as_array("col2im", "cols", cols, 2)
    shape = image_shape("col2im", "input_shape", input_shape)
    w = window("col2im", shape, kernel_size, stride, padding, dilation)
    expected = (w.B * w.Ho * w.Wo, w.kh * w.kw * w.C)
    if cols.shape != expected:
        raise ShapeError(
            f"col2im: expected cols of shape {expected} for input_shape {shape}, got {cols.shape}. "
            "Try the same arguments as in im2col."
        )
    out = output("col2im", out, shape, cols.dtype, cols0)
    if cols.size < PARALLEL_ELEMENTS:
        _col2im_piece(cols.reshape(-1), out.reshape(-1), 0, w.B, w)
    else:
        _col2im_parallel(cols.reshape(-1), out.reshape(-1), min(CHUNKS, w.B), w)
    return out
