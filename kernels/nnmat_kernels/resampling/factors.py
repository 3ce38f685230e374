"""Sparse matrices R that make an axis of another size: y = R x for one row, or one column, of an image.

      upsampling    nearest     R_im = 1 for m = ⌊i n/n'⌋
                    linear      R_im = the weights of the two pixels between which output pixel i lies
      averages      windows     R_im = 1/n_i for the pixels m of window i
                    bins        the same, of n' windows that cover the axis evenly
      padding       the ends    R_im = 1 for the pixel m that stands at place i; no entry where a constant stands

The makers take sizes and options that have been checked. Plain NumPy, done once for each layer.
"""

import functools

import numpy as np

from ..geometry import bins, pooled_size

PAD_MODES = ("constant", "reflect", "replicate", "circular")


class Factor:
    """A sparse matrix of `shape` (outputs, inputs), as lists for each row: where they begin, the columns, the entries.

    Made of its entries `weights[t]` at `(rows[t], columns[t])`, in any order; zeros are left out.
    """

    def __init__(self, shape: tuple[int, int], rows, columns, weights):
        rows, columns, weights = (np.asarray(A).reshape(-1) for A in np.broadcast_arrays(rows, columns, weights))
        order = np.lexsort((columns, rows))
        order = order[weights[order] != 0]
        self.shape = shape
        self.rows = rows[order].astype(np.int64)
        self.places = columns[order].astype(np.int64)
        self.weights = weights[order].astype(np.float64)
        self.starts = np.searchsorted(self.rows, np.arange(shape[0] + 1)).astype(np.int64)

    @classmethod
    def of(cls, R: np.ndarray) -> "Factor":
        """That of a matrix."""
        rows, columns = np.nonzero(R)
        return cls(R.shape, rows, columns, R[rows, columns])

    @functools.cached_property
    def T(self) -> "Factor":
        """The transpose."""
        return Factor(self.shape[::-1], self.places, self.rows, self.weights)

    @functools.cached_property
    def most(self) -> int:
        """The most entries of a row."""
        return int(np.diff(self.starts).max(initial=0))

    def dense(self) -> np.ndarray:
        """The matrix as an array."""
        R = np.zeros(self.shape)
        np.add.at(R, (self.rows, self.places), self.weights)
        return R

    def __repr__(self) -> str:
        return f"Factor(shape={self.shape}, entries={len(self.rows)})"


def nearest(size: int, outputs: int) -> Factor:
    """Each output is the input at whose place it lies."""
    i = np.arange(outputs)
    return Factor((outputs, size), i, i * size // outputs, 1.0)


def linear(size: int, outputs: int, align_corners: bool) -> Factor:
    """Each output lies between two inputs, and is nearer to one.

    Pixels are squares, whose corners lie above each other; with `align_corners` they are points, and the first and the
    last ones lie above each other. What lies beyond the first or last input counts as that.
    """
    i = np.arange(outputs)
    if align_corners:
        at = i * ((size - 1) / (outputs - 1)) if outputs > 1 else 0.0 * i
    else:
        at = np.clip((i + 0.5) * (size / outputs) - 0.5, 0, size - 1)
    first = np.minimum(at.astype(np.int64), size - 1)
    second = np.minimum(first + 1, size - 1)
    above = np.where(second > first, at - first, 0.0)
    return Factor((outputs, size), [i, i], [first, second], [1.0 - above, above])


def bin_means(size: int, outputs: int) -> Factor:
    """The means of bins that cover the axis evenly; neighbours may share an input."""
    return _means(size, [(first, last, last - first) for first, last in bins(size, outputs)])


def window_means(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, count_padding: bool, divide: bool = True
) -> Factor:
    """The means of sliding windows, or their sums if not `divide`.

    With `count_padding` a window is divided by all its places up to the end of the padding, else by those inside.
    """
    windows = []
    for i in range(pooled_size(size, kernel, stride, padding, 1, ceil_mode)):
        first = i * stride - padding
        counted = min(first + kernel, size + padding) - first
        first, last = max(first, 0), min(first + kernel, size)
        windows.append((first, last, (counted if count_padding else last - first) if divide else 1))
    return _means(size, windows)


def padded(size: int, before: int, after: int, mode: str) -> Factor:
    """The input with so many places before and after it: of `PAD_MODES`, "constant" leaves them without entries."""
    i = np.arange(size + before + after)
    place = i - before
    if mode == "reflect" and size > 1:
        place = np.abs(place)
        place = (size - 1) - np.abs(size - 1 - place)
    elif mode == "replicate":
        place = np.clip(place, 0, size - 1)
    elif mode == "circular":
        place = place % size
    inside = (place >= 0) & (place < size)
    return Factor((len(i), size), i[inside], place[inside], 1.0)


def _means(size: int, windows: list[tuple[int, int, int]]) -> Factor:
    """Of windows (first, last + 1, divisor)."""
    rows = [np.full(last - first, i) for i, (first, last, _) in enumerate(windows)]
    columns = [np.arange(first, last) for first, last, _ in windows]
    weights = [np.full(last - first, 1.0 / n) for first, last, n in windows]
    return Factor((len(windows), size), *map(np.concatenate, (rows, columns, weights)))
