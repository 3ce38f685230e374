"""The column that is to be told: classes as 0, 1, ..., or numbers."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from ...errors import DataError, FileFormatError, ShapeError
from .coding import center_and_scale, known, numbers_in, sorted_words, words_in
from .columns import Column, Kind, Where, text_of

MOST_KINDS = 20  # of whole numbers that are taken for classes


@dataclass(frozen=True)
class Targets:
    """Classes by their `labels`, or numbers (y - mean) / scale."""

    name: str
    task: str
    labels: tuple[str, ...] | None = None
    kind: Kind = None  # how the column is read
    flags: bool = False  # 0 is called False, 1 True
    mean: float = 0.0
    scale: float = 1.0

    def cast(self, who: str, y: np.ndarray, dtype: np.dtype, where: Where) -> np.ndarray:
        """Numbers in this dtype, classes as they are; DataError for a number beyond its range."""
        if self.labels:
            return y
        with np.errstate(over="ignore"):
            found = y.astype(dtype)
        if not np.isfinite(found).all():
            raise DataError(
                f"{who}: {self.name} in {where(int(np.argmax(~np.isfinite(found[:, 0]))))} is beyond the range of "
                f"{dtype}. Repair it, or make the table with standardise_target=True or dtype=np.float64."
            )
        return found

    def scaled(self, y: np.ndarray) -> "Targets":
        """The same with mean and deviation of y; classes as they are."""
        if self.labels:
            return self
        mean, scale = center_and_scale(y)
        return replace(self, mean=mean, scale=scale)

    def shaped(self, y: np.ndarray) -> np.ndarray:
        """y (n,) as it is for classes, as (n, 1) and standardised for numbers."""
        return y if self.labels else ((y - self.mean) / self.scale)[:, np.newaxis]

    def encode(self, who: str, column: Column, where: Where) -> np.ndarray:
        """y of new rows."""
        _check_whole(who, column, where)
        if self.labels is None:
            return self.shaped(numbers_in(who, column, where))
        places = {label: i for i, label in enumerate(self.labels)}
        words = _words(who, column, where, self.flags)
        for i, word in enumerate(words):
            if word not in places:
                raise DataError(
                    f"{who}: expected one of the classes {known(self.labels)} in column {self.name!r}, got {word!r} in "
                    f"{where(i)}. Leave such rows out."
                )
        return np.array([places[word] for word in words], np.int64)

    def decode(self, who: str, Y: np.ndarray) -> np.ndarray:
        """Names of classes, or numbers in their own unit."""
        if Y.dtype.kind == "f" and not np.isfinite(Y).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(Y))[0])
            raise DataError(f"{who}: expected finite outputs, got {Y[where]} at index {where}.")
        if self.labels is None:
            if Y.ndim not in (1, 2) or (Y.ndim == 2 and Y.shape[1] != 1):
                raise ShapeError(f"{who}: expected outputs of shape (n, 1) or (n,), got {Y.shape}.")
            return Y.reshape(-1).astype(np.float64) * self.scale + self.mean
        C = len(self.labels)
        if Y.ndim == 2 and Y.shape[1] == C:
            Y = Y.argmax(axis=1)
        elif Y.ndim == 2 and Y.shape[1] == 1 and C == 2:
            Y = (Y[:, 0] > 0).astype(np.int64)
        if Y.ndim != 1 or Y.dtype.kind not in "iub" or (Y.size and not 0 <= Y.min() <= Y.max() < C):
            raise ShapeError(
                f"{who}: expected outputs of shape (n, {C}), or classes (n,) from 0 to {C - 1}, got {Y.dtype} "
                f"{Y.shape}."
            )
        return np.array(self.labels)[Y.astype(np.int64)]

    def config(self) -> dict:
        """The fields, JSON-able."""
        return {**asdict(self), "labels": None if self.labels is None else list(self.labels)}


def targets_of(who: str, column: Column, task: str | None, where: Where) -> tuple[Targets, np.ndarray]:
    """What a column's targets are, and y (n,): classes as int64, numbers as float64."""
    _check_whole(who, column, where)
    if task is None:
        task = "classification" if _are_classes(column) else "regression"
    if task == "regression":
        return Targets(column.name, task, kind="numbers"), numbers_in(who, column, where)
    words = _words(who, column, where, column.flags)
    labels = sorted_words(set(words))
    if len(labels) < 2:
        raise DataError(
            f"{who}: expected at least two classes in column {column.name!r}, got {labels[0]!r} in all rows. There is "
            "nothing to tell apart."
        )
    places = {label: i for i, label in enumerate(labels)}
    y = np.array([places[word] for word in words], np.int64)
    return Targets(column.name, task, labels, "numbers" if column.words is None else "words", flags=column.flags), y


def _are_classes(column: Column) -> bool:
    """Words; whole numbers of few kinds."""
    if column.numbers is None:
        return True
    kinds = np.unique(column.numbers)
    return len(kinds) <= min(MOST_KINDS, len(column.numbers) // 2) and bool((kinds == np.round(kinds)).all())


def _check_whole(who: str, column: Column, where: Where) -> None:
    if column.missing.any():
        i = int(np.argmax(column.missing))
        raise DataError(
            f"{who}: expected a value in the target's column {column.name!r}, got none in {where(i)}. A row without "
            "its target teaches nothing: leave it out."
        )


def _words(who: str, column: Column, where: Where, flags: bool) -> list[str]:
    """The entries as words, (n,)."""
    if column.numbers is not None and flags:
        return [text_of(bool(x)) if x in (0, 1) else text_of(float(x)) for x in numbers_in(who, column, where)]
    if column.numbers is not None:
        return [text_of(float(x)) for x in numbers_in(who, column, where)]
    return list(words_in(who, column, where))


def targets_from_config(who: str, config: dict) -> Targets:
    """The targets that `config()` describes."""
    try:
        labels = config["labels"]
        return Targets(**{**config, "labels": None if labels is None else tuple(labels)})
    except (KeyError, TypeError):
        raise FileFormatError(f"{who}: expected the config of a target that a Table gave, got {config!r}.") from None
