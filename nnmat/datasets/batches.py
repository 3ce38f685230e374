"""Minibatches: the rows of arrays in an order drawn once per epoch, cut into batches."""

import math
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nnmat_kernels.indexing.take_rows import take_rows
from nnmat_kernels.runtime.door import array

from ..checks import count
from ..errors import ConfigError, DataError
from ..habits import arguments_checked
from .dataset import Dataset

Inputs = np.ndarray | tuple  # one array, or, for a model of several inputs, a tuple of them
Batch = tuple[Any, ...]  # inputs, targets and perhaps weights


@runtime_checkable
class BatchSource(Protocol):
    """What the Trainer takes batches from: any object with these methods.

    The Trainer asks for the state between epochs; to go on in mid-epoch it loads the one from before the epoch and
    calls `batches(rng, start)`. The order of an epoch is drawn from `rng` when `batches` is called, before the first
    batch: so the generator's state at that moment and the number of batches done (`start`) are all that is needed to
    go on in mid-epoch.
    """

    def __len__(self) -> int:
        """The number of batches in an epoch."""

    def batches(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches `(X, y)` or `(X, y, sample_weight)` of one epoch, from number `start` on.

        X is a tuple of arrays for a model of several inputs.
        """

    def state(self) -> dict:
        """What must be saved besides the generator."""

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""


@runtime_checkable
class SampleSource(BatchSource, Protocol):
    """A batch source that knows how many samples it has, and how many go into a batch: progress counts samples."""

    samples: int
    batch_size: int


class ArrayBatches:
    """The batch source for arrays in memory, or mapped from files (np.memmap).

    Args: `X (n, ...)`, or a tuple of such arrays for a model of several inputs; `y (n, ...)`; `sample_weight (n,)`, or
    `(n, ...)` for rows or entries of samples, or None; `batch_size >= 1`. The last batch of an epoch holds the rows
    that are left. Raises `DataError` for no rows or unequal lengths, `ConfigError` for the batch size.
    """

    @arguments_checked
    def __init__(self, X, y, batch_size: int, shuffle: bool = True, sample_weight=None):
        parts = X if isinstance(X, tuple) and X and all(isinstance(part, np.ndarray) for part in X) else None
        sets = [Dataset(part, y) for part in ((X,) if parts is None else parts)]
        data = sets[0]
        if len(data) == 0:
            raise DataError("ArrayBatches: expected at least one sample, got an empty data set.")
        self.batch_size = count("ArrayBatches", "batch_size", batch_size)
        self.inputs: Inputs = data.X if parts is None else tuple(part.X for part in sets)
        self.arrays: Batch = (*(part.X for part in sets), data.y)  # each row of all of them is of one sample
        if sample_weight is not None:
            sample_weight = array("ArrayBatches", "sample_weight", sample_weight)
            if sample_weight.shape[:1] != (len(data),):
                raise DataError(
                    f"ArrayBatches: expected sample_weight of shape ({len(data)},), one weight for each sample, "
                    f"or ({len(data)}, ...) for its rows or entries, got {sample_weight.shape}."
                )
            self.arrays += (sample_weight,)
        self.samples, self.shuffle = len(data), bool(shuffle)
        self.rows: slice | np.ndarray = slice(0, 0)  # of the batch given last: the samples' numbers

    def __len__(self) -> int:
        return math.ceil(self.samples / self.batch_size)

    def batches(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number `start` on; without shuffling, views in the order of the arrays."""
        if not 0 <= start <= len(self):
            raise ConfigError(f"ArrayBatches.batches: expected start from 0 to {len(self)}, got {start!r}.")
        if self.shuffle and not isinstance(rng, np.random.Generator):
            raise ConfigError(
                f"ArrayBatches.batches: expected rng to be a numpy.random.Generator, got {type(rng).__name__}. "
                "Try np.random.default_rng(0)."
            )
        order = self.order(rng) if self.shuffle else None  # now, not at the first batch
        return self._cut(order, start)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """The numbers of the samples in the order of one epoch, drawn from `rng` as `batches` draws it."""
        return rng.permutation(self.samples)

    def _cut(self, order: np.ndarray | None, start: int) -> Iterator[Batch]:
        for first in range(start * self.batch_size, self.samples, self.batch_size):
            rows = slice(first, first + self.batch_size)
            if order is None:
                self.rows = rows
                batch = tuple(A[rows] for A in self.arrays)
            else:
                self.rows = order[rows]
                batch = tuple(take_rows(A, self.rows) for A in self.arrays)
            yield batch if self.inputs is self.arrays[0] else self._grouped(batch)

    def _grouped(self, batch: Batch) -> Batch:
        """The inputs of a batch as one tuple."""
        return batch[: len(self.inputs)], *batch[len(self.inputs) :]

    def state(self) -> dict:
        """What must be saved besides the generator: nothing, for arrays."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""
        if state:
            raise ConfigError(
                f"ArrayBatches.load_state: expected an empty state, got the entries {sorted(state)}. "
                "Was it saved from another kind of batch source?"
            )


def batches(data: Dataset, batch_size: int, rng: np.random.Generator, shuffle: bool = True) -> Iterator[Batch]:
    """One pass over a data set in batches `(X, y)`, in an order drawn from `rng`; the last one may be smaller."""
    return ArrayBatches(data.X, data.y, batch_size, shuffle).batches(rng)
