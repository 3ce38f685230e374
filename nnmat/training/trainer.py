"""The training loop: stochastic gradient descent over shuffled minibatches."""

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from nnmat_kernels.programs.listing import Listing
from nnmat_kernels.runtime.compiling import working_time

from .. import metrics as _metrics
from ..checks import count, flag
from ..datasets import BatchSource
from ..errors import ConfigError, DataError
from ..formats.paths import as_path
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from ..programs.step_programs import Steps
from ..warmup import first_use
from .callbacks import Callback
from .checkpoint import INTERRUPTED, Progress, free_name, interrupt_path
from .data import batch_source
from .evaluation import evaluate, predict, probabilities
from .habits import check_kind, check_one_argument, check_outputs, explained
from .interruption import SIGNALS, Interruption, TrainingInterrupted
from .nonfinite import check_parameters
from .reporting.display import Display, advance
from .run import Run, samples_of
from .steps import TrainingSteps


class Trainer:
    """Repeats, batch after batch: forward, loss, backward, optimizer step.

        for X, y in batches:
            L = loss(model(X), y);   ∇L by the layers' equations;   θ ← optimizer(θ, ∇L)

    `metrics`: names (`"accuracy"`, `"top_5"`, ...) or functions `metric(H, y)` that return a mean over the rows, or a
    pair (mean, weight) if not all rows count, as `metrics.accuracy_ignoring(index)` does. H and y are lent to them: the
    next step writes to the same memory, so a metric copies what it keeps, and writes to neither.

    Data is given as a `Dataset`, as arrays `(X, y)` or `(X, y, sample_weight)`, or as a batch source: an object with
    the methods of `datasets.BatchSource`. X is cast to the model's dtype batch by batch; for a model of several inputs
    it is a tuple of arrays, `((X1, X2), y)`.

    `compiled`: steps run as programs, without Python between their kernels, with the same bits as by hand; False runs
    them by hand, as do models with parts that compute in Python (`fit` says so in a line). After a run
    `print(trainer.program)` shows what a step came to, and with `profile` the time of each part.

    Raises ConfigError for parts that do not belong together. A model that ends in Softmax or Sigmoid before a loss
    that applies it itself is warned of, once (UserWarning).
    """

    @explained
    def __init__(
        self,
        model: Layer,
        loss: Loss,
        optimizer: Optimizer,
        metrics: Iterable[str | Callable] | None = (),
        *,
        compiled: bool = True,
        profile: bool = False,
    ):
        for name, value, kind in (("model", model, Layer), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            check_kind(name, value, kind)
        if not model.built:
            raise ConfigError("Trainer: the model is not built yet. Give Sequential(..., input_shape=...).")
        if optimizer.model is not model:
            raise ConfigError("Trainer: the optimizer updates another model. Make it from this one: SGD(model, ...).")
        if optimizer.instead_of_step:
            raise ConfigError(
                f"Trainer: expected an optimizer whose steps need one gradient, got {type(optimizer).__name__}. "
                f"{optimizer.instead_of_step}"
            )
        if isinstance(metrics, str) or callable(metrics):
            metrics = [metrics]
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics: dict[str, Callable] = {}
        for name, metric in map(_metrics.resolve, metrics or ()):
            if name in self.metrics:
                raise ConfigError(
                    f"Trainer: two metrics are called {name!r}. Set a function's __name__ to tell them apart."
                )
            if name in ("epoch", "loss", "learning_rate", "seconds") or name.startswith("validation_"):
                raise ConfigError(f"Trainer: a metric may not be called {name!r}: the history has that already.")
            self.metrics[name] = metric
        check_outputs(model, loss, self.metrics)
        self.stop = False  # a callback sets it to end training
        self.validating = False  # whether the run has validation data
        self.figures: list[str] = []  # those that each epoch of the run has, if callbacks add none of their own
        self._requested: list[Path] = []  # checkpoints to be written when the epoch is finished
        self._due: list[Path] = []  # checkpoints to be written after the present step
        self.compiled = flag("Trainer", "compiled", compiled)
        self.profile = flag("Trainer", "profile", profile)
        self._steps = TrainingSteps(self)

    @explained
    @first_use
    def fit(
        self,
        train,
        epochs: int | None = None,
        *,
        steps: int | None = None,
        batch_size: int | None = None,
        validation=None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        progress: bool | str | None = True,
        checkpoint: str | os.PathLike | None = INTERRUPTED,
        resume: str | os.PathLike | None = None,
    ) -> dict[str, list]:
        """Train for a number of epochs or of steps; returns the history, one entry per epoch of each figure.

        `batch_size`: default 32, or all samples if they are fewer; a last smaller batch of an epoch is trained on too.
        `seed`: of the order of the samples. `checkpoint`: where Ctrl-C or SIGTERM leaves the state of the run (None:
        nowhere; by default nnmat-interrupted.npz, or that with a number if another run's file is there); `resume`: such
        a file, to go on from with the same arguments and data, with the same bits at the end as if never stopped; only
        `epochs` may be another number. `progress`: True shows a bar and, for each epoch, a line of its figures, "bar"
        or "lines" one of them, False nothing.

        The history has `epoch`, `loss`, the metrics, `validation_...` for each, `learning_rate` (of the epoch's last
        step) and `seconds`. Figures of the training set are means over the epoch's batches as they were trained on.
        Raises ConfigError, DataError, LabelError, ShapeError before the first step; NonFiniteError, naming epoch, step
        and the first layer at fault; TrainingInterrupted after Ctrl-C or SIGTERM.
        """
        check_one_argument("fit", epochs)
        display = Display("fit", progress)
        source, check = self._source("train", train, batch_size, True, display.bars), None
        if validation is not None:
            check = self._source("validation", validation, batch_size, False, display.bars)
        budget, checkpoint_path = _budget(epochs, steps), interrupt_path(checkpoint)
        seed = count("fit", "seed", seed, least=0)
        _check_callbacks(callbacks)
        run = Run(self, source, check, callbacks, budget, seed)
        self._tell_why(display)
        self.stop, self._requested, self._due, self.validating = False, [], [], check is not None
        self.figures = [] if any(_adds_figures(c) for c in callbacks) else self._figure_names()
        for callback in callbacks:
            callback.on_train_begin(self)
        if resume is not None:
            run.resume(resume)
            self.stop = self.stop or run.state.stopped
            self._requested = [Path(path) for path in run.state.requested]
        try:
            with Interruption() as interruption:
                self._epochs(run, interruption, display)
                if interruption.signal is not None and run.goes_on:
                    raise self._interrupted(run, interruption.signal, checkpoint, checkpoint_path)
            for callback in callbacks:
                callback.on_train_end(self, run.state.history)
        except BaseException as error:
            self._tell(callbacks, error)
            raise
        finally:
            self._steps.end_run()
        return run.state.history

    def _tell_why(self, display: Display) -> None:
        if reason := self._steps.said_once():
            display.note(f"fit: steps run by hand, not as programs: {reason}.")

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
                check_parameters(self, state)
                if self.stop and state.batches < len(source):  # what was asked for goes on from here, not from an end
                    paths, self._requested, self._due = self._requested + self._due, [], []
                    run.write_all(paths)
                self._tell_why(display)
                if not self._finish_epoch(run, interruption, display):
                    return
                run.end_epoch()
                paths, self._requested, self._due = self._requested + self._due, [], []
                run.write_all(paths)
            if interruption.pressed:
                return

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

    @property
    def program(self) -> Listing | None:
        """What the program of the last run does, operation by operation; None if no steps ran as one."""
        return self._steps.listing

    def request_checkpoint(self, path: str | os.PathLike, now: bool = False) -> None:
        """Write the state of the run to `path` once the present epoch is finished (for callbacks).

        With `now`, after the present step; so also if the run is stopped (`trainer.stop = True`) within an epoch. A
        run that is resumed from the file goes on. To be called from `on_step_end` or `on_epoch_end`: one from
        `on_train_end` comes too late and is not served.
        """
        (self._due if now else self._requested).append(as_path("request_checkpoint", path))

    def _epoch(self, run: Run, interruption: Interruption, display: Display) -> None:
        """Train on the batches of one epoch, from the present position on."""
        source, state, samples = run.source, run.state, run.samples
        started = working_time() - state.seconds
        unit, total, done = " batches", len(source), state.batches
        if samples and run.batch_size:
            unit, total, done = " samples", samples, state.batches * run.batch_size
        with display.bar(total, unit, done) as bar:
            bar.set_description(f"epoch {state.epoch + 1}")
            shown = 0.0
            for rows, found in self._steps.of_epoch(run, interruption):
                self._count(found, state)
                count = len(found.values)
                advance(bar, rows * count if samples else count)
                if display.bars and (now := time.perf_counter()) - shown > 0.2:
                    bar.set_postfix_str(self._postfix(state), refresh=False)
                    shown = now
                for callback in run.callbacks:  # what a callback wants to look at is the last of these steps
                    callback.on_step_end(self, state.step, found.values[-1])
                if self.stop:
                    break
                if self._due and state.batches < len(source):  # at the epoch's end, once its figures are there
                    state.seconds = working_time() - started
                    paths, self._due = self._due, []
                    run.write_all(paths, self._requested)
            bar.set_postfix_str(self._postfix(state), refresh=True)
        state.seconds = working_time() - started

    def _count(self, found: Steps, state: Progress) -> None:
        """Count finished steps and their figures."""
        for value, divisor, measured in zip(found.values, found.divisors, found.measured, strict=True):
            for name, (mean, weight) in measured.items():
                _metrics.add(state.sums, name, mean, weight)
            _metrics.add(state.sums, "loss", value, divisor)
        state.learning_rate = found.learning_rate
        state.batches += len(found.values)
        state.step += len(found.values)

    def _finish_epoch(self, run: Run, interruption: Interruption, display: Display) -> bool:
        """Put the epoch's figures into the history and start the next epoch; False if the run stops before."""
        state, check = run.state, run.check
        figures = _metrics.means(state.sums)
        figures = {"loss": figures.pop("loss"), **figures}
        if check is not None:
            size = run.check_batch_size
            found = evaluate(
                "validation", self, check, size, display.bars, lambda: interruption.pressed and run.goes_on
            )
            if found is None:
                return False
            figures |= {f"validation_{name}": value for name, value in found.items()}
        figures["learning_rate"] = state.learning_rate
        figures["seconds"] = state.seconds
        state.epoch += 1
        display.epoch(state.epoch, run.last_epoch, run.samples, figures)
        state.batches, state.sums, state.seconds = 0, {}, 0.0
        for name, value in {"epoch": state.epoch, **figures}.items():
            state.history.setdefault(name, []).append(value)
        for callback in run.callbacks:
            callback.on_epoch_end(self, state.epoch, figures)
        return True

    @explained
    @first_use
    def evaluate(self, data, batch_size: int = 256, *, progress: bool = True) -> dict[str, float]:
        """The loss and the metrics of the model, in evaluation mode, over a whole data set.

        With `progress`, a bar is shown if it takes more than a second.
        """
        check_one_argument("evaluate", batch_size)
        bars = Display("evaluate", progress).bars
        source = self._source("evaluate", data, batch_size, False, bars)
        figures = evaluate("evaluate", self, source, samples_of(source)[1], bars)
        assert figures is not None  # there is nobody to stop it
        return figures

    @explained
    def predict(self, X, batch_size: int = 256, *, progress: bool = True) -> np.ndarray:
        """The model's outputs in evaluation mode, (n, ...), computed in batches.

        X: an array (n, ...), or a tuple of arrays for a model of several inputs. With `progress`, a bar is shown if it
        takes more than a second.
        """
        check_one_argument("predict", batch_size)
        return self._outputs("predict", X, batch_size, progress)

    @explained
    def predict_proba(self, X, batch_size: int = 256, *, progress: bool = True) -> np.ndarray:
        """The probabilities that the loss makes of the outputs H = `predict(X)`, of H's shape.

        SoftmaxCrossEntropy: softmax(H), one for each class, rows that sum to 1. SigmoidBinaryCrossEntropy: σ(H), each
        entry for itself. Raises ConfigError for a loss that defines none.
        """
        probabilities(self.loss, np.zeros((0, 1)))  # refuses before the work
        check_one_argument("predict_proba", batch_size)
        return probabilities(self.loss, self._outputs("predict_proba", X, batch_size, progress))

    def _outputs(self, who: str, X, batch_size: int, progress: bool) -> np.ndarray:
        return predict(who, self.model, X, batch_size, Display(who, progress).bars)

    def _source(self, who: str, data, batch_size: int | None, shuffle: bool, progress: bool) -> BatchSource:
        return batch_source(who, self.model, self.loss, data, batch_size, shuffle, progress)

    def _figure_names(self) -> list[str]:
        """The figures of an epoch, without those that callbacks add."""
        names = ["loss", *self.metrics]
        return [*names, *(f"validation_{name}" for name in names if self.validating), "learning_rate", "seconds"]

    def _postfix(self, state: Progress) -> str:
        return ", ".join(
            f"{name} {value:.4f}" for name, value in sorted(_metrics.means(state.sums).items(), reverse=True)
        )


_UNWRITABLE = "the working folder cannot be written to. Try fit(..., checkpoint=path)"
_UNWRITABLE_NOW = "Checkpoint(path, every_steps=...) keeps files in the course of a run"


def _check_callbacks(callbacks) -> None:
    if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
        raise ConfigError(
            f"fit: expected callbacks as a list of Callback objects, got {callbacks!r}. "
            "Such as callbacks=[nnmat.EarlyStopping()], with brackets and parentheses."
        )


def _adds_figures(callback: Callback) -> bool:
    """Whether it might: one of the user's own that looks at them."""
    kind = type(callback)
    return not kind.__module__.startswith("nnmat.") and kind.on_epoch_end is not Callback.on_epoch_end


def _budget(epochs: int | None, steps: int | None) -> tuple[float, float]:
    """The last epoch and the last step."""
    if (epochs is None) == (steps is None):
        raise ConfigError("fit: expected either epochs or steps, such as fit(train, epochs=10).")
    return (
        math.inf if epochs is None else count("fit", "epochs", epochs),
        math.inf if steps is None else count("fit", "steps", steps),
    )
