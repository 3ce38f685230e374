"""The model looked at, in evaluation mode and in batches: its figures on a data set, its outputs, its probabilities."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import sigmoid, softmax

from .. import metrics as _metrics
from ..checks import count
from ..datasets import BatchSource
from ..datasets.tables.frames import is_frame
from ..errors import ConfigError, ShapeError
from ..losses import Loss, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .data import batches, cast, cast_batch, model_inputs, several_inputs
from .reporting.display import LateBar

GRACE = 2.0  # seconds that an evaluation between epochs may take longer once the run is to be stopped


def never() -> bool:
    """The run is not to be stopped."""
    return False


def evaluate(
    who: str, trainer, source, size: int | None, progress: bool, stopping: Callable[[], bool] = never
) -> dict[str, float] | None:
    """The loss and the metrics over a batch source; None if the run was to be stopped long before the end.

    `size`: of a batch, if batches have samples to count.
    """
    model, loss = trainer.model, trainer.loss
    sums: dict[str, list[float]] = {}
    asked: float | None = None
    total = source.samples if size else len(source)
    with LateBar(who, total, " samples" if size else " batches", progress) as bar:
        for X, y, *weight in batches(who, model, source, np.random.default_rng(0)):
            X, y, *weight = cast_batch(who, model, X, y, *weight)
            H = model.forward(X, record=False)
            value = loss.forward(H, y, *weight)
            _metrics.add(sums, "loss", value, loss.divisor)
            for name, metric in trainer.metrics.items():
                _metrics.add(sums, name, *_metrics.measure(name, metric, H, y))
            bar.update(len(y) if size else 1)
            if stopping():
                now = time.perf_counter()
                asked = now if asked is None else asked
                if now - asked > GRACE:
                    return None
    return _metrics.means(sums)


def predict(who: str, model, X: Any, batch_size: int, progress: bool) -> np.ndarray:
    """The outputs (n, ...) for X, an array or a tuple of arrays."""
    if not is_frame(X) and hasattr(X, "X") and hasattr(X, "y"):
        raise ShapeError(f"{who}: expected X of shape (n, ...), got a {type(X).__name__}. Write {who}(data.X).")
    if isinstance(X, BatchSource):
        raise ShapeError(
            f"{who}: expected X of shape (n, ...), got a batch source, {type(X).__name__}, whose order may be a random "
            f"one. Give arrays; of files of images, {who}(datasets.read_images(paths, size))."
        )
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
            Y = model.forward(X_i, record=False)
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
