"""The maximum of windows of any sizes, which are listed: for pooling with dilation, and for bins that cover an image.

The rows of a window, and its columns, are given by the first one, their number, and the step from one to the next. The
innermost loop runs over the channels; one unit of work is a row of windows.
"""

import functools

import numpy as np
from numba import prange

from ..geometry import bins, taps_inside
from ..runtime.config import jit, parallel_jit
from ..runtime.launch import launch
from ..runtime.parallel import PARALLEL_SIZE


@functools.lru_cache(maxsize=128)
def dilated_windows(windows: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """The windows of a pooling on one axis, (windows, 3): first, number, step."""
    own = taps_inside(windows, size, kernel, stride, padding, dilation)
    return np.array([(first, count, dilation) for first, count in own], np.int64)


@functools.lru_cache(maxsize=128)
def bin_windows(size: int, outputs: int) -> np.ndarray:
    """The bins that cover an axis evenly, as such a list."""
    return np.array([(first, last - first, 1) for first, last in bins(size, outputs)], np.int64)


def listed_max(X, rows, columns, floor, Y, indices) -> None:
    """Y and the places of the maxima, which are at least `floor`, for these windows of the rows and of the columns."""
    launch(_listed if X.size < PARALLEL_SIZE else _listed_parallel, X, rows, columns, floor, Y, indices)


@jit
def _listed_row(X, rows, columns, floor, Y, indices, row):
    """One row of windows of one image."""
    b, i, W = row // Y.shape[1], row % Y.shape[1], X.shape[2]
    top, height, row_step = rows[i, 0], rows[i, 1], rows[i, 2]
    for j in range(Y.shape[2]):
        left, width, column_step = columns[j, 0], columns[j, 1], columns[j, 2]
        y, places, here = Y[b, i, j], indices[b, i, j], np.int32(top * W + left)
        for c in range(y.size):
            y[c], places[c] = floor, here
        for h in range(top, top + height * row_step, row_step):
            for w in range(left, left + width * column_step, column_step):
                x, here = X[b, h, w], np.int32(h * W + w)
                for c in range(y.size):
                    new, best = x[c], y[c]
                    better = (new > best or new != new) and best == best  # the first NaN stays
                    y[c] = new if better else best
                    places[c] = here if better else places[c]


@jit
def _listed(X, rows, columns, floor, Y, indices):
    for row in range(Y.shape[0] * Y.shape[1]):
        _listed_row(X, rows, columns, floor, Y, indices, row)


@parallel_jit
def _listed_parallel(X, rows, columns, floor, Y, indices):
    for row in prange(Y.shape[0] * Y.shape[1]):
        _listed_row(X, rows, columns, floor, Y, indices, np.int64(row))
