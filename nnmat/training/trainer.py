"""The training loop: stochastic gradient descent over shuffled minibatches."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from nnmat_kernels.programs.html import html_table
from nnmat_kernels.programs.listing import Listing
from nnmat_kernels.runtime.compiling import working_time

from .. import metrics as _metrics
from ..calls import Inputs
from ..checks import count, flag
from ..datasets import BatchSource
from ..errors import ConfigError
from ..layers.base import Layer
from ..losses import Loss
from ..losses.base import check_reduced
from ..optimizers import Optimizer
from ..programs.step_programs import Steps
from ..warmup import first_use
from .callbacks.base import Callback
from .checkpoint import INTERRUPTED, Held, Progress, interrupt_path
from .data import batch_source, cast_batch
from .evaluation import evaluate, predict, probabilities
from .habits import check_kind, check_one_argument, check_outputs, explained
from .interruption import Interruption
from .loop import Loop, budget, check_callbacks
from .reporting.display import Display, advance
from .reporting.history import History
from .run import Run, samples_of
from .steps import TrainingSteps


class Trainer(Loop):
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
        super().__init__()
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
        check_reduced("Trainer", loss)
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
        augment: Callable | None = None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        progress: bool | str | None = True,
        checkpoint: str | os.PathLike | None = INTERRUPTED,
        resume: str | os.PathLike | None = None,
    ) -> History:
        """Train for a number of epochs or of steps; returns the history, for each figure one entry per epoch.

        `batch_size`: default 32, or all samples if they are fewer; a last smaller batch of an epoch is trained on too.
        `augment`: a function of a batch X and a numpy.random.Generator that gives what is trained on instead, such as
        `datasets.Augment(shift=2)`; validation data stays as it is. `seed`: of the order of the samples, and of that.
        `checkpoint`: where Ctrl-C or SIGTERM leaves the state of the run (None: nowhere; by default
        nnmat-interrupted.npz, or that with a number if another run's file is there); `resume`: such a file, to go on
        from with the same arguments and data, with the same bits at the end as if never stopped; only `epochs` may be
        another number. `progress`: True shows a bar and, for each epoch, a line of its figures, "bar"
        or "lines" one of them, False nothing.

        The history has `epoch`, `loss`, the metrics, `validation_...` for each, `learning_rate` (of the epoch's last
        step) and `seconds`. Figures of the training set are means over the epoch's batches as they were trained on.
        Raises ConfigError, DataError, LabelError, ShapeError before the first step; NonFiniteError, naming epoch, step
        and the first layer at fault; TrainingInterrupted after Ctrl-C or SIGTERM.
        """
        check_one_argument("fit", epochs)
        display = Display("fit", progress)
        source = batch_source("train", self.model, self.loss, train, batch_size, True, display.bars, augment)
        check = None
        if validation is not None:
            check = self._source("validation", validation, batch_size, False, display.bars)
        limits, path = budget(epochs, steps), interrupt_path(checkpoint)
        seed = count("fit", "seed", seed, least=0)
        check_callbacks(callbacks)
        run = Run(self, source, check, callbacks, limits, seed)
        self._tell_why(display)
        return self._train(run, display, self._figure_names(check is not None), checkpoint, path, resume)

    def held(self) -> Held:
        return Held({"model": self.model}, {"optimizer": self.optimizer}, {})

    def inputs(self) -> Iterator[Inputs]:
        for X, y, *weight in self._drawn_anew(self.model):
            yield cast_batch("fit", self.model, X, y, *weight)[0]

    def settings(self) -> dict:
        return {
            "model": repr(self.model),
            "loss": repr(self.loss),
            "optimizer": self.optimizer.config(),
            "metrics": list(self.metrics),
        }

    def _repr_html_(self) -> str:
        metrics = ", ".join(self.metrics) or "none"
        parts = {"loss": repr(self.loss), "optimizer": repr(self.optimizer), "metrics": metrics}
        return f"{html_table(['Trainer', ''], list(parts.items()), left=2)}\n{self.model._repr_html_()}"

    def _end_run(self) -> None:
        self._steps.end_run()

    def _tell_why(self, display: Display) -> None:
        if reason := self._steps.said_once():
            display.note(f"fit: steps run by hand, not as programs: {reason}.")

    @property
    def program(self) -> Listing | None:
        """What the program of the last run does, operation by operation; None if no steps ran as one."""
        return self._steps.listing

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
                if self._due:
                    state.seconds = working_time() - started
                    self._write_due(run)
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
        self._tell_why(display)
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
        self._record(run, display, figures)
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

    def _figure_names(self, validating: bool) -> list[str]:
        """The figures of an epoch, without those that callbacks add."""
        names = ["loss", *self.metrics]
        return [*names, *(f"validation_{name}" for name in names if validating), "learning_rate", "seconds"]

    def _postfix(self, state: Progress) -> str:
        return ", ".join(
            f"{name} {value:.4f}" for name, value in sorted(_metrics.means(state.sums).items(), reverse=True)
        )
