"""The columns of a table, wherever it comes from: numbers with NaN where one is missing, or words with None."""

import math
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

from ...errors import DataError
from .frames import is_frame, package_of

Where = Callable[[int], str]
Kind = Literal["numbers", "words"] | None  # what a column is known to hold


@dataclass
class Column:
    """A column (n,): `numbers` in float64, or `words`, an array of str and None."""

    name: str
    numbers: np.ndarray | None
    words: np.ndarray | None
    flags: bool = False  # the numbers stand for False and True

    @property
    def missing(self) -> np.ndarray:
        """Where nothing stands, (n,) bool."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        return np.array([word is None for word in self.words], bool) if self.words is not None else np.zeros(0, bool)


@dataclass
class Columns:
    """Some columns of equal lengths; `where(i)` names row i in errors."""

    rows: int
    names: list[str]
    get: Callable[[str, Kind], Column]  # the column of a name; words: its entries are such, whatever they look like
    where: Where
    given: str  # what they come from, for errors


def columns_of(who: str, frame: Any) -> Columns:
    """The columns of a pandas or polars frame, or of a dict of lists or arrays."""
    if not is_frame(frame) and not isinstance(frame, Mapping):
        raise DataError(
            f"{who}: expected a pandas or polars frame, a dict of columns, or the path of a CSV file, got "
            f"{type(frame).__name__}."
        )
    if type(frame).__name__ == "LazyFrame":
        raise DataError(f"{who}: expected a frame with its rows, got a LazyFrame. Write frame.collect().")
    own = list(frame.columns) if is_frame(frame) else list(frame)
    names = [str(name) for name in own]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{who}: expected columns of different names, got {twice[0]!r} more than once.")
    by_name = dict(zip(names, own, strict=True))
    for name, key in by_name.items():
        if not isinstance(frame[key], Sized):
            raise DataError(f"{who}: expected one entry for each row in column {name!r}, got {frame[key]!r}.")
    lengths = {name: len(frame[key]) for name, key in by_name.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {n}" for name, n in list(lengths.items())[:5])
        raise DataError(f"{who}: expected columns of equal lengths, got {shown}.")

    def get(name: str, kind: Kind = None) -> Column:
        return _column(who, name, frame[by_name[name]], kind)

    given = f"a {package_of(frame)} frame" if is_frame(frame) else "a dict"
    return Columns(next(iter(lengths.values()), 0), names, get, lambda i: f"row {i}", given)


def _column(who: str, name: str, values: Any, kind: Kind) -> Column:
    """One column: numbers and flags as numbers, texts and categories as words."""
    dtype = getattr(values, "dtype", None)
    kind = "words" if str(dtype) == "category" else kind
    if package_of(values) in ("pandas", "polars"):
        missing: np.ndarray | None = np.asarray(values.isna() if hasattr(values, "isna") else values.is_null())
        found = values.to_numpy()
    elif isinstance(values, np.ma.MaskedArray):
        missing, found = np.ma.getmaskarray(values), values.data
    else:
        found = np.asarray(values, object) if isinstance(values, list | tuple) else np.asarray(values)
        missing = np.array([entry is None for entry in found], bool) if found.dtype.hasobject else None
    if found.ndim != 1:
        raise DataError(f"{who}: expected one entry for each row in column {name!r}, got shape {found.shape}.")
    if found.dtype.kind in "biuf" and kind != "words":
        numbers = found.astype(np.float64)
        if missing is not None:
            numbers[missing] = np.nan
        return Column(name, numbers, None, found.dtype.kind == "b")
    if found.dtype.kind in "mM":
        raise DataError(
            f"{who}: expected numbers or words in column {name!r}, got dates. Make numbers of them, such as days "
            f"from one on, or leave the column out: ignore=[{name!r}]."
        )
    entries = [None if gone or _is_nan(x) else x for x, gone in zip(found, _mask(missing, len(found)), strict=True)]
    return column_of_entries(who, name, entries, kind, lambda i: f"row {i}")


def _mask(missing: np.ndarray | None, n: int) -> np.ndarray:
    return np.zeros(n, bool) if missing is None else missing


def _is_nan(x: Any) -> bool:
    return x is None or (isinstance(x, Real) and x != x)


def column_of_entries(who: str, name: str, entries: list, kind: Kind, where: Where) -> Column:
    """The column of Python objects, None where one is missing: all are numbers, or all are texts."""
    if kind == "words":
        return Column(name, None, np.array([None if x is None else text_of(x) for x in entries], object))
    texts = [i for i, x in enumerate(entries) if isinstance(x, str)]
    numbers = [i for i, x in enumerate(entries) if isinstance(x, Real) or _is_decimal(x)]
    present = sum(x is not None for x in entries)
    if len(texts) == present:
        words = np.array([None if x is None else str(x) for x in entries], object)  # NumPy's texts as plain ones
        return Column(name, None, words) if texts else _empty(name, entries)
    if len(numbers) == present:
        flags = all(isinstance(x, bool | np.bool_) for x in entries if x is not None)
        return Column(name, np.array([np.nan if x is None else _float(x) for x in entries]), None, flags)
    if not texts:
        known = set(numbers)
        i = next(i for i, x in enumerate(entries) if x is not None and i not in known)
        raise DataError(
            f"{who}: expected numbers or words in column {name!r}, got {type(entries[i]).__name__} in {where(i)}. "
            f"Leave it out: ignore=[{name!r}]."
        )
    raise mixed(who, name, entries[texts[0]], where(texts[0]), len(numbers), len(texts), kind)


def mixed(who: str, name: str, word: str, where: str, numbers: int, words: int, kind: Kind) -> DataError:
    """The error of a column that has numbers and words; a table that has been made knows which of them it wants."""
    if kind == "numbers":
        return DataError(
            f"{who}: expected numbers in column {name!r}, got {word!r} in {where}. Repair it, or leave the row out."
        )
    return DataError(
        f"{who}: expected numbers in column {name!r}, as in {numbers} of its rows, got {word!r} in {where}"
        f"{f' and words in {words - 1} more' if words > 1 else ''}. Repair it, name it in missing_values= if it stands "
        f"for a missing value, or take the whole column as words: categories=[{name!r}]."
    )


def _empty(name: str, entries: list) -> Column:
    """A column in which everything is missing."""
    return Column(name, np.full(len(entries), np.nan), None)


def _float(x: Any) -> float:
    """A number of Python as a float, infinite if it is beyond their range."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def _is_decimal(x: Any) -> bool:
    return type(x).__name__ == "Decimal"


def text_of(x: Any) -> str:
    """An entry as a word: 1, 1.0 and "1" are the same one."""
    if isinstance(x, bool | np.bool_ | str):
        return str(x)
    return str(int(float(x))) if isinstance(x, Real) and float(x).is_integer() else str(x)
