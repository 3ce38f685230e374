"""The training loop: stochastic gradient descent over shuffled minibatches."""

import copy
import functools
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nnmat_kernels.runtime.compiling import working_time

from .. import metrics as _metrics
from ..checks import count
from ..datasets import BatchSource, SampleSource
from ..errors import ConfigError, DataError, ShapeError
from ..formats.paths import as_path
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from ..warmup import first_use
from .callbacks import Callback
from .checkpoint import INTERRUPTED, Progress, interrupt_path, read_checkpoint, write_checkpoint
from .data import batch_source, cast, cast_batch, check_inputs, checksum
from .nonfinite import raise_for_gradient, raise_for_loss


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C after a finished step; `checkpoint` is the file to resume from, or None."""

    def __init__(self, message: str, checkpoint: Path | None):
        super().__init__(message)
        self.checkpoint = checkpoint


class Trainer:
    """Repeats, batch after batch: forward, loss, backward, optimizer step.

        for X, y in batches:
            L = loss(model(X), y);   ∇L by the layers' equations;   θ ← optimizer(θ, ∇L)

    `metrics`: names (`"accuracy"`, `"top_5"`, ...) or functions `metric(H, y)` that return a mean over the rows, or a
    pair (mean, weight) if not all rows count, as `metrics.accuracy_ignoring(index)` does.

    Data is given as a `Dataset`, as arrays `(X, y)` or `(X, y, sample_weight)`, or as a batch source: an object with
    the methods of `datasets.BatchSource`. X is cast to the model's dtype batch by batch.
    The model has one input array; for more, write the loop by hand.
    """

    def __init__(self, model: Layer, loss: Loss, optimizer: Optimizer, metrics: Iterable[str | Callable] = ()):
        for name, value, kind in (("model", model, Layer), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            if not isinstance(value, kind):
                raise ConfigError(f"Trainer: expected {name} to be a {kind.__name__}, got {value!r}.")
        if not model.built:
            raise ConfigError("Trainer: the model is not built yet. Give Sequential(..., input_shape=...).")
        if optimizer.model is not model:
            raise ConfigError("Trainer: the optimizer updates another model. Make it from this one: SGD(model, ...).")
        if isinstance(metrics, str):
            metrics = [metrics]
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics: dict[str, Callable] = {}
        for name, metric in map(_metrics.resolve, metrics):
            if name in self.metrics:
                raise ConfigError(
                    f"Trainer: two metrics are called {name!r}. Set a function's __name__ to tell them apart."
                )
            if name in ("epoch", "loss", "learning_rate", "seconds") or name.startswith("validation_"):
                raise ConfigError(f"Trainer: a metric may not be called {name!r}: the history has that already.")
            self.metrics[name] = metric
        self.stop = False  # a callback sets it to end training
        self.validating = False  # whether the run has validation data
        self._requested: list[Path] = []
        self._buffers = list(model.buffers().values())

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
        progress: bool = True,
        checkpoint: str | os.PathLike | None = INTERRUPTED,
        resume: str | os.PathLike | None = None,
    ) -> dict[str, list]:
        """Train for a number of epochs or of steps; returns the history, one entry per epoch of each figure.

        `batch_size`: default 32; a last smaller batch of an epoch is trained on too. `seed`: of the order of the
        samples. `checkpoint`: where Ctrl-C leaves the state of the run (None: nowhere); `resume`: such a file, to go on
        from with the same arguments and data, with the same bits at the end as if never stopped; only `epochs` may be
        another number. `progress`: show a progress bar.

        The history has `epoch`, `loss`, the metrics, `validation_...` for each, `learning_rate` (of the epoch's last
        step) and `seconds`. Figures of the training set are means over the epoch's batches as they were trained on.
        Raises ConfigError, DataError, LabelError, ShapeError before the first step; NonFiniteError, naming epoch, step
        and the first layer at fault; TrainingInterrupted after Ctrl-C.
        """
        source, check = self._source("train", train, batch_size, shuffle=True), None
        if validation is not None:
            check = self._source("validation", validation, batch_size, shuffle=False)
        last_epoch, last_step = _budget(epochs, steps)
        seed, checkpoint_path = count("fit", "seed", seed, least=0), interrupt_path(checkpoint)
        if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
            raise ConfigError(f"fit: expected callbacks as a list of Callback objects, got {callbacks!r}.")
        settings = self._settings(source, check, steps, seed, callbacks)
        run = _Run(self, source, check, callbacks, settings, last_epoch, last_step, np.random.default_rng(seed))
        self.stop, self._requested, self.validating = False, [], check is not None
        for callback in callbacks:
            callback.on_train_begin(self)
        if resume is not None:
            run.resume(resume)
            self.stop = self.stop or run.state.stopped
            self._requested = [Path(path) for path in run.state.requested]
        with _Interrupt() as interrupt:
            self._epochs(run, interrupt, progress)
            if interrupt.pressed and run.goes_on:
                if checkpoint_path is not None:
                    run.write(checkpoint_path, self._requested)
                raise TrainingInterrupted(_farewell(run.state, checkpoint, checkpoint_path), checkpoint_path)
        for callback in callbacks:
            callback.on_train_end(self, run.state.history)
        return run.state.history

    def _epochs(self, run: "_Run", interrupt: "_Interrupt", progress: bool) -> None:
        """Train until the run is over or interrupted."""
        state, source = run.state, run.source
        run.source_state = copy.deepcopy(source.state())  # like state.rng_state, as it was at the start of the epoch
        while run.goes_on:
            run.begin_epoch()
            self._epoch(run, interrupt, progress)
            over = self.stop or state.step >= run.last_step
            if not over and not interrupt.pressed and state.batches != len(source):
                raise DataError(
                    f"fit: the batch source has len() = {len(source)}, but an epoch gave {state.batches} batches. "
                    "Its batches(rng, start) must give exactly len() - start of them."
                )
            if over or state.batches >= len(source):
                self._finish_epoch(state, run.check, run.callbacks)
                run.end_epoch()
                paths, self._requested = self._requested, []
                for path in paths:
                    run.write(path, self._requested)
            if interrupt.pressed:
                return

    def request_checkpoint(self, path: str | os.PathLike) -> None:
        """Write the state of the run to `path` once the present epoch is finished (for callbacks).

        To be called from `on_step_end` or `on_epoch_end`: one from `on_train_end` comes too late and is not served.
        """
        self._requested.append(as_path("request_checkpoint", path))

    def _epoch(self, run: "_Run", interrupt: "_Interrupt", progress: bool) -> None:
        """Train on the batches of one epoch, from the present position on."""
        source, state = run.source, run.state
        started = working_time() - state.seconds
        samples, size = _samples(source)
        unit, total = (" samples", samples) if samples else (" batches", len(source))
        with tqdm(total=total, unit=unit, unit_scale=True, disable=not progress, mininterval=0.2, leave=True) as bar:
            bar.set_description(f"epoch {state.epoch + 1}")
            bar.update(state.batches * size if size else state.batches)
            shown = 0.0
            for X, y, *weight in source.batches(run.rng, start=state.batches):
                if interrupt.pressed or state.step >= run.last_step:
                    break
                value = self._step(X, y, weight[0] if weight else None, state)
                bar.update(len(X) if samples else 1)
                if progress and (now := time.perf_counter()) - shown > 0.2:
                    bar.set_postfix_str(self._postfix(state), refresh=False)
                    shown = now
                for callback in run.callbacks:
                    callback.on_step_end(self, state.step, value)
                if self.stop:
                    break
            bar.set_postfix_str(self._postfix(state), refresh=True)
        state.seconds = working_time() - started

    def _step(self, X, y, weight, state: Progress) -> float:
        """One minibatch: forward, loss, backward, update."""
        model, loss, optimizer = self.model, self.loss, self.optimizer
        X, y, weight = cast_batch("fit", model.dtype, X, y, weight)
        before = [A.copy() for A in self._buffers]  # to repeat the batch with the same dropout masks if it goes wrong
        H = model.forward(X, training=True)
        value = loss.forward(H, y, weight)
        if not math.isfinite(value):
            self._restore_buffers(before)
            raise_for_loss(self, X, value, state)
        for name, metric in self.metrics.items():
            _metrics.add(state.sums, name, *_metrics.measure(name, metric, H, y))
        _metrics.add(state.sums, "loss", value, loss.divisor)
        model.backward(loss.backward(), input_gradient=False)
        norm = optimizer.gradient_norm()
        if not math.isfinite(norm):
            self._restore_buffers(before)
            raise_for_gradient(self, X, y, weight, state)
        state.learning_rate = optimizer.lr
        optimizer.step(gradient_norm=norm)
        state.batches += 1
        state.step += 1
        return value

    def _restore_buffers(self, before: list[np.ndarray]) -> None:
        for A, was in zip(self._buffers, before, strict=True):
            A[...] = was

    def _finish_epoch(self, state: Progress, check, callbacks) -> None:
        """Put the epoch's figures into the history and start the next epoch."""
        figures = _metrics.means(state.sums)
        figures = {"loss": figures.pop("loss"), **figures}
        if check is not None:
            figures |= {f"validation_{name}": value for name, value in self._evaluate(check).items()}
        figures["learning_rate"] = state.learning_rate
        figures["seconds"] = state.seconds
        state.epoch += 1
        state.batches, state.sums, state.seconds = 0, {}, 0.0
        for name, value in {"epoch": state.epoch, **figures}.items():
            state.history.setdefault(name, []).append(value)
        for callback in callbacks:
            callback.on_epoch_end(self, state.epoch, figures)
        state.stopped = self.stop

    @first_use
    def evaluate(self, data, batch_size: int = 256) -> dict[str, float]:
        """The loss and the metrics of the model, in evaluation mode, over a whole data set."""
        return self._evaluate(self._source("evaluate", data, batch_size, shuffle=False))

    def _evaluate(self, source) -> dict[str, float]:
        sums: dict[str, list[float]] = {}
        for X, y, *weight in source.batches(np.random.default_rng(0)):
            X, y, *weight = cast_batch("evaluate", self.model.dtype, X, y, *weight)
            H = self.model.forward(X, record=False)
            value = self.loss.forward(H, y, *weight)
            _metrics.add(sums, "loss", value, self.loss.divisor)
            for name, metric in self.metrics.items():
                _metrics.add(sums, name, *_metrics.measure(name, metric, H, y))
        return _metrics.means(sums)

    def predict(self, X: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """The model's outputs in evaluation mode, (n, ...), computed in batches."""
        check_inputs("predict", self.model)
        batch_size, X = count("predict", "batch_size", batch_size), np.asarray(X)
        if X.ndim == 0:
            raise ShapeError(f"predict: expected X of shape (n, ...), got {X.shape}.")
        parts = (X[i : i + batch_size] for i in range(0, max(len(X), 1), batch_size))
        return np.concatenate(
            [self.model.forward(cast("predict", "X", part, self.model.dtype), record=False) for part in parts]
        )

    def _source(self, who: str, data, batch_size: int | None, shuffle: bool) -> BatchSource:
        return batch_source(who, self.model, self.loss, data, batch_size, shuffle)

    def _settings(self, source, check, steps: int | None, seed: int, callbacks) -> dict:
        """What must be the same for a run to be resumed."""
        samples, batch_size = _samples(source)
        return {
            "model": repr(self.model),
            "loss": repr(self.loss),
            "optimizer": self.optimizer.config(),
            "metrics": list(self.metrics),
            "batches per epoch": len(source),
            "samples": samples,
            "batch size": batch_size,
            "batches of the validation data": None if check is None else len(check),
            "steps": steps,
            "seed": seed,
            "callbacks": [type(callback).__name__ for callback in callbacks],
            "callbacks' options": [callback.config() for callback in callbacks],
        }

    def _postfix(self, state: Progress) -> str:
        return ", ".join(
            f"{name} {value:.4f}" for name, value in sorted(_metrics.means(state.sums).items(), reverse=True)
        )


class _Run:
    """One call of `fit`: its data and settings, and where it stands."""

    def __init__(
        self,
        trainer: Trainer,
        source: BatchSource,
        check: BatchSource | None,
        callbacks: Sequence[Callback],
        settings: dict,
        last_epoch: float,
        last_step: float,
        rng: np.random.Generator,
    ):
        self.trainer, self.source, self.check, self.callbacks = trainer, source, check, callbacks
        self.settings, self.last_epoch, self.last_step, self.rng = settings, last_epoch, last_step, rng
        self.state = Progress()
        self.source_state: dict = {}

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to do."""
        state = self.state
        return not self.trainer.stop and state.epoch < self.last_epoch and state.step < self.last_step

    @functools.cached_property
    def all_settings(self) -> dict:
        """The settings with those that take a pass over the data, so only for a checkpoint."""
        checksums = {"training": checksum(self.source), "validation": checksum(self.check)}
        return self.settings | {f"checksum of the {name} data": value for name, value in checksums.items()}

    def resume(self, path: str | os.PathLike) -> None:
        """Go on where the run stood whose state is in `path`."""
        model, optimizer = self.trainer.model, self.trainer.optimizer
        self.state = read_checkpoint(path, self.all_settings, model, optimizer, self.source, self.callbacks)
        self.rng.bit_generator.state = self.state.rng_state

    def begin_epoch(self) -> None:
        """Note the generator's state; on resume, too, this is the one at the start of the epoch."""
        self.state.rng_state = dict(self.rng.bit_generator.state)

    def end_epoch(self) -> None:
        """Note the states that the next epoch starts from."""
        self.state.rng_state, self.source_state = dict(self.rng.bit_generator.state), copy.deepcopy(self.source.state())

    def write(self, path: str | os.PathLike, requested: Iterable[Path]) -> None:
        """Write a checkpoint, with the checkpoints that are still to be written when the epoch is finished."""
        self.state.requested = [str(path) for path in requested]
        model, optimizer = self.trainer.model, self.trainer.optimizer
        write_checkpoint(path, self.state, self.all_settings, model, optimizer, self.source_state, self.callbacks)


def _samples(source: BatchSource) -> tuple[int, int] | tuple[None, None]:
    """The samples of a source and of a batch, if it knows."""
    return (source.samples, source.batch_size) if isinstance(source, SampleSource) else (None, None)


def _budget(epochs: int | None, steps: int | None) -> tuple[float, float]:
    """The last epoch and the last step."""
    if (epochs is None) == (steps is None):
        raise ConfigError("fit: expected either epochs or steps, such as fit(train, epochs=10).")
    return (
        math.inf if epochs is None else count("fit", "epochs", epochs),
        math.inf if steps is None else count("fit", "steps", steps),
    )


def _farewell(state: Progress, checkpoint, path: Path | None) -> str:
    if path is not None:
        kept = f"Its state is in {path}; go on with fit(..., resume={str(path)!r})."
    elif checkpoint is None:
        kept = "Its state was not kept: checkpoint=None."
    else:
        kept = "Its state was not kept: the working folder cannot be written to. Try fit(..., checkpoint=path)."
    return f"Training stopped after {state.epoch} full epochs and {state.batches} batches (step {state.step}). {kept}"


class _Interrupt:
    """While open, the first Ctrl-C sets `pressed` (training stops after the step); a second one acts as usual."""

    def __init__(self):
        self.pressed = False
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, signum, frame):
        self.pressed = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, *exception):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
