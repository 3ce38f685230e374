"""Data frames of pandas and polars: told from other things without importing either, and as arrays if of numbers."""

from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ...errors import DataError


def is_frame(A: Any) -> bool:
    """Whether A is a data frame of pandas or polars."""
    return package_of(A) in ("pandas", "polars") and hasattr(type(A), "columns")


def is_series(A: Any) -> bool:
    """Whether A is one column of such a frame."""
    return package_of(A) in ("pandas", "polars") and hasattr(A, "to_numpy") and not hasattr(type(A), "columns")


def package_of(A: Any) -> str:
    """The package of the class that A is of, or derives from."""
    found = [c.__module__.split(".")[0] for c in type(A).__mro__]
    return next((name for name in found if name in ("pandas", "polars")), found[0])


def numbers_of(who: str, name: str, frame: Any) -> Any:
    """A frame of numbers as an array (n, columns), a series as (n,); anything else as it is.

    Integers and flags of all columns give int64 or bool, else the widest float type among them. Raises DataError for
    words, dates and missing values, with the column.
    """
    if is_series(frame):
        return _series(who, name, frame)
    if not is_frame(frame):
        return frame
    if type(frame).__name__ == "LazyFrame":
        raise DataError(f"{who}: expected {name} with its rows, got a LazyFrame. Write {name}.collect().")
    own = list(frame.columns)
    if len(set(own)) < len(own):
        raise DataError(f"{who}: expected columns of different names in {name}, got some more than once.")
    parts = [_series(f"{who}: column {given!r}", name, frame[given]) for given in own]
    for given, part in zip(own, parts, strict=True):
        if part.dtype.kind not in "biuf":
            if part.dtype.kind in "mM":
                raise DataError(
                    f"{who}: expected numbers in {name}, got dates in column {given!r}. Make numbers of them, such as "
                    "days from one on, or leave the column out."
                )
            raise DataError(
                f"{who}: expected numbers in {name}, got words in column {given!r}. Write "
                f"table = datasets.table(frame, target=...), which codes them as numbers, and give table.train."
            )
    return array(who, name, np.stack(parts, axis=1) if parts else np.empty((len(frame), 0)))


def _series(who: str, name: str, series: Any) -> np.ndarray:
    """A series as an array; nullable types without gaps are those of NumPy."""
    missing = np.asarray(series.isna() if hasattr(series, "isna") else series.is_null())
    found = series.to_numpy()
    if missing.any() and found.dtype.kind not in "f":
        raise DataError(
            f"{who}: expected {name} without missing values, got one in row {int(np.argmax(missing))}. "
            "Fill it, or leave the row out; datasets.table(frame, target=..., fill='mean') fills by a rule."
        )
    if found.dtype.hasobject:
        entries = found.tolist()
        if all(isinstance(x, bool) for x in entries) or not any(isinstance(x, str) for x in entries):
            return array(who, name, np.asarray(entries))
        return np.asarray(entries) if all(isinstance(x, str) for x in entries) else array(who, name, found)
    return found
