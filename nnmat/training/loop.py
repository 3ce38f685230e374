"""What all trainings share: runs of epochs, callbacks, checkpoints, and how a run ends."""

import abc
import copy
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..calls import Inputs
from ..checks import count
from ..errors import ConfigError, DataError, StateError
from ..formats.paths import as_path
from ..layers.base import Layer
from .callbacks.base import Callback
from .checkpoint import INTERRUPTED, Held, free_name
from .data import batches
from .interruption import SIGNALS, Interruption, TrainingInterrupted
from .nonfinite import check_parameters
from .reporting.display import Display
from .reporting.history import History
from .run import Run

_UNWRITABLE = "the working folder cannot be written to. Try fit(..., checkpoint=path)"
_UNWRITABLE_NOW = "Checkpoint(path, every_steps=...) keeps files in the course of a run"


class Loop(abc.ABC):
    """Repeats epochs until a run is over, interrupted or in error. A training says what an epoch and its end are."""

    model: Layer  # what callbacks that keep a model keep

    def __init__(self) -> None:
        self.stop = False  # a callback sets it to end training
        self.validating = False  # whether the run has validation data
        self.figures: list[str] = []  # those that each epoch of the run has, if callbacks add none of their own
        self._run: Run | None = None  # the present one
        self._requested: list[Path] = []  # checkpoints to be written when the epoch is finished
        self._due: list[Path] = []  # checkpoints to be written after the present step

    def __getstate__(self):
        return {**self.__dict__, "_run": None}  # its data and files are no part of a copy

    @abc.abstractmethod
    def held(self) -> Held:
        """What a checkpoint keeps; `model` comes first."""

    @abc.abstractmethod
    def settings(self) -> dict:
        """What must be the same for a run to be resumed, beside the data and the arguments of `fit`."""

    @abc.abstractmethod
    def inputs(self) -> Iterator[Inputs]:
        """The batches that `model` is given in an epoch, drawn anew; the run does not change (for callbacks)."""

    @abc.abstractmethod
    def _epoch(self, run: Run, interruption: Interruption, display: Display) -> None:
        """Train on the batches of one epoch, from the present position on."""

    @abc.abstractmethod
    def _finish_epoch(self, run: Run, interruption: Interruption, display: Display) -> bool:
        """Put the epoch's figures into the history and start the next epoch; False if the run stops before."""

    def _drawn_anew(self, model: Layer) -> Iterator[tuple]:
        """The batches of another epoch of the present run, whose source is put back then."""
        if self._run is None:
            raise StateError("inputs: there is no run in progress. Call it from a callback, within fit.")
        run = self._run
        before = copy.deepcopy(run.source.state())
        try:
            yield from batches("fit", model, run.source, np.random.default_rng(run.seed))
        finally:
            run.source.load_state(before)

    def _end_run(self) -> None:
        """Whatever is to be done when a run has ended, in whichever way."""

    def request_checkpoint(self, path: str | os.PathLike, now: bool = False) -> None:
        """Write the state of the run to `path` once the present epoch is finished (for callbacks).

        With `now`, after the present step; so also if the run is stopped (`trainer.stop = True`) within an epoch. A
        run that is resumed from the file goes on. To be called from `on_step_end` or `on_epoch_end`: one from
        `on_train_end` comes too late and is not served.
        """
        (self._due if now else self._requested).append(as_path("request_checkpoint", path))

    def _train(self, run: Run, display: Display, figures: list[str], checkpoint, path: Path | None, resume) -> History:
        """The history of a run; `figures` of an epoch are known before. `path`: where `checkpoint` leads to."""
        callbacks = run.callbacks
        self.stop, self._requested, self._due, self.validating = False, [], [], run.check is not None
        self._run = run
        self.figures = [] if any(_adds_figures(c) for c in callbacks) else figures
        begun: list[Callback] = []
        try:
            for callback in callbacks:
                callback.on_train_begin(self)
                begun.append(callback)
            if resume is not None:
                run.resume(resume)
                self.stop = self.stop or run.state.stopped
                self._requested = [Path(path) for path in run.state.requested]
            with Interruption() as interruption:
                self._epochs(run, interruption, display)
                if interruption.signal is not None and run.goes_on:
                    raise self._interrupted(run, interruption.signal, checkpoint, path)
            for callback in callbacks:
                callback.on_train_end(self, run.state.history)
        except BaseException as error:
            self._tell(begun, error)
            raise
        finally:
            self._end_run()
            self._run = None
        return History(run.state.history)

    def _tell(self, callbacks: Sequence[Callback], error: BaseException) -> None:
        """Tell every callback of the error; what one of them raises itself is a note of the error, not in its place."""
        for callback in callbacks:
            try:
                callback.on_train_error(self, error)
            except Exception as another:
                error.add_note(f"{type(callback).__name__}.on_train_error raised {type(another).__name__}: {another}")

    def _epochs(self, run: Run, interruption: Interruption, display: Display) -> None:
        """Train until the run is over or interrupted."""
        state, source = run.state, run.source
        while run.goes_on:
            run.begin_epoch()
            self._epoch(run, interruption, display)
            over = self.stop or state.step >= run.last_step
            if not over and not interruption.pressed and state.batches != len(source):
                raise DataError(
                    f"fit: the batch source has len() = {len(source)}, but an epoch gave {state.batches} batches. "
                    "Its batches(rng, start) must give exactly len() - start of them."
                )
            if over or state.batches >= len(source):
                check_parameters(self.held().models, state)
                if self.stop and state.batches < len(source):  # what was asked for goes on from here, not from an end
                    paths, self._requested, self._due = self._requested + self._due, [], []
                    run.write_all(paths)
                if not self._finish_epoch(run, interruption, display):
                    return
                run.end_epoch()
                paths, self._requested, self._due = self._requested + self._due, [], []
                run.write_all(paths)
            if interruption.pressed:
                return

    def _write_due(self, run: Run) -> None:
        """Write what was asked for after the present step; at the epoch's end that waits for its figures."""
        if self._due and run.state.batches < len(run.source):
            paths, self._due = self._due, []
            run.write_all(paths, self._requested)

    def _record(self, run: Run, display: Display, figures: dict[str, float]) -> None:
        """A finished epoch: its figures go into the history, to the screen and to the callbacks."""
        state = run.state
        state.epoch += 1
        display.epoch(state.epoch, run.last_epoch, run.samples, figures)
        state.batches, state.sums, state.seconds = 0, {}, 0.0
        for name, value in {"epoch": state.epoch, **figures}.items():
            state.history.setdefault(name, []).append(value)
        for callback in run.callbacks:
            callback.on_epoch_end(self, state.epoch, figures)

    def _interrupted(self, run: Run, signal, checkpoint, path: Path | None) -> TrainingInterrupted:
        """The exception after a signal; the state of the run is kept, if it can be."""
        kept, reason = None, "checkpoint=None" if checkpoint is None else _UNWRITABLE
        if path is not None:
            try:
                if checkpoint is INTERRUPTED:
                    with free_name(path, run.files) as name:
                        run.write(name, self._requested + self._due)
                        kept = name
                else:
                    run.write(path, self._requested + self._due)
                    kept = path
            except OSError as error:
                reason = f"{error}. {_UNWRITABLE_NOW}"
        told = f"Its state is in {kept}; go on with fit(..., resume={str(kept)!r})."
        state = run.state
        return TrainingInterrupted(
            f"Training stopped by {SIGNALS[signal]} after {state.epoch} full epochs and {state.batches} batches "
            f"(step {state.step}). {told if kept else f'Its state was not kept: {reason}.'}",
            kept,
            signal,
        )


def check_callbacks(callbacks) -> None:
    """Raise ConfigError for what is no list of callbacks."""
    if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
        raise ConfigError(
            f"fit: expected callbacks as a list of Callback objects, got {callbacks!r}. "
            "Such as callbacks=[nnmat.EarlyStopping()], with brackets and parentheses."
        )


def _adds_figures(callback: Callback) -> bool:
    """Whether it does, or, of one of the user's own that looks at them, might."""
    kind = type(callback)
    own = kind.__module__.startswith("nnmat.")
    return kind.adds_figures if own else kind.on_epoch_end is not Callback.on_epoch_end


def budget(epochs: int | None, steps: int | None) -> tuple[float, float]:
    """The last epoch and the last step."""
    if (epochs is None) == (steps is None):
        raise ConfigError("fit: expected either epochs or steps, such as fit(train, epochs=10).")
    return (
        math.inf if epochs is None else count("fit", "epochs", epochs),
        math.inf if steps is None else count("fit", "steps", steps),
    )
