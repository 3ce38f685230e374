"""Data sets from `.npz` and CSV files."""

import csv
import os
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DtypeError, FileFormatError
from ..formats.archive import read_arrays
from .dataset import Dataset


def load_npz(path: str | os.PathLike, X: str = "X", y: str = "y") -> Dataset:
    """The arrays called `X` and `y` in an `.npz` file (as `numpy.savez` writes it) as a data set.

    Raises `FileFormatError` for a file that is no whole npz file, lacks an array or holds Python objects;
    `FileNotFoundError` for a missing file; `DataError` for unequal lengths.
    """
    _check_file(path, "load_npz")
    try:
        names, found = read_arrays(path, {X, y})
    except FileFormatError as error:
        raise FileFormatError(
            f"load_npz: expected {path} to be a whole .npz file of numeric arrays, but {error}. "
            "Write it with numpy.savez(path, X=X, y=y)."
        ) from error
    if len(found) < len({X, y}):
        raise FileFormatError(
            f"load_npz: expected arrays {X!r} and {y!r} in {path}, found {', '.join(names) or 'none'}. "
            "Name the arrays to take with X= and y=."
        )
    return Dataset(found[X], found[y])


def load_csv(
    path: str | os.PathLike,
    label_column: int | str = -1,
    header: bool | None = None,
    delimiter: str = ",",
    dtype=np.float32,
    label_dtype=np.int64,
) -> Dataset:
    """A CSV file of numbers as a data set: one column is `y (n,)`, the others, in order, are `X (n, columns - 1)`.

    `label_column` is a number (negative: from the end) or a name of the header. `header`: True, False, or None to
    take the first row as one if some cell of it is not a number. `label_dtype` may be an integer or float type.
    Blank lines are passed over. Raises `FileFormatError` with line and column for a cell that is no number or does not
    fit the type, a row of another length, or a file without rows; `ConfigError` for the options.
    """
    _check_file(path, "load_csv")
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"load_csv: expected dtype to be a float type, got {np.dtype(dtype)}. Try np.float32.")
    if np.dtype(label_dtype).kind not in "fiu":
        raise DtypeError(
            f"load_csv: expected label_dtype to be an integer or float type, got {np.dtype(label_dtype)}. Try np.int64."
        )
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ConfigError(f"load_csv: expected delimiter to be one character, got {delimiter!r}.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise FileFormatError(f"load_csv: expected {path} to be a CSV text file in UTF-8, got {error}.") from error
    names = _header(rows, header)
    if not rows:
        raise FileFormatError(f"load_csv: expected at least one row of numbers in {path}, found none.")
    width = len(names) if names else len(rows[0][1])
    label = _column(label_column, names, width, path)
    values = np.empty((len(rows), width))
    for i, (line, row) in enumerate(rows):
        if len(row) != width:
            raise FileFormatError(
                f"load_csv: expected {width} columns in line {line} of {path}, as in the first row, got {len(row)}."
            )
        try:
            values[i] = row
        except ValueError:
            j = next(j for j, cell in enumerate(row) if not _is_number(cell))
            remedy = " Is line 1 a header? Pass header=True." if i == 0 and names is None else ""
            raise FileFormatError(
                f"load_csv: expected a number in {_where(path, line, j, names)}, got {row[j]!r}.{remedy}"
            ) from None
    X = _cast(np.delete(values, label, axis=1), dtype, lambda i, j: _where(path, rows[i][0], j + (j >= label), names))
    y = _cast(values[:, [label]], label_dtype, lambda i, _: _where(path, rows[i][0], label, names))
    return Dataset(X, y[:, 0])


def _header(rows: list[tuple[int, list[str]]], header: bool | None) -> list[str] | None:
    """Takes the header off the rows if there is one."""
    if rows and (header or (header is None and not all(_is_number(cell) for cell in rows[0][1]))):
        return [name.strip() for name in rows.pop(0)[1]]
    return None


def _column(column: int | str, names: list[str] | None, width: int, path) -> int:
    """The number, from 0, of the column that holds the labels."""
    if isinstance(column, str):
        if names is None or names.count(column) != 1:
            found = f"the columns {', '.join(names)}" if names else "no header"
            raise ConfigError(f"load_csv: expected one column called {column!r} in {path}, found {found}.")
        return names.index(column)
    if isinstance(column, bool) or not isinstance(column, (int, np.integer)) or not -width <= column < width:
        raise ConfigError(
            f"load_csv: expected label_column to be a name or a number from {-width} to {width - 1}, got {column!r}."
        )
    return int(column) % width


def _cast(values: np.ndarray, dtype, where) -> np.ndarray:
    """`values` in another type; raises for the first one that the type cannot hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(dtype)
    if cast.dtype.kind == "f":
        bad = np.isinf(cast) & np.isfinite(values)
    else:
        bad = cast.astype(np.float64) != values  # NaN too: no integer is equal to it
    if bad.any():
        i, j = (int(index) for index in np.argwhere(bad)[0])
        raise FileFormatError(
            f"load_csv: expected a value of type {cast.dtype} in {where(i, j)}, got {values[i, j]!r}. "
            "Choose another type with dtype= or label_dtype=."
        )
    return cast


def _where(path, line: int, column: int, names: list[str] | None) -> str:
    named = f" ({names[column]})" if names else ""
    return f"line {line}, column {column + 1}{named} of {path}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_file(path: str | os.PathLike, who: str) -> None:
    if not Path(path).exists():
        raise FileNotFoundError(f"{who}: expected a file at {path}, found none. Check the path.")
    if Path(path).is_dir():
        raise FileFormatError(f"{who}: expected a file at {path}, got a folder.")
