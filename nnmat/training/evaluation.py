"""The model looked at, in evaluation mode and in batches: its figures on a data set, its outputs, its probabilities."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import sigmoid, softmax

from .. import metrics as _metrics
from ..checks import count
from ..errors import ConfigError, ShapeError
from ..losses import Loss, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from ..programs.compiled_function import CompiledFunction
from ..programs.recording import Parts
from .data import batches, cast, cast_batch, model_inputs, several_inputs
from .reporting.display import LateBar
from .steps import WORTH

GRACE = 2.0  # seconds that an evaluation between epochs may take longer once the run is to be stopped


def never() -> bool:
    """The run is not to be stopped."""
    return False


class Evaluation:
    """The passes of a Trainer's model in evaluation mode, which run as programs where many batches are alike."""

    def __init__(self, trainer):
        self.trainer = trainer
        self._figures = CompiledFunction(self._loss, constants=[1])
        self._outputs = CompiledFunction(self._forward)
        self._refused: bool | None = None  # known once it is asked for

    def _loss(self, X, y, *weight):
        loss, H = self.trainer.loss, self._forward(X)
        return loss.forward(H, y, *weight), loss.divisor, H

    def _forward(self, X):
        return self.trainer.model.forward(X, record=False)

    def _by_program(self, X, batches: int) -> bool:
        if self._refused is None:
            self._refused = bool(Parts([self.trainer.model, self.trainer.loss]).refusal())
        return self.trainer.compiled and batches >= WORTH and type(X) is not tuple and not self._refused

    def figures(self, X, y, weight: list, batches: int) -> tuple[float, float, np.ndarray]:
        """The loss of one of so many batches, its divisor, and the outputs."""
        return (self._figures if self._by_program(X, batches) else self._loss)(X, y, *weight)

    def outputs(self, X, batches: int) -> np.ndarray:
        """The outputs of one of so many batches."""
        return (self._outputs if self._by_program(X, batches) else self._forward)(X)

    def forget(self) -> None:
        """The programs, which hold arrays of the data."""
        self._figures.forget()
        self._outputs.forget()
        self._refused = None


def evaluate(
    who: str, trainer, source, size: int | None, progress: bool, stopping: Callable[[], bool] = never
) -> dict[str, float] | None:
    """The loss and the metrics over a batch source; None if the run was to be stopped long before the end.

    `size`: of a batch, if batches have samples to count.
    """
    model = trainer.model
    sums: dict[str, list[float]] = {}
    asked: float | None = None
    total = source.samples if size else len(source)
    with LateBar(who, total, " samples" if size else " batches", progress) as bar:
        for X, y, *weight in batches(who, source, np.random.default_rng(0)):
            X, y, *weight = cast_batch(who, model, X, y, *weight)
            weight = [w for w in weight if w is not None]
            value, divisor, H = trainer.evaluation.figures(X, y, weight, len(source))
            _metrics.add(sums, "loss", value, divisor)
            for name, metric in trainer.metrics.items():
                _metrics.add(sums, name, *_metrics.measure(name, metric, H, y))
            bar.update(len(y) if size else 1)
            if stopping():
                now = time.perf_counter()
                asked = now if asked is None else asked
                if now - asked > GRACE:
                    return None
    return _metrics.means(sums)


def predict(who: str, trainer, X: Any, batch_size: int, progress: bool) -> np.ndarray:
    """The outputs (n, ...) for X, an array or a tuple of arrays."""
    if hasattr(X, "X") and hasattr(X, "y"):
        raise ShapeError(f"{who}: expected X of shape (n, ...), got a {type(X).__name__}. Write {who}(data.X).")
    model = trainer.model
    batch_size, X = count(who, "batch_size", batch_size), model_inputs(who, model, X)
    several = several_inputs(model)
    parts = X if several else (X,)
    if any(A.ndim == 0 for A in parts):
        raise ShapeError(f"{who}: expected X of shape (n, ...), got {', '.join(str(A.shape) for A in parts)}.")
    n = len(parts[0])
    if any(len(A) != n for A in parts):
        raise ShapeError(f"{who}: expected inputs of as many rows each, got {', '.join(str(A.shape) for A in parts)}.")
    H: np.ndarray | None = None
    with LateBar(who, n, " samples", progress) as bar:
        for i in range(0, max(n, 1), batch_size):
            rows: Any = tuple(A[i : i + batch_size] for A in parts)
            X_i = cast(who, "X", rows if several else rows[0], model.input_dtype)
            Y = trainer.evaluation.outputs(X_i, n // batch_size)
            if H is None:
                H = np.empty((n, *Y.shape[1:]), Y.dtype)
            H[i : i + batch_size] = Y
            bar.update(len(Y))
    assert H is not None
    return H


def probabilities(loss: Loss, H: np.ndarray) -> np.ndarray:
    """The probabilities that the loss makes of the outputs H: softmax(H) by rows, or σ(H). ConfigError if of none."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return softmax(H)
    if isinstance(loss, SigmoidBinaryCrossEntropy):
        return sigmoid(H)
    raise ConfigError(
        f"predict_proba: expected a loss that defines probabilities, SoftmaxCrossEntropy or SigmoidBinaryCrossEntropy, "
        f"got {loss!r}. predict(X) gives the model's outputs."
    )
