"""A data set in memory: samples `X` and targets `y` of equal length."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from nnmat_kernels.programs.html import html_table
from nnmat_kernels.runtime.door import array, plain

from ..errors import ConfigError, DataError
from ..habits import arguments_checked
from .tables.frames import numbers_of


class Dataset:
    """Samples `X (n, ...)` and targets `y (n, ...)`; row i of both belongs to sample i.

    `data[3]` is the pair `(x, y)` of one sample; `data[:100]`, `data[[4, 2]]` and `data[mask]` are data sets (a slice
    shares memory, the other two copy). X and y are arrays, or lists, data frames and the like. Raises `DataError` if
    the lengths differ or an array has no first axis, `DtypeError` for what is no array, is masked or sparse or holds
    Python objects, `ShapeError` for rows of unequal lengths.

    `labels`: the names of the classes, where y holds their numbers (`data.labels[data.y[0]]`), or None. `origin`: what
    a reader took for what in the file, shown by `print(data)`. Parts of a data set have both too.
    """

    labels: tuple[str, ...] | None = None
    origin: str = ""

    @arguments_checked
    def __init__(self, X, y, labels: Sequence[str] | None = None, origin: str = ""):
        if _are_several(X, y):
            raise DataError(
                f"Dataset: expected X as one array, got a tuple of {len(X)}. Several inputs have no Dataset: give fit "
                "and evaluate the arrays themselves, ((X1, X2), y)."
            )
        self.labels, self.origin = None if labels is None else tuple(labels), origin
        self.X = array("Dataset", "X", numbers_of("Dataset", "X", X))
        self.y = array("Dataset", "y", numbers_of("Dataset", "y", y))
        for name, A in (("X", self.X), ("y", self.y)):
            if A.ndim == 0:
                raise DataError(
                    f"Dataset: expected {name} with a first axis that counts the samples, got a scalar. "
                    f"One sample is {name}[np.newaxis]."
                )
        if len(self.X) != len(self.y):
            raise DataError(
                f"Dataset: expected as many targets as samples, got {len(self.X)} rows in X and {len(self.y)} in y."
            )

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index) -> Any:
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            return self.X[index], self.y[index]
        if isinstance(index, slice):
            return self._part(index)
        rows = np.asarray(plain("Dataset", "index", index) if isinstance(index, np.ma.MaskedArray) else index)
        numbers = rows.dtype.kind in "biu" or rows.size == 0
        if isinstance(index, tuple) or rows.ndim != 1 or not numbers:
            raise IndexError(
                "Dataset: expected an integer, a slice, or a 1-D array of integers or booleans as index, "
                f"got {index!r}. Index data.X and data.y for other axes."
            )
        rows = rows if rows.dtype == bool else rows.astype(np.int64)
        return self._part(rows)

    def _part(self, rows) -> "Dataset":
        return Dataset(self.X[rows], self.y[rows], self.labels, self.origin)

    def split(self, size: float | int, seed: int | np.random.Generator = 0) -> tuple["Dataset", "Dataset"]:
        """Two data sets without common samples, drawn at random: the first of the given size, the second the rest.

        `size` is a fraction of the samples (a float between 0 and 1) or a count (an integer). Both parts must have at
        least one sample, else `ConfigError`. The same seed gives the same parts.
        """
        n = len(self)
        if isinstance(size, (float, np.floating)) and 0 < size < 1:
            count = round(float(size) * n)
        elif isinstance(size, (int, np.integer)) and not isinstance(size, bool):
            count = int(size)
        else:
            raise ConfigError(
                f"Dataset.split: expected a fraction between 0 and 1 or a whole number of samples, got {size!r}."
            )
        if not 0 < count < n:
            raise ConfigError(
                f"Dataset.split: expected both parts to have a sample, got {size!r} of {n}, "
                f"which makes parts of {count} and {n - count}. Choose a count from 1 to {n - 1}."
            )
        order = np.random.default_rng(seed).permutation(n)
        return self[order[:count]], self[order[count:]]

    def _repr_html_(self) -> str:
        rows = [[name, str(A.shape), str(A.dtype)] for name, A in (("X", self.X), ("y", self.y))]
        if self.labels is not None:
            rows.append(["labels", f"({len(self.labels)},)", ", ".join(map(str, self.labels[:10]))])
        more = f"\n<p>{escape(self.origin)}</p>" if self.origin else ""
        return html_table(["Dataset", "shape", "dtype"], rows, left=3) + more

    def __repr__(self) -> str:
        labels = f", {len(self.labels)} labels" if self.labels is not None else ""
        origin = f"; {self.origin}" if self.origin else ""
        return f"Dataset(X {self.X.shape} {self.X.dtype}, y {self.y.shape} {self.y.dtype}{labels}{origin})"


def _are_several(X, y) -> bool:
    """Whether X is a tuple of arrays with as many rows each as y has, and not one of rows."""
    if (
        not isinstance(X, tuple)
        or not isinstance(y, list | np.ndarray)
        or getattr(y, "ndim", 1) == 0
        or len(X) in (0, len(y))
    ):
        return False
    return all(isinstance(part, np.ndarray) and part.ndim > 0 and len(part) == len(y) for part in X)
