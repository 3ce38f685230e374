"""Data sets from CSV files.

A file of plain numbers is parsed by NumPy's own reader. What that one refuses, and files with quotes, missing values or
decimal commas, goes row by row through Python's csv module, which knows line and column of what is wrong; the numbers
of both ways are those of NumPy's reader.
"""

import decimal as decimals
import io
import math
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ...checks import flag
from ...errors import ConfigError, DtypeError, FileFormatError
from ...formats.paths import existing_file
from ..dataset import Dataset
from .csv_header import MISSING, counts_from, has_header
from .csv_text import NAMELESS, CsvText, check_delimiter, content_of, texts_of

INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
WHOLE = re.compile(r"[+-]?[0-9]+")


def load_csv(
    path: str | bytes | os.PathLike,
    label_column: int | str = -1,
    header: bool | None = None,
    delimiter: str = ",",
    dtype=np.float32,
    label_dtype=np.int64,
    *,
    encoding: str | None = None,
    decimal: str = ".",
    missing: str | Sequence[str] = (),
    labels: bool | Sequence[str] = False,
    index: bool | None = None,
) -> Dataset:
    """A CSV file of numbers as a data set: one column is `y (n,)`, the others, in order, are `X (n, columns - 1)`.

    `label_column`: a number (negative: from the end) or a name of the header. `header`: whether the first row has the
    names of the columns; None decides it where one reading is possible and raises where not. `label_dtype`: an integer
    or float type. `encoding`: None for UTF-8, or what a byte order mark says; older files of Windows have "cp1252".
    `decimal`: "." or ",". `missing`: what stands for a missing value, such as ("NA", "?", ""): it is read as NaN.
    `labels`: True for labels in words, which become the numbers 0, 1, ... of the classes in sorted order, or a list of
    the classes in an order of one's own; the data set keeps it as `labels`. `index`: whether the first column is an
    index, to be left out; None leaves out one without a name that counts the rows. Blank lines are passed over.

    What was taken for what is in the data set's `origin`, and shown with it. Numbers are read as NumPy reads them:
    ASCII digits, no underscores; labels of integer types are exact. Raises `FileFormatError` with line and column for
    a cell that is no number or does not fit the type, a row of another length, a file without rows, and for what may
    be read in two ways, with the option that declares it; `ConfigError` and `DtypeError` for the options.
    """
    path = existing_file("load_csv", path)
    dtype = _dtype("dtype", dtype, "f", "a float type", "np.float32")
    label_dtype = _dtype("label_dtype", label_dtype, "fiu", "an integer or float type", "np.int64")
    check_delimiter("load_csv", delimiter, decimal)
    missing = texts_of("load_csv", "missing", (missing,) if isinstance(missing, str) else missing)
    classes = None if labels is True or labels is False else texts_of("load_csv", "labels", labels)
    content, encoding = content_of("load_csv", path, encoding)
    table = _Table(path, content, delimiter, decimal, frozenset(missing))
    first = next(table.rows(), None)
    if first is None:
        raise FileFormatError(f"load_csv: expected at least one row of numbers in {path}, found none.")
    line, cells = first
    table.width = len(cells)
    if table.width < 2:
        raise FileFormatError(
            f"load_csv: expected at least two columns in {path}, samples and labels, got one: {cells[0][:60]!r}. "
            f"Is the delimiter another one? Pass delimiter=, now {delimiter!r}."
        )
    if isinstance(label_column, str) and header is None and cells.count(label_column) == 1:
        header = True
    elif header is None:
        header = has_header("load_csv", f"line {line} of {path}", table.rows, table.is_number, set(missing))
    if flag("load_csv", "header", header):
        table.names, table.start = cells, line
        if next(table.rows(), None) is None:
            raise FileFormatError(
                f"load_csv: expected at least one row of numbers in {path}, found none below the header."
            )
    table.label = _column(label_column, table.names, table.width, path)
    table.take_index(None if index is None else flag("load_csv", "index", index))
    X, texts, y, lines = _fast(table, dtype, label_dtype, labels is not False) or _by_rows(table, dtype)
    names = None
    if labels is not False:
        names = _sorted(set(texts), table) if classes is None else classes
        y = _classes(texts, names, table, lines, label_dtype)
    elif y is None:
        y = _numbers(texts, label_dtype, table, lines)
    return Dataset(X, y, names, table.origin(encoding))


@dataclass
class _Table(CsvText):
    """A text of samples and labels: which column is which."""

    label: int = 0
    index: bool = False  # column 0 is an index, left out
    counting: bool = False  # column 0 is one if it counts the rows
    gaps: int = 0  # missing values that became NaN

    def take_index(self, index: bool | None) -> None:
        """Note whether column 0 is an index, or may turn out to be one."""
        if index and self.label == 0:
            raise ConfigError("load_csv: expected an index column beside the label column, got column 1 for both.")
        self.index = bool(index)
        nameless = self.names is not None and self.names[0] in NAMELESS
        self.counting = index is None and nameless and self.label != 0
        if self.width - 1 - (self.index or self.counting) < 1:
            raise FileFormatError(f"load_csv: expected a column of numbers beside label and index in {self.path}.")

    @property
    def features(self) -> list[int]:
        """The columns of X."""
        return [j for j in range(self.width) if j != self.label and not (j == 0 and (self.index or self.counting))]

    def not_counting(self) -> FileFormatError:
        """The error of a column without a name that is no count of the rows."""
        return FileFormatError(
            f"load_csv: column 1 of {self.path} has no name and does not count the rows. Is it an index, as pandas "
            "writes it? Pass index=True to leave it out, index=False to take it as a column of numbers."
        )

    def origin(self, encoding: str) -> str:
        """What was taken for what."""
        head = f"line {self.start} is the header" if self.names else "no header"
        named = f" ({self.names[self.label]})" if self.names else ""
        parts = [head, f"column {self.label + 1} of {self.width}{named} is the label"]
        if self.index or self.counting:
            parts.append("column 1 is an index, left out")
        if self.gaps:
            parts.append(f"{self.gaps} missing values are NaN")
        if encoding not in ("utf-8", "utf-8-sig"):
            parts.append(f"encoding {encoding}")
        return f"{self.path.name}: {', '.join(parts)}"


Read = tuple[np.ndarray, list[str], np.ndarray | None, list[int]]  # X, texts of the labels, y or None, lines


def _fast(table: _Table, dtype: np.dtype, label_dtype: np.dtype, words: bool) -> Read | None:
    """The columns by NumPy's reader; None if it, or what it gave, leaves something to be said."""
    plain = table.content.isascii() and b'"' not in table.content
    if not plain or table.decimal != "." or table.missing:
        return None
    number = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float64)
    label = np.dtype(object) if words else np.dtype(np.float64 if label_dtype.kind == "f" else np.int64)
    fields: list[tuple] = []
    for j in range(table.width):
        if j == table.label:
            fields.append((f"y{j}", label))
        elif j == 0 and table.index:
            fields.append((f"i{j}", "U1"))
        elif j == 0 and table.counting:
            fields.append((f"i{j}", np.float64))
        elif fields and fields[-1][0][0] == "X":
            name, _, (width,) = fields.pop()
            fields.append((name, number, (width + 1,)))
        else:
            fields.append((f"X{j}", number, (1,)))
    lines = io.TextIOWrapper(io.BytesIO(table.content), "utf-8", newline=None)
    for _ in range(table.start):
        lines.readline()
    try:
        with warnings.catch_warnings():  # NumPy 2.0 warns where it takes a decimal fraction for an integer
            warnings.simplefilter("error", DeprecationWarning)
            found = np.loadtxt(lines, dtype=fields, delimiter=table.delimiter, comments=None, ndmin=1)
    except (ValueError, DeprecationWarning):
        return None
    y = found[f"y{table.label}"]
    if table.counting and not (
        np.array_equal(found["i0"], np.arange(len(y))) or np.array_equal(found["i0"], np.arange(1, len(y) + 1))
    ):
        raise table.not_counting()
    parts = [found[name] for name, *_ in fields if name[0] == "X"]
    X = np.empty((len(y), len(table.features)), dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        np.concatenate(parts, axis=1, out=X, casting="unsafe")
        cast = y if words else y.astype(label_dtype)
    if np.isinf(X).any():  # read as such, or too large
        return None
    if words:
        return X, [text.strip() for text in y], None, []
    if label_dtype.kind == "f":
        fits = not np.isinf(cast).any()
    else:
        fits = bool((cast == y).all()) and (label_dtype.kind == "i" or bool((y >= 0).all()))
    return (X, [], cast, []) if fits else None


def _by_rows(table: _Table, dtype: np.dtype) -> Read:
    """The columns with every cell looked at; raises FileFormatError for the first that cannot be taken."""
    features = table.features
    pick = itemgetter(*features) if len(features) > 1 else lambda cells: (cells[features[0]],)
    commas = table.decimal == ","
    values: list[str] = []
    texts: list[str] = []
    lines: list[int] = []
    for line, cells in table.rows():
        if len(cells) != table.width:
            raise FileFormatError(
                f"load_csv: expected {table.width} columns in line {line} of {table.path}, as in the first row, "
                f"got {len(cells)}."
            )
        chosen = pick(cells)
        if table.missing and not table.missing.isdisjoint(chosen):
            table.gaps += sum(cell in table.missing for cell in chosen)
            chosen = ["nan" if cell in table.missing else cell for cell in chosen]
        if commas:
            _check_numbers(table, line, cells, first=not lines)
        joined = "|".join(chosen)
        values.append(joined.replace(",", ".") if commas else joined)
        texts.append(cells[table.label])
        lines.append(line)
    if table.counting and not counts_from({0, 1}, [cells[0] for _, cells in table.rows()]):
        raise table.not_counting()
    try:
        if "" in values:  # to NumPy a blank line and no row
            raise ValueError("got an empty cell")
        X64 = np.loadtxt(values, dtype=np.float64, delimiter="|", comments=None, ndmin=2)
        if X64.shape != (len(lines), len(features)):
            raise ValueError(f"got an array of shape {X64.shape}")
    except ValueError as error:
        for i, (line, cells) in enumerate(table.rows()):
            _check_numbers(table, line, cells, first=i == 0)
        raise FileFormatError(f"load_csv: expected numbers in {table.path}: {error}.") from error
    with np.errstate(over="ignore"):
        X = X64.astype(dtype)
    for i, j in np.argwhere(np.isinf(X)):
        text = values[i].split("|")[j]
        if not INFINITE.fullmatch(text):
            raise _no_fit(table, lines[i], features[j], text, dtype, "dtype=")
    return X, texts, None, lines


def _check_numbers(table: _Table, line: int, cells: list[str], first: bool) -> None:
    """Raise FileFormatError for the first feature that is neither a number nor missing."""
    for j in table.features:
        if cells[j] not in table.missing and not table.is_number(cells[j]):
            raise _no_number(table, line, j, cells[j], first)


def _no_number(table: _Table, line: int, column: int, cell: str, first: bool) -> FileFormatError:
    """The error of a cell that is no number, with what it may be."""
    comma = re.compile(table.number.replace(re.escape(table.decimal), ","))
    if cell in MISSING:
        remedy = f"Is the value missing? Pass missing=({cell!r},), which is read as NaN."
    elif comma.fullmatch(cell) and table.delimiter != ",":
        remedy = 'Pass decimal="," for decimal commas.'
    elif column == table.label:
        remedy = "Pass labels=True for labels in words."
    elif first and table.names is None:
        remedy = f"Is line {line} a header? Pass header=True."
    else:
        remedy = "A column of words must be coded as numbers, or left out, before."
    return FileFormatError(f"load_csv: expected a number in {table.where(line, column)}, got {cell!r}. {remedy}")


def _no_fit(table: _Table, line: int, column: int, cell: str, dtype: np.dtype, option: str) -> FileFormatError:
    return FileFormatError(
        f"load_csv: expected a value of type {dtype} in {table.where(line, column)}, got {cell!r}. "
        f"Choose another type with {option}, or repair the file."
    )


def _numbers(texts: list[str], dtype: np.dtype, table: _Table, lines: list[int]) -> np.ndarray:
    """The labels as numbers: exact for an integer type, NaN for missing ones of a float type."""
    y: list[Any] = []
    for i, (line, cell) in enumerate(zip(lines, texts, strict=True)):
        gap = cell in table.missing
        if gap and dtype.kind == "f":
            table.gaps += 1
        elif gap or not table.is_number(cell):
            if cell in MISSING or gap:
                raise FileFormatError(
                    f"load_csv: expected a label in {table.where(line, table.label)}, got {cell!r}. "
                    "A sample without its label teaches nothing: remove the row."
                )
            raise _no_number(table, line, table.label, cell, first=i == 0)
        value = math.nan if gap else _number(cell.replace(table.decimal, "."), dtype)
        if value is None:
            raise _no_fit(table, line, table.label, cell, dtype, "label_dtype=")
        y.append(value)
    return np.array(y, dtype)


def _number(text: str, dtype: np.dtype) -> int | float | None:
    """The number in the text as `dtype` holds it; None if it cannot."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            value = float(dtype.type(float(text)))
        return None if math.isinf(value) and not INFINITE.fullmatch(text) else value
    limits, near = np.iinfo(dtype), float(text)
    if not limits.min - 1.0 <= near <= limits.max + 1.0:  # also NaN; and a power that would take hours as an integer
        return None
    exact = decimals.Decimal(text)
    if not WHOLE.fullmatch(text) and exact != exact.to_integral_value():
        return None
    return int(exact) if limits.min <= int(exact) <= limits.max else None


def _sorted(texts: set[str], table: _Table) -> tuple[str, ...]:
    """The classes in order: as numbers if all are."""
    if all(table.is_number(text) for text in texts):
        return tuple(sorted(texts, key=lambda text: (float(text.replace(table.decimal, ".")), text)))
    return tuple(sorted(texts))


def _classes(texts: list[str], names: Sequence[str], table: _Table, lines: list[int], dtype: np.dtype) -> np.ndarray:
    """The numbers of the classes that the texts name."""
    numbers = {name: i for i, name in enumerate(names)}
    for i, text in enumerate(texts):
        if text not in numbers or text == "" or text in table.missing:
            line = lines[i] if lines else [number for number, _ in table.rows()][i]
            known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise FileFormatError(
                f"load_csv: expected one of the labels {known} in {table.where(line, table.label)}, got {text!r}. "
                "Add it to labels=, or remove the row."
            )
    if len(names) - 1 > (np.iinfo(dtype).max if dtype.kind != "f" else np.finfo(dtype).max):
        raise DtypeError(f"load_csv: expected label_dtype to hold {len(names)} classes, got {dtype}. Try np.int64.")
    return np.array([numbers[text] for text in texts], dtype)


def _dtype(name: str, value: Any, kinds: str, rule: str, usual: str) -> np.dtype:
    try:
        dtype = np.dtype(value)
    except Exception:  # whatever NumPy makes of it
        raise DtypeError(f"load_csv: expected {name} to be {rule}, got {value!r}. Try {usual}.") from None
    if dtype.kind not in kinds:
        raise DtypeError(f"load_csv: expected {name} to be {rule}, got {dtype}. Try {usual}.")
    return dtype


def _column(column: int | str, names: list[str] | None, width: int, path: Path) -> int:
    """The number, from 0, of the column that holds the labels."""
    if isinstance(column, str):
        if names is None or names.count(column) != 1:
            found = f"the columns {', '.join(names)}" if names else "no header"
            raise ConfigError(f"load_csv: expected one column called {column!r} in {path}, found {found}.")
        return names.index(column)
    if isinstance(column, bool) or not isinstance(column, int | np.integer) or not -width <= column < width:
        raise ConfigError(
            f"load_csv: expected label_column to be a name or a number from {-width} to {width - 1}, got {column!r}."
        )
    return int(column) % width
