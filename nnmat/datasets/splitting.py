"""A random split into two parts, each with its share of every class."""

from typing import Any

import numpy as np

from ..checks import count as counted
from ..checks import flag
from ..errors import ConfigError, DataError


def split(data: Any, test: float | int, seed: int = 0, stratify: bool = True) -> tuple[Any, Any]:
    """Two data sets without common samples, drawn at random: `train, test = split(data, 0.2)`.

    `data`: a Dataset, or a folder of images read lazily. `test`: a share between 0 and 1, or a number of samples.
    `stratify`: both parts have every class in the proportions of the whole, to a sample, and at least one of each; y
    must be (n,) integers. The same seed gives the same parts. Raises DataError for a class of one sample and for
    targets that are no classes, ConfigError for options.
    """
    if not hasattr(data, "y") or not hasattr(data, "__getitem__"):
        raise DataError(f"split: expected a Dataset, got {type(data).__name__}. Write split(Dataset(X, y), 0.2).")
    y = None
    if flag("split", "stratify", stratify):
        y = data.y
        if y.ndim != 1 or y.dtype.kind not in "iub":
            raise DataError(
                f"split: expected y of shape (n,) and integers, the classes, got {y.dtype} {y.shape}. "
                "Write stratify=False for other targets."
            )
    first, second = split_rows("split", len(data.y), test, seed, y, getattr(data, "labels", None))
    return data[first], data[second]


def split_rows(
    who: str, n: int, test: float | int, seed: int, y: np.ndarray | None, labels: tuple[str, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the two parts of n samples in random order; y (n,): the classes to keep, if there are any."""
    m = 0
    if isinstance(test, float | np.floating) and 0 < test < 1:
        m = round(float(test) * n)
    elif isinstance(test, int | np.integer) and not isinstance(test, bool):
        m = int(test)
    if not 0 < m < n:
        raise ConfigError(
            f"{who}: expected test as a share between 0 and 1 or a number of samples from 1 to {n - 1}, such that both "
            f"parts have a sample, got {test!r} of {n} samples."
        )
    rng = np.random.default_rng(counted(who, "seed", seed, least=0))
    if y is None:
        order = rng.permutation(n)
        return order[m:], order[:m]
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < 2:
        c = classes[np.argmin(counts)]
        name = f"{labels[int(c)]!r}" if labels and 0 <= c < len(labels) else str(c)
        raise DataError(
            f"{who}: expected at least two samples of each class, one for each part, got one of class {name}. Give "
            "more of it, or leave it out."
        )
    if not len(classes) <= m <= n - len(classes):
        raise ConfigError(
            f"{who}: expected both parts to have a sample of each of the {len(classes)} classes, got test = {test!r}, "
            f"which makes parts of {n - m} and {m}."
        )
    shares = _shares(counts, int(m))
    test_rows = [rng.permutation(np.flatnonzero(y == c))[:k] for c, k in zip(classes, shares, strict=True)]
    held = np.zeros(n, bool)
    held[np.concatenate(test_rows)] = True
    return rng.permutation(np.flatnonzero(~held)), rng.permutation(np.flatnonzero(held))


def _shares(counts: np.ndarray, m: int) -> np.ndarray:
    """How many of each class are among m: the nearest whole numbers to the proportions, from 1 to all but one."""
    exact = counts * (m / counts.sum())
    shares = np.clip(np.floor(exact), 1, counts - 1).astype(np.int64)
    while shares.sum() != m:
        step = 1 if shares.sum() < m else -1
        room = shares < counts - 1 if step > 0 else shares > 1
        shares[np.argmax(np.where(room, step * (exact - shares), -np.inf))] += step
    return shares
