"""One call of `fit`: its data and settings, and where it stands."""

import copy
import functools
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..datasets import BatchSource, SampleSource
from ..datasets.augmented import AugmentedBatches
from ..formats.paths import as_path
from .callbacks.base import Callback
from .checkpoint import Progress, read_checkpoint, write_checkpoint
from .data import checksum
from .nonfinite import check_parameters
from .reporting.history import warn_unwritten


class Run:
    """Data, budget and callbacks of a run; `state` is what a checkpoint holds of it."""

    def __init__(
        self,
        trainer,
        source: BatchSource,
        check: BatchSource | None,
        callbacks: Sequence[Callback],
        budget: tuple[float, float],
        seed: int,
    ):
        self.trainer, self.source, self.check, self.callbacks = trainer, source, check, callbacks
        (self.last_epoch, self.last_step), self.seed = budget, seed
        self.rng = np.random.default_rng(seed)
        counted = samples_of(source)
        self.samples: int | None = counted[0]
        self.batch_size: int | None = counted[1]
        self.check_batch_size = samples_of(check)[1] if check is not None else None  # looked up once: it takes 20 us
        self.state = Progress()
        self.source_state: dict = copy.deepcopy(source.state())  # like state.rng_state: at the start of the epoch
        self.settings = self._settings()
        self.files: set[Path] = set()  # of this run: what it was resumed from, and the checkpoints that it wrote

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to do."""
        state = self.state
        return not self.trainer.stop and state.epoch < self.last_epoch and state.step < self.last_step

    def _settings(self) -> dict:
        """What must be the same for a run to be resumed."""
        check = self.check
        return {
            **self.trainer.settings(),
            "batches per epoch": len(self.source),
            "samples": self.samples,
            "batch size": self.batch_size,
            "batches of the validation data": None if check is None else len(check),
            "steps": None if math.isinf(self.last_step) else int(self.last_step),
            "seed": self.seed,
            "callbacks": [type(callback).__name__ for callback in self.callbacks],
            "callbacks' options": [callback.config() for callback in self.callbacks],
            **({"augment": self.source.settings()} if isinstance(self.source, AugmentedBatches) else {}),
        }

    @functools.cached_property
    def all_settings(self) -> dict:
        """The settings with those that take a pass over the data, so only for a checkpoint."""
        checksums = {"training": checksum(self.source), "validation": checksum(self.check)}
        return self.settings | {f"checksum of the {name} data": value for name, value in checksums.items()}

    def resume(self, path: str | os.PathLike) -> None:
        """Go on where the run stood whose state is in `path`."""
        self.state = read_checkpoint(path, self.all_settings, self.trainer.held(), self.source, self.callbacks)
        self.rng.bit_generator.state = self.state.rng_state
        self.source_state = copy.deepcopy(self.source.state())
        self.files.add(as_path("resume", path))

    def steps_left(self) -> float:
        """The steps to come, if nothing stops the run."""
        epochs = (self.last_epoch - self.state.epoch) * len(self.source) - self.state.batches
        return min(epochs, self.last_step - self.state.step)

    def begin_epoch(self) -> None:
        """Note the generator's state; on resume, too, this is the one at the start of the epoch."""
        self.state.rng_state = dict(self.rng.bit_generator.state)

    def end_epoch(self) -> None:
        """Note the states that the next epoch starts from."""
        self.state.rng_state, self.source_state = dict(self.rng.bit_generator.state), copy.deepcopy(self.source.state())

    def write(self, path: Path, requested: Iterable[Path]) -> None:
        """Write a checkpoint, with the checkpoints that are still to be written when the epoch is finished.

        Raises NonFiniteError, before anything is written, if the last update made parameters infinite; OSError.
        """
        held = self.trainer.held()
        check_parameters(held.models, self.state)
        self.state.requested = [str(path) for path in requested]
        self.state.stopped = any(callback.stopped for callback in self.callbacks)
        write_checkpoint(path, self.state, self.all_settings, held, self.source_state, self.callbacks)
        self.files.add(path)

    def write_all(self, paths: Iterable[Path], requested: Iterable[Path] = ()) -> None:
        """Write checkpoints; of one that cannot be written a RuntimeWarning tells, and the run goes on."""
        for path in dict.fromkeys(paths):
            try:
                self.write(path, requested)
            except OSError as error:
                warn_unwritten("fit", f"the checkpoint {path}", error)


def samples_of(source: BatchSource) -> tuple[int, int] | tuple[None, None]:
    """The samples of a source and of a batch, if it knows."""
    return (source.samples, source.batch_size) if isinstance(source, SampleSource) else (None, None)
