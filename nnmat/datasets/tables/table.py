"""A table as arrays: `table(frame_or_file, target=...)`, and the same coding for rows that come later."""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nnmat_kernels.runtime.arrays import FLOATS
from nnmat_kernels.runtime.door import array

from ...checks import flag
from ...errors import ConfigError, DataError, FileFormatError, StateError
from ..dataset import Dataset
from ..splitting import split_rows
from .coding import RULES, Coding, category_coding, coding_from_config, number_coding
from .columns import Column, Columns, Kind, columns_of
from .csv_columns import csv_columns
from .csv_text import texts_of
from .targets import Targets, targets_from_config, targets_of

FORMAT = "nnmat table"
MISSING_VALUES = ("?", "NA", "N/A", "n/a", "NULL", "null", "#N/A")


class Table:
    """What `datasets.table` made of rows, and how: it does the same to new rows.

    `train`, `test`: data sets (test: None if none was asked for); `test_rows`: the numbers of its rows, from 0;
    `X`, `y`: the arrays of `train`; `features`: the names of the columns of X; `task`: "classification" or
    "regression"; `labels`: the classes, or None; `target`: the name of its column. A table made by `from_config` has no
    rows.
    """

    def __init__(self, codings: Sequence[Coding], targets: Targets, reading: dict, dtype: np.dtype):
        self._codings, self._targets, self._reading, self.dtype = list(codings), targets, reading, dtype
        self.test: Dataset | None = None
        self.test_rows = np.zeros(0, np.int64)
        self._train: Dataset | None = None

    @property
    def train(self) -> Dataset:
        """The rows for training; StateError for a table from a config, which has none."""
        if self._train is None:
            raise StateError("Table: it was made from a config and has no rows. Write table.dataset(frame).")
        return self._train

    @property
    def X(self) -> np.ndarray:
        """(n, features), of the rows for training."""
        return self.train.X

    @property
    def y(self) -> np.ndarray:
        """(n,) int64 classes, or (n, 1) numbers, of the rows for training."""
        return self.train.y

    @property
    def features(self) -> list[str]:
        """The names of the columns of X; of a category, "column=category"."""
        return [name for coding in self._codings for name in coding.features]

    @property
    def columns(self) -> list[str]:
        """The columns of the table that X is made of."""
        return [coding.name for coding in self._codings]

    @property
    def target(self) -> str:
        """The name of the column that is to be told."""
        return self._targets.name

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return self._targets.task

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the classes 0, 1, ..., or None."""
        return self._targets.labels

    def transform(self, rows: Any) -> np.ndarray:
        """X (n, features) of new rows: a frame, a dict of columns or the path of a CSV file; no target needed.

        Columns go by name; those that are not in `columns` are passed over. Raises DataError for a column that is
        missing, a word in a column of numbers, a category that was not there before, a missing value without a rule.
        """
        return self._encode("Table.transform", self._read("Table.transform", rows))

    def dataset(self, rows: Any) -> Dataset:
        """X and y of new rows with their target, as a data set."""
        who = "Table.dataset"
        columns = self._read(who, rows)
        y = self._targets.encode(who, _column(who, columns, self.target, self._targets.kind), columns.where)
        return Dataset(self._encode(who, columns), self._targets.cast(who, y, self.dtype, columns.where), self.labels)

    def decode(self, outputs: Any) -> np.ndarray:
        """What outputs of a model, or y, mean (n,): names of classes, or numbers in the target's own unit.

        Outputs (n, classes): the class of the largest; (n, 1) of two classes: the second above 0, as of a logit.
        """
        return self._targets.decode("Table.decode", array("Table.decode", "outputs", outputs))

    def config(self) -> dict:
        """What `from_config` makes the same table of, without its rows; JSON-able."""
        return {
            "format": FORMAT,
            "version": 1,
            "columns": [coding.config() for coding in self._codings],
            "target": self._targets.config(),
            "reading": {**self._reading, "missing_values": list(self._reading["missing_values"])},
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_config(cls, config: Mapping) -> "Table":
        """The table of a config, ready to `transform`; FileFormatError for what is none."""
        who = "Table.from_config"
        try:
            if config["format"] != FORMAT or config["version"] != 1:
                raise KeyError
            codings = [coding_from_config(who, entry) for entry in config["columns"]]
            reading = {**config["reading"], "missing_values": tuple(config["reading"]["missing_values"])}
            return cls(codings, targets_from_config(who, config["target"]), reading, _dtype(who, config["dtype"]))
        except (KeyError, TypeError, ConfigError):
            raise FileFormatError(f"{who}: expected a dict that Table.config() gave, version 1.") from None

    def _read(self, who: str, rows: Any) -> Columns:
        return _columns(who, rows, [*self.columns, self.target], self._reading)

    def _encode(self, who: str, columns: Columns) -> np.ndarray:
        found = [_column(who, columns, coding.name, coding.kind) for coding in self._codings]
        parts = [c.encode(who, column, columns.where) for c, column in zip(self._codings, found, strict=True)]
        with np.errstate(over="ignore"):
            X = np.concatenate(parts, axis=1).astype(self.dtype)
        if not np.isfinite(X).all():
            i, j = map(int, np.argwhere(~np.isfinite(X))[0])
            raise DataError(
                f"{who}: {self.features[j]} in {columns.where(i)} is beyond the range of {self.dtype}. Repair it, or "
                "make the table with dtype=np.float64."
            )
        return X

    def __repr__(self) -> str:
        classes = f", {len(self.labels)} classes" if self.labels else ""
        rows = "" if self._train is None else f"{len(self._train)} rows for training, "
        rows += "" if self.test is None else f"{len(self.test)} for testing, "
        shown = f"{rows}{len(self.columns)} columns as {len(self.features)} features"
        return f"Table({shown}; {self.task} of {self.target!r}{classes})"


def table(
    rows: Any,
    target: str | int,
    *,
    test: float | int | None = None,
    seed: int = 0,
    task: str | None = None,
    ignore: Sequence[str] = (),
    categories: Sequence[str] = (),
    fill: Any = None,
    unknown: str = "refuse",
    standardise: bool = True,
    standardise_target: bool = False,
    dtype: Any = np.float32,
    header: bool | None = None,
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str | None = None,
    missing_values: Sequence[str] = MISSING_VALUES,
) -> Table:
    """A table with columns of numbers and words as arrays X and y.

    `rows`: a pandas or polars frame, a dict of columns, or the path of a CSV file (the options of the last line are
    for such). `target`: the column that is to be told, by its name or number. Columns of numbers stay what they are,
    minus their mean and divided by their deviation (`standardise`); columns of words become one column of 0 and 1 for
    each category; `categories` names columns of numbers that are to be taken as words, `ignore` those to be left out.
    `task`: "classification" (words, flags, and whole numbers of at most 20 kinds, unless told otherwise) or
    "regression" (other numbers). `test`: a share or a number of rows kept for testing, drawn by `seed`, of each class
    alike; means and fills are those of the other rows. `fill`: None refuses missing values; "mean", "median" or
    "most_frequent" fills them (words always by the most frequent one), {column: rule or value} does so for some.
    `unknown`: a category that only later rows have is refused, or with "zeros" has 0 everywhere.

    Raises DataError for missing columns and values, mixed columns, a target of one class, a class of one row where
    `test` needs two; ConfigError for options; FileFormatError for a file that is no CSV.
    """
    who = "table"
    _check_options(who, task, unknown, fill, ignore, categories)
    dtype = _dtype(who, dtype)
    reading: dict[str, Any] = {"header": header, "delimiter": delimiter, "decimal": decimal, "encoding": encoding}
    reading["missing_values"] = texts_of(who, "missing_values", missing_values)
    columns = _columns(who, rows, [target] if isinstance(target, str) else [], reading)
    if columns.rows == 0:
        raise DataError(f"{who}: expected at least one row, got none.")
    name = _target_name(who, columns, target)
    wanted = [column for column in columns.names if column != name and column not in ignore]
    for option, given in (("ignore", ignore), ("categories", categories), ("fill", _names_of(fill))):
        for column in given:
            _check_there(who, columns, column, f" of {option}=")
    if not wanted:
        raise DataError(f"{who}: expected a column beside the target {name!r}, got {', '.join(columns.names)}.")
    targets, y = targets_of(who, columns.get(name, "words" if name in categories else None), task, columns.where)
    train, held = _train_and_test(who, y, targets, test, seed)
    targets = targets.scaled(y[train]) if flag(who, "standardise_target", standardise_target) else targets
    standardise = flag(who, "standardise", standardise)
    codings = []
    for column in wanted:
        found = columns.get(column, "words" if column in categories else None)
        rule = fill.get(column) if isinstance(fill, Mapping) else fill
        if found.words is not None:
            codings.append(category_coding(who, found, train, rule, unknown, columns.where))
        else:
            codings.append(number_coding(who, found, train, rule, standardise, columns.where))
    made = Table(codings, targets, reading, dtype)
    X, y = made._encode(who, columns), targets.cast(who, targets.shaped(y), dtype, columns.where)
    origin = f"{columns.given}: {made.task} of {name!r}, {len(wanted)} columns as {X.shape[1]} features"
    parts = [Dataset(X[part], y[part], targets.labels, origin) for part in (train, held)]
    made._train, made.test = parts[0], parts[1] if test is not None else None
    made.test_rows = held
    return made


def _dtype(who: str, dtype: Any) -> np.dtype:
    for found in FLOATS:
        with contextlib.suppress(TypeError):  # what names no dtype
            if dtype is not None and found == dtype:
                return found
    raise ConfigError(f"{who}: expected dtype as np.float32 or np.float64, got {dtype!r}.")


def _train_and_test(
    who: str, y: np.ndarray, targets: Targets, test: float | int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both parts, in order."""
    if test is None:
        return np.arange(len(y)), np.zeros(0, np.int64)
    train, held = split_rows(who, len(y), test, seed, y if targets.labels else None, targets.labels)
    return np.sort(train), np.sort(held)


def _check_options(who: str, task: Any, unknown: Any, fill: Any, *names: Any) -> None:
    if task not in (None, "classification", "regression"):
        raise ConfigError(f"{who}: expected task as 'classification' or 'regression', got {task!r}.")
    if unknown not in ("refuse", "zeros"):
        raise ConfigError(f"{who}: expected unknown as 'refuse' or 'zeros', got {unknown!r}.")
    if not isinstance(fill, Mapping) and fill is not None and not (isinstance(fill, str) and fill in RULES):
        raise ConfigError(
            f"{who}: expected fill as None, 'mean', 'median', 'most_frequent', or a dict of columns and such rules or "
            f"values, got {fill!r}."
        )
    for given in names:
        listed = isinstance(given, Iterable) and not isinstance(given, str)
        if not listed or not all(isinstance(name, str) for name in given):
            raise ConfigError(f"{who}: expected ignore and categories as lists of names of columns, got {given!r}.")


def _names_of(fill: Any) -> list[str]:
    return list(fill) if isinstance(fill, Mapping) else []


def _columns(who: str, rows: Any, known: Sequence[str], reading: dict) -> Columns:
    """The columns of a frame, a dict or a file."""
    if isinstance(rows, str | bytes | os.PathLike):
        return csv_columns(who, rows, known, **reading)
    return columns_of(who, rows)


def _column(who: str, columns: Columns, name: str, kind: Kind) -> Column:
    _check_there(who, columns, name, "")
    return columns.get(name, kind)


def _check_there(who: str, columns: Columns, name: str, of: str) -> None:
    if name not in columns.names:
        shown = ", ".join(columns.names[:12]) + (", ..." if len(columns.names) > 12 else "")
        raise DataError(f"{who}: expected a column {name!r}{of} in {columns.given}, found {shown or 'none'}.")


def _target_name(who: str, columns: Columns, target: Any) -> str:
    """The name of the target's column."""
    if isinstance(target, str):
        _check_there(who, columns, target, " for the target")
        return target
    n = len(columns.names)
    if isinstance(target, bool) or not isinstance(target, int | np.integer) or not -n <= target < n:
        raise ConfigError(
            f"{who}: expected target as the name of a column or a number from {-n} to {n - 1}, got {target!r}."
        )
    return columns.names[target]
