"""The patch matrix of a stack of images (im2col) and its transpose, the scatter-add (col2im).

Row (n, i, j) of U (B Ho Wo, kh kw C) is the window at output position (i, j) of image n, in the order (kernel row,
kernel column, channel); what lies in the padding is zero. In channels-last memory a kernel row is one run of kw C
numbers:

      image n, row i sh - ph + a dh   ......|== kw C ==|......     (dilation 1)
      row (n, i, j) of U              |== a = 0 ==|== a = 1 ==| ...

The rows are written from first to last, so a run may be copied as whole vector registers: what it writes beyond its
end is overwritten by the next. (A run is 5 numbers in the first layer of a network, too few for a loop of its own.)
"""

import numpy as np
from numba import prange

from ..codegen.copies import copy_runs
from ..errors import ShapeError
from ..geometry import image_shape, window
from ..runtime.arrays import as_array, checked_out
from ..runtime.config import ZERO, inlined_jit, jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.target import VECTOR_BYTES

IM2COL_PARALLEL_FROM = 65_536  # numbers of the matrix
IM2COL_CHUNKS = 64  # pieces of the work, whatever the number of threads
SHORT_RUN = 64  # numbers in a run that is copied by registers; a longer one is worth a loop of its own
COPY_SLACK = VECTOR_BYTES // 4  # numbers in a register, at most


@jit
def _inside(x, taps, step, size):
    """The taps b < `taps` with 0 <= x + b step < size: from the first to before the last."""
    if x >= 0 and x + (taps - 1) * step < size:
        return ZERO, taps
    first = min(taps, max(0, (step - 1 - x) // step))
    return first, max(first, min(taps, (size - x + step - 1) // step))


@jit
def _copy_window(X, start, U, u, top, bottom, left, right, w):
    """One row of U; of its taps only top..bottom-1 by left..right-1 lie in the image."""
    run = w.kw * w.C
    length, taps = ((right - left) * w.C, min(left + 1, right)) if w.dw == 1 else (w.C, right)
    for a in range(w.kh):
        row = U[u + a * run : u + (a + 1) * run]
        if a < top or a >= bottom:
            row[:] = 0
            continue
        if left > 0:
            row[: left * w.C] = 0
        if right < w.kw:
            row[right * w.C :] = 0
        for b in range(left, taps):  # once, if taps lie side by side in the image too
            x = start + (a * w.dh * w.W + b * w.dw) * w.C
            source, target = X[x : x + length], row[b * w.C : b * w.C + length]
            for t in range(length):
                target[t] = source[t]


@jit
def _im2col_piece(X, U, first, last, w):
    """Output rows first..last-1, counted through all images."""
    run, step = w.kw * w.C, w.dh * w.W * w.C
    u, end = first * w.Wo * w.kh * run, last * w.Wo * w.kh * run - COPY_SLACK
    for r in range(first, last):
        y = r % w.Ho * w.sh - w.ph
        top, bottom = _inside(y, w.kh, w.dh, w.H)
        for j in range(w.Wo):
            x = j * w.sw - w.pw
            left, right = _inside(x, w.kw, w.dw, w.W)
            start = ((r // w.Ho * w.H + y) * w.W + x) * w.C  # where the window begins, if that is inside
            whole = run <= SHORT_RUN and w.dw == 1 and right - left == w.kw and bottom - top == w.kh
            if whole and u + w.kh * run <= end and start + (w.kh - 1) * step + run + COPY_SLACK <= X.size:
                copy_runs(X, start, step, U, u, run, w.kh)
            else:
                _copy_window(X, start, U, u, top, bottom, left, right, w)
            u += w.kh * run


@parallel_jit
def _im2col_parallel(X, U, chunks, w):
    rows = w.B * w.Ho
    for chunk in prange(chunks):
        _im2col_piece(X, U, np.int64(chunk) * rows // chunks, (np.int64(chunk) + 1) * rows // chunks, w)


@inlined_jit
def _add_window(U, u, X, start, top, bottom, left, right, w):
    """A row of U, added to its place in the image; of its taps only top..bottom-1 by left..right-1 lie there."""
    run, step = w.kw * w.C, w.dh * w.W * w.C
    if w.dw == 1 and right - left == w.kw:
        for a in range(top, bottom):
            v, z = u + a * run, start + a * step
            source, target = U[v : v + run], X[z : z + run]
            for t in range(run):
                target[t] += source[t]
    else:
        for a in range(top, bottom):
            for b in range(left, right):
                v, z = u + a * run + b * w.C, start + a * step + b * w.dw * w.C
                source, target = U[v : v + w.C], X[z : z + w.C]
                for c in range(w.C):
                    target[c] += source[c]


@jit
def _col2im_piece(U, X, first, last, w):
    """Images first..last-1."""
    run, size = w.kw * w.C, w.H * w.W * w.C
    X[first * size : last * size] = 0
    u = first * w.Ho * w.Wo * w.kh * run
    for r in range(first * w.Ho, last * w.Ho):
        y = r % w.Ho * w.sh - w.ph
        top, bottom = _inside(y, w.kh, w.dh, w.H)
        for j in range(w.Wo):
            x = j * w.sw - w.pw
            left, right = _inside(x, w.kw, w.dw, w.W)
            start = ((r // w.Ho * w.H + y) * w.W + x) * w.C
            _add_window(U, u, X, start, top, bottom, left, right, w)
            u += w.kh * run


@parallel_jit
def _col2im_parallel(U, X, chunks, w):
    for chunk in prange(chunks):
        _col2im_piece(U, X, np.int64(chunk) * w.B // chunks, (np.int64(chunk) + 1) * w.B // chunks, w)


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
    out = checked_out("im2col", out, (w.B * w.Ho * w.Wo, w.kh * w.kw * w.C), X.dtype, X0)
    return _im2col(X, out, w)


@operation("out")
def im2col_unchecked(X, kernel_size, stride, padding, dilation, out=None):
    w = window("im2col", X.shape, kernel_size, stride, padding, dilation)
    return _im2col(X, np.empty((w.B * w.Ho * w.Wo, w.kh * w.kw * w.C), X.dtype) if out is None else out, w)


def _im2col(X, out, w):
    rows = w.B * w.Ho
    if out.size < IM2COL_PARALLEL_FROM:
        launch(_im2col_piece, X.reshape(-1), out.reshape(-1), 0, rows, w)
    else:
        launch(_im2col_parallel, X.reshape(-1), out.reshape(-1), min(IM2COL_CHUNKS, rows), w)
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
    out = checked_out("col2im", out, shape, cols.dtype, cols0)
    return _col2im(cols, out, w)


@operation("out")
def col2im_unchecked(cols, input_shape, kernel_size, stride, padding, dilation, out=None):
    w = window("col2im", input_shape, kernel_size, stride, padding, dilation)
    return _col2im(cols, np.empty(input_shape, cols.dtype) if out is None else out, w)


def _col2im(cols, out, w):
    if cols.size < IM2COL_PARALLEL_FROM:
        launch(_col2im_piece, cols.reshape(-1), out.reshape(-1), 0, w.B, w)
    else:
        launch(_col2im_parallel, cols.reshape(-1), out.reshape(-1), min(IM2COL_CHUNKS, w.B), w)
    return out
