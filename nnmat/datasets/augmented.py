"""A batch source whose batches go through a random transform, the same again when a run is resumed."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ..errors import ConfigError, DataError
from .batches import Batch, BatchSource

Transform = Callable[[Any, np.random.Generator], Any]


class AugmentedBatches:
    """The batches of `source` with X replaced by `transform(X, rng)`; y and weights stay.

    At the beginning of an epoch one number is drawn from the Trainer's generator, after the order of the samples; the
    generator of batch i is made of it and i. So a run that goes on in mid-epoch makes the same batches.
    """

    def __init__(self, source: BatchSource, transform: Transform):
        if not callable(transform):
            raise ConfigError(
                f"augment: expected a function of a batch X and a numpy.random.Generator, such as datasets.Augment("
                f"shift=2), got {type(transform).__name__}."
            )
        self.source, self.transform = source, transform
        for name in ("samples", "batch_size"):  # of sources that have them
            if hasattr(source, name):
                setattr(self, name, getattr(source, name))

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number `start` on."""
        return self.applied(self.source.batches(rng, start), rng, start)

    def applied(self, found: Iterable[Batch], rng: np.random.Generator, start: int) -> Iterator[Batch]:
        """Batches of the source, which are numbered from `start` on, transformed."""
        return self._transformed(found, int(rng.integers(2**63)), start)  # drawn now, not at the first batch

    def _transformed(self, found: Iterable[Batch], key: int, start: int) -> Iterator[Batch]:
        for number, (X, *others) in enumerate(found, start):
            yield self.of_batch(X, np.random.default_rng([key, number])), *others

    def of_batch(self, X: Any, rng: np.random.Generator) -> Any:
        """The transform of one batch, which may change it in place; DataError if it has another number of rows."""
        X = tuple(map(_own, X)) if isinstance(X, tuple) else _own(X)
        Y = self.transform(X, rng)
        rows = [len(A[0] if isinstance(A, tuple) else A) if hasattr(A, "__len__") else None for A in (X, Y)]
        if rows[0] != rows[1]:
            given = f"an array of shape {Y.shape}" if isinstance(Y, np.ndarray) else type(Y).__name__
            raise DataError(f"augment: expected as many rows as it was given, {rows[0]}, got {given}.")
        return Y

    def of_first(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """What the transform makes of the first sample of arrays: it may have another shape than that has."""
        first = tuple(A[:1] for A in inputs)
        found = self.of_batch(first if len(first) > 1 else first[0], np.random.default_rng(0))
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(array("augment", "its result", A) for A in parts)

    def state(self) -> dict:
        """That of the source."""
        return self.source.state()

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""
        self.source.load_state(state)

    def settings(self) -> dict:
        """What must be the same for a run to be resumed."""
        transform = self.transform
        name = getattr(transform, "__qualname__", type(transform).__qualname__)
        return {"name": name, "config": transform.config() if hasattr(transform, "config") else None}


def _own(A: Any) -> Any:
    """A, or a copy if its memory is a part of another array's: of the data, which stays as it is."""
    return A.copy() if isinstance(A, np.ndarray) and A.base is not None else A
