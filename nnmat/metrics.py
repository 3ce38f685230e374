"""Metrics: what a person wants to know of outputs H (..., M), beside the loss. Each is a mean over the rows.

A metric is a function of (H, y) that returns the mean, or a pair (mean, weight) where not all rows count: over several
batches the Trainer takes the mean with these weights, which are the numbers of samples if none are given.
"""

import math
import re
from collections.abc import Callable

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.losses.targets import label_remedy
from nnmat_kernels.runtime.door import dtype_remedy, plain

from .checks import are_logits_and_labels, count
from .errors import ConfigError, DataError, DtypeError, LabelError, ShapeError

Metric = Callable[[np.ndarray, np.ndarray], float | tuple[float, float]]


def accuracy(H: np.ndarray, y: np.ndarray, ignore_index: int | None = None) -> float:
    """The share of rows whose largest output stands at the label (the first of equal ones; rows with NaN are wrong).

    y: integer labels of H's shape without the last axis, or one-hot or soft float targets of H's shape (their largest
    entry is the label). Rows with the label `ignore_index` do not count; without any row the accuracy is 0.0.
    """
    return _accuracy(H, y, ignore_index)[0]


def accuracy_ignoring(index: int) -> Metric:
    """The metric `accuracy` over the rows whose label is not `index`, with their number as weight; for the Trainer."""
    if isinstance(index, bool) or not isinstance(index, int | np.integer):
        raise ConfigError(f"accuracy_ignoring: expected index as an integer, got {index!r}. A common value is -100.")

    def metric(H: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        return _accuracy(H, y, int(index))

    metric.__name__ = "accuracy"
    return metric


def top_k_accuracy(H: np.ndarray, y: np.ndarray, k: int, ignore_index: int | None = None) -> float:
    """The share of rows whose label is among the k largest outputs (of equal ones, those of smaller index first)."""
    k = count("top_k_accuracy", "k", k)
    H, labels, _ = _rows(f"top_{k}", H, y, ignore_index)
    own = np.take_along_axis(H, labels[:, None], axis=1)
    before = np.arange(H.shape[1]) < labels[:, None]
    rank = ((own < H) | ((own == H) & before)).sum(axis=1)
    right = (rank < k) & ~np.isnan(H).any(axis=1)
    return float(right.mean()) if len(right) else 0.0


def top_k(k: int) -> Metric:
    """The metric `top_k_accuracy` for this k, as a function of (H, y), for the Trainer."""
    k = count("top_k", "k", k)

    def metric(H: np.ndarray, y: np.ndarray) -> float:
        return top_k_accuracy(H, y, k)

    metric.__name__ = f"top_{k}"
    return metric


def binary_accuracy(H: np.ndarray, y: np.ndarray) -> float:
    """The share of entries where the logit's sign tells the target: h > 0 where y > 1/2, else h <= 0.

    y: of H's shape, or without the last axis if that has length 1.
    """
    H, y = _numbers("binary_accuracy", "H", H), _numbers("binary_accuracy", "y", y)
    if y.shape != H.shape and not (H.ndim > 0 and H.shape[-1] == 1 and y.shape == H.shape[:-1]):
        remedy = "For class labels use accuracy."
        if y.shape == (*H.shape, 1):
            remedy = "Try np.ravel(y)." if H.ndim == 1 else "Try y[..., 0]."
        raise ShapeError(f"binary_accuracy: expected y of the shape of H, {H.shape}, got {y.shape}. {remedy}")
    right = ((H > 0) == (y.reshape(H.shape) > 0.5)) & ~np.isnan(H)
    return float(right.mean()) if right.size else 0.0


def confusion_matrix(H: np.ndarray, y: np.ndarray, ignore_index: int | None = None) -> np.ndarray:
    """Counts (M, M): entry (i, j) is the number of rows of label i whose largest output is j. Its sum is the rows.

    Raises DataError for a row with NaN, which has no largest output.
    """
    H, labels, rows = _rows("confusion_matrix", H, y, ignore_index)
    M = H.shape[1]
    if (wrong := np.isnan(H).any(axis=1)).any():
        row = int(rows[np.argmax(wrong)])
        raise DataError(
            f"confusion_matrix: expected H without NaN, got one in row {row}, which has no largest output. "
            "Leave such rows out."
        )
    return np.bincount(labels * M + H.argmax(axis=1), minlength=M * M).reshape(M, M)


METRICS: dict[str, Metric] = {"accuracy": accuracy, "binary_accuracy": binary_accuracy}


def resolve(metric: str | Metric) -> tuple[str, Metric]:
    """The name and the function of a metric that is given by either; `top_5` and the like are names too."""
    if isinstance(metric, str):
        if metric in METRICS:
            return metric, METRICS[metric]
        if found := re.fullmatch(r"top_([1-9]\d*)", metric):
            return metric, top_k(int(found[1]))
    elif callable(metric):
        return getattr(metric, "__name__", type(metric).__name__), metric
    known = ", ".join(repr(name) for name in [*METRICS, "top_5"])
    raise ConfigError(
        f"metrics: expected one of {known} (or top_ with another number), or a function metric(H, y) -> float, "
        f"got {metric!r}."
    )


def measure(name: str, metric: Metric, H: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The mean that a metric gives for a batch, and its weight."""
    found = metric(H, y)
    try:
        mean, weight = found if isinstance(found, tuple) else (found, len(H))
        mean, weight = float(mean), float(weight)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0.0 <= weight < math.inf:
        raise ConfigError(
            f"metrics: expected the metric {name!r} to return a number or a pair (mean, weight), got {found!r}. "
            "A weight is finite and >= 0."
        )
    return mean, weight


def add(sums: dict[str, list[float]], name: str, mean: float, weight: float) -> None:
    """Count the mean of a batch with its weight into the sums of the figure `name`."""
    entry = sums.setdefault(name, [0.0, 0.0])
    if weight:
        entry[0] += mean * weight
        entry[1] += weight


def means(sums: dict[str, list[float]]) -> dict[str, float]:
    """The means over all batches counted into the sums; NaN where all weights are 0."""
    return {name: total / weight if weight else math.nan for name, (total, weight) in sums.items()}


def _accuracy(H: np.ndarray, y: np.ndarray, ignore_index: int | None) -> tuple[float, int]:
    """The accuracy, and over how many rows."""
    if ignore_index is None and are_logits_and_labels(H, y) and (right := k.count_correct(H, y)) >= 0:
        return right / len(H), len(H)
    H, labels, _ = _rows("accuracy", H, y, ignore_index)
    if len(H) == 0:
        return 0.0, 0
    places = H.argmax(axis=1)  # where there is a NaN, its place
    largest = H[np.arange(len(H)), places]
    right = (places == labels) & ~np.isnan(largest)
    return np.count_nonzero(right) / len(H), len(H)


def _numbers(who: str, name: str, A) -> np.ndarray:
    """An array of real numbers, booleans included."""
    A = plain(who, name, A)
    if A.dtype.kind not in "fiub":
        raise DtypeError(
            f"{who}: expected {name} to hold real numbers, got dtype {A.dtype}. {dtype_remedy(name, A.dtype)}"
        )
    return A


def _rows(who: str, H, y, ignore_index: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | range]:
    """H as rows, one label for each, and their numbers, without the ignored ones."""
    H, y = _numbers(who, "H", H), _numbers(who, "y", y)
    if H.ndim < 2 or H.shape[-1] == 0:
        raise ShapeError(f"{who}: expected H of shape (..., M) with M >= 1, got {H.shape}. A single row is H[None, :].")
    M = H.shape[-1]
    if M == 1:
        raise ShapeError(
            f"{who}: expected H with a column for each class, got shape {H.shape}, where the largest output is always "
            "the first. For one logit per row use binary_accuracy."
        )
    if y.dtype.kind == "f" and y.shape == H.shape:
        y = y.argmax(axis=-1)
    elif y.shape != H.shape[:-1]:
        raise ShapeError(
            f"{who}: expected labels y of shape {H.shape[:-1]}, or float targets of shape {H.shape}, got {y.shape} of "
            f"{y.dtype}. {label_remedy(y, H.shape)}"
        )
    if y.dtype.kind not in "iu":
        raise DtypeError(f"{who}: expected labels y of an integer dtype, got {y.dtype}. Try y.astype(np.int64).")
    H, labels = H.reshape(-1, M), y.reshape(-1).astype(np.int64, copy=False)
    rows: np.ndarray | range = range(len(H))
    if ignore_index is not None:
        rows = np.flatnonzero(labels != ignore_index)
        H, labels = H[rows], labels[rows]
    if labels.size and labels.view(np.uint64).max() >= M:  # negative ones are huge so
        i = int(np.argmax((labels < 0) | (labels >= M)))
        remedy = (
            f"Trainer(metrics=[metrics.accuracy_ignoring({labels[i]})])"
            if who == "accuracy"
            else f"ignore_index={labels[i]}"
        )
        raise LabelError(
            f"{who}: expected labels from 0 to {M - 1}, got {labels[i]} in row {rows[i]}. Labels count from 0; "
            f"to leave rows of this label out: {remedy}."
        )
    return H, labels, rows
