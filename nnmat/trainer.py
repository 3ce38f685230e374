"""The training loop: stochastic gradient descent over shuffled minibatches."""

import copy
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from . import metrics as _metrics
from .callbacks import Callback
from .checkpoint import Progress, read_checkpoint, write_checkpoint
from .checks import count
from .datasets import ArrayBatches
from .errors import ConfigError, DataError, DtypeError, ShapeError
from .layers.base import Layer
from .losses import Loss
from .nonfinite import raise_for_gradient, raise_for_loss
from .optimizers import Optimizer


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C after a finished step; `checkpoint` is the file to resume from."""

    def __init__(self, message: str, checkpoint: Path):
        super().__init__(message)
        self.checkpoint = checkpoint


class Trainer:
    """Repeats, batch after batch: forward, loss, backward, optimizer step.

        for X, y in batches:
            L = loss(model(X), y);   ∇L by the layers' equations;   θ ← optimizer(θ, ∇L)

    `metrics`: names (`"accuracy"`, `"top_5"`, ...) or functions `metric(H, y) -> float`, a mean over the rows.

    Data is given as a `Dataset`, as arrays `(X, y)` or `(X, y, sample_weight)`, or as a batch source: an object with
    `len()`, `batches(rng, start)`, `state()` and `load_state(state)`. X is cast to the model's dtype batch by batch.
    """

    def __init__(
        self, model: Layer, loss: Loss, optimizer: Optimizer, metrics: Iterable[str | Callable[..., float]] = ()
    ):
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
        self.metrics: dict[str, Callable[..., float]] = {}
        for name, metric in map(_metrics.resolve, metrics):
            if name in self.metrics:
                raise ConfigError(
                    f"Trainer: two metrics are called {name!r}. Set a function's __name__ to tell them apart."
                )
            if name in ("epoch", "loss", "learning_rate", "seconds") or name.startswith("validation_"):
                raise ConfigError(f"Trainer: a metric may not be called {name!r}: the history has that already.")
            self.metrics[name] = metric
        self.stop = False  # a callback sets it to end training
        self._requested: list[Path] = []
        self._buffers = list(model.buffers().values())

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
        checkpoint: str | os.PathLike = "nnmat-interrupted.npz",
        resume: str | os.PathLike | None = None,
    ) -> dict[str, list]:
        """Train for a number of epochs or of steps; returns the history, one entry per epoch of each figure.

        `batch_size`: default 32; a last smaller batch of an epoch is trained on too. `seed`: of the order of the
        samples. `checkpoint`: where Ctrl-C leaves the state of the run; `resume`: such a file, to go on from with the
        same arguments, with the same bits at the end as if never stopped. `progress`: show a progress bar.

        The history has `epoch`, `loss`, the metrics, `validation_...` for each, `learning_rate` (of the epoch's last
        step) and `seconds`. Figures of the training set are means over the epoch's batches as they were trained on.
        Raises ConfigError, DataError, LabelError, ShapeError before the first step; NonFiniteError, naming epoch, step
        and the first layer at fault; TrainingInterrupted after Ctrl-C.
        """
        source = self._source("train", train, batch_size, shuffle=True)
        check = None if validation is None else self._source("validation", validation, batch_size, shuffle=False)
        last_epoch, last_step = self._budget(epochs, steps, len(source))
        callbacks, seed = list(callbacks), count("fit", "seed", seed, least=0)
        if Path(checkpoint).suffix != ".npz" or not os.access(Path(checkpoint).parent, os.W_OK):
            raise ConfigError(f"fit: expected checkpoint as a .npz file in a writable folder, got {str(checkpoint)!r}.")
        settings = self._settings(source, seed, callbacks)
        state = Progress()
        rng = np.random.default_rng(seed)
        self.stop, self._requested = False, []
        for callback in callbacks:
            callback.on_train_begin(self)
        if resume is not None:
            state = read_checkpoint(resume, settings, self.model, self.optimizer, source, callbacks)
            rng.bit_generator.state = state.rng_state
            self.stop, self._requested = self.stop or state.stopped, [Path(path) for path in state.requested]
        source_state = copy.deepcopy(source.state())  # like rng_state, as it was at the start of the epoch

        def write(path):
            state.requested = [str(path) for path in self._requested]
            write_checkpoint(path, state, settings, self.model, self.optimizer, source_state, callbacks)

        with _Interrupt() as interrupt:
            while not self.stop and state.epoch < last_epoch and state.step < last_step:
                state.rng_state = dict(rng.bit_generator.state)  # on resume too: as it was at the start of the epoch
                self._epoch(source, rng, state, last_step, callbacks, interrupt, progress)
                if self.stop or state.batches >= len(source) or state.step >= last_step:
                    self._finish_epoch(state, check, callbacks)
                    state.rng_state, source_state = dict(rng.bit_generator.state), copy.deepcopy(source.state())
                    paths, self._requested = self._requested, []
                    for path in paths:
                        write(path)
                if interrupt.pressed and not self.stop and state.epoch < last_epoch and state.step < last_step:
                    write(checkpoint)
                    message = (
                        f"Training stopped after {state.epoch} full epochs and {state.batches} batches "
                        f"(step {state.step}). Its state is in {checkpoint}; "
                        f"go on with fit(..., resume={str(checkpoint)!r})."
                    )
                    raise TrainingInterrupted(message, Path(checkpoint))
        for callback in callbacks:
            callback.on_train_end(self, state.history)
        return state.history

    def request_checkpoint(self, path: str | os.PathLike) -> None:
        """Write the state of the run to `path` once the present epoch is finished (for callbacks)."""
        self._requested.append(Path(path))

    def _epoch(self, source, rng, state: Progress, last_step: float, callbacks, interrupt, progress: bool) -> None:
        """Train on the batches of one epoch, from the present position on."""
        started = time.perf_counter() - state.seconds
        samples = getattr(source, "samples", None)
        unit, total = (" samples", samples) if samples else (" batches", len(source))
        with tqdm(total=total, unit=unit, unit_scale=True, disable=not progress, mininterval=0.2, leave=True) as bar:
            bar.set_description(f"epoch {state.epoch + 1}")
            done = state.batches * getattr(source, "batch_size", 1) if samples else state.batches
            bar.update(done)
            shown = 0.0
            for X, y, *weight in source.batches(rng, start=state.batches):
                if interrupt.pressed or state.step >= last_step:
                    break
                value = self._step(X, y, weight[0] if weight else None, state)
                bar.update(len(X) if samples else 1)
                if progress and (now := time.perf_counter()) - shown > 0.2:
                    bar.set_postfix_str(self._postfix(state), refresh=False)
                    shown = now
                for callback in callbacks:
                    callback.on_step_end(self, state.step, value)
                if self.stop:
                    break
            bar.set_postfix_str(self._postfix(state), refresh=True)
        state.seconds = time.perf_counter() - started

    def _step(self, X, y, weight, state: Progress) -> float:
        """One minibatch: forward, loss, backward, update."""
        model, loss, optimizer = self.model, self.loss, self.optimizer
        X, y, weight = self._cast(X, y, weight)
        before = [A.copy() for A in self._buffers]  # to repeat the batch with the same dropout masks if it goes wrong
        H = model.forward(X, training=True)
        value = loss.forward(H, y, weight)
        if not math.isfinite(value):
            self._restore_buffers(before)
            raise_for_loss(self, X, value, state)
        for name, metric in self.metrics.items():
            _add(state.sums, name, float(metric(H, y)), len(X))
        _add(state.sums, "loss", value, loss.divisor)
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
        figures = _means(state.sums)
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

    def evaluate(self, data, batch_size: int = 256) -> dict[str, float]:
        """The loss and the metrics of the model, in evaluation mode, over a whole data set."""
        return self._evaluate(self._source("evaluate", data, batch_size, shuffle=False))

    def _evaluate(self, source) -> dict[str, float]:
        sums: dict[str, list[float]] = {}
        for X, y, *weight in source.batches(np.random.default_rng(0)):
            X, y, row_weight = self._cast(X, y, weight[0] if weight else None)
            H = self.model.forward(X, record=False)
            value = self.loss.forward(H, y, row_weight)
            _add(sums, "loss", value, self.loss.divisor)
            for name, metric in self.metrics.items():
                _add(sums, name, float(metric(H, y)), len(X))
        return _means(sums)

    def predict(self, X: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """The model's outputs in evaluation mode, (n, ...), computed in batches."""
        X = np.asarray(X)
        if X.ndim == 0 or batch_size < 1:
            raise ShapeError(f"predict: expected X of shape (n, ...) and batch_size >= 1, got {X.shape}, {batch_size}.")
        outputs = [
            self.model.forward(self._cast(X[i : i + batch_size], None, None)[0], record=False)
            for i in range(0, max(len(X), 1), batch_size)
        ]
        return np.concatenate(outputs)

    def _cast(self, X, y, weight) -> tuple:
        """X, float targets and weights in the model's dtype."""
        dtype = self.model.dtype
        X = X.astype(dtype, copy=False) if isinstance(X, np.ndarray) else np.asarray(X, dtype)
        if y is not None and y.dtype.kind == "f":
            y = y.astype(dtype, copy=False)
        return X, y, None if weight is None else weight.astype(dtype, copy=False)

    def _source(self, who: str, data, batch_size: int | None, shuffle: bool) -> Any:
        """A batch source for the data, after checking the data once."""
        if hasattr(data, "batches") and hasattr(data, "load_state"):
            if batch_size is not None and who == "train":
                raise ConfigError("fit: a batch source has batches of its own size. Leave out batch_size.")
            if len(data) == 0:
                raise DataError(f"{who}: the batch source has no batches.")
            return data
        arrays = (data.X, data.y) if hasattr(data, "X") and hasattr(data, "y") else data
        if not isinstance(arrays, list | tuple) or len(arrays) not in (2, 3):
            raise DataError(
                f"{who}: expected a Dataset, arrays (X, y) or (X, y, sample_weight), or a batch source, "
                f"got {type(data).__name__}."
            )
        batch_size = 32 if batch_size is None else batch_size
        source = ArrayBatches(arrays[0], arrays[1], batch_size, shuffle, *arrays[2:])
        self._check_data(who, *source.arrays)
        if who == "train" and batch_size > source.samples:
            raise DataError(
                f"fit: batch_size = {batch_size} is larger than the {source.samples} samples. "
                f"Use batch_size <= {source.samples}."
            )
        return source

    def _check_data(self, who: str, X, y, *weight) -> None:
        if X.shape[1:] != self.model.input_shape:
            expected = ", ".join(["n", *map(str, self.model.input_shape)])
            raise ShapeError(f"{who}: the model takes X of shape ({expected}), got {X.shape}.")
        for name, A in (("X", X), ("y", y), *(("sample_weight", w) for w in weight)):
            if A.dtype.kind not in "fiub":
                raise DtypeError(f"{who}: expected {name} to hold real numbers, got dtype {A.dtype}.")
            if A.dtype.kind == "f" and not np.isfinite(A).all():
                where = tuple(int(i) for i in np.argwhere(~np.isfinite(A))[0])
                raise DataError(
                    f"{who}: {name} holds {A[where]} at index {where}. Repair or remove such samples: "
                    "one NaN makes every parameter NaN."
                )
        self.loss.check_targets(y, self.model._output_shape)

    def _budget(self, epochs, steps, batches: int) -> tuple[float, float]:
        for name, value in (("epochs", epochs), ("steps", steps)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigError(f"fit: expected {name} as a positive integer, got {value!r}.")
        if (epochs is None) == (steps is None):
            raise ConfigError("fit: expected either epochs or steps, such as fit(train, epochs=10).")
        return (math.inf if epochs is None else epochs), (math.inf if steps is None else steps)

    def _settings(self, source, seed: int, callbacks) -> dict:
        """What must be the same for a run to be resumed."""
        return {
            "model": repr(self.model),
            "loss": repr(self.loss),
            "optimizer": self.optimizer.config(),
            "metrics": list(self.metrics),
            "batches per epoch": len(source),
            "samples": getattr(source, "samples", None),
            "batch size": getattr(source, "batch_size", None),
            "seed": seed,
            "callbacks": [type(callback).__name__ for callback in callbacks],
        }

    def _postfix(self, state: Progress) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in sorted(_means(state.sums).items(), reverse=True))


def _add(sums: dict[str, list[float]], name: str, mean: float, weight: float) -> None:
    entry = sums.setdefault(name, [0.0, 0.0])
    if weight:
        entry[0] += mean * weight
        entry[1] += weight


def _means(sums: dict[str, list[float]]) -> dict[str, float]:
    return {name: total / weight if weight else math.nan for name, (total, weight) in sums.items()}


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
