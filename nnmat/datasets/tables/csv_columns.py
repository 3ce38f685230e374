"""The columns of a CSV file, numbers or words, read cell by cell."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import FileFormatError
from ...formats.paths import existing_file
from .columns import Column, Columns, Kind, Where, mixed
from .csv_header import MISSING, counts_from, has_header
from .csv_text import NAMELESS, CsvText, check_delimiter, content_of

FLAGS = {"true": 1.0, "false": 0.0}


def csv_columns(
    who: str,
    path: Any,
    known: Iterable[str],
    header: bool | None = None,
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str | None = None,
    missing_values: Iterable[str] = (),
) -> Columns:
    """The columns of a file; without a header they are called "0", "1", ...

    `known`: names of columns; a first row that has one of them is the header. Cells that are empty, or one of
    `missing_values`, are missing; columns of "true" and "false" are numbers. A first column without a name that counts
    the rows is an index, and left out. Raises FileFormatError for a file that is no CSV text, FileNotFoundError.
    """
    path = existing_file(who, path)
    check_delimiter(who, delimiter, decimal)
    content, _ = content_of(who, path, encoding)
    text = CsvText(path, content, delimiter, decimal, frozenset(missing_values) | {""}, who)
    rows = list(text.rows())
    if not rows:
        raise FileFormatError(f"{who}: expected at least one row in {path}, found none.")
    line, first = rows[0]
    text.width = len(first)
    if text.width == 1 and (mark := next((m for m in ";,\t|" if all(m in cells[0] for _, cells in rows)), None)):
        raise FileFormatError(
            f"{who}: expected columns divided by {delimiter!r} in {path}, got one with {mark!r} in all rows. "
            f"Pass delimiter={mark!r}."
        )
    if header is None:
        header = _names_known(known, first) or has_header(
            who, f"line {line} of {path}", text.rows, text.is_number, set(text.missing) | MISSING
        )
    text.names = first if header else [str(j) for j in range(text.width)]
    rows = rows[1:] if header else rows
    if not rows:
        raise FileFormatError(f"{who}: expected at least one row in {path}, found none below the header.")
    for line, cells in rows:
        if len(cells) != text.width:
            raise FileFormatError(
                f"{who}: expected {text.width} columns in line {line} of {path}, as in the first row, got "
                f"{len(cells)}. Is the delimiter another one? Pass delimiter=, now {delimiter!r}."
            )
    return _columns(text, rows)


def _names_known(known: Iterable[str], first: list[str]) -> bool:
    """Whether a first row has a known name. Names as columns without a header have them may as well be numbers there,
    so all must stand in their places."""
    found, places = set(known), [str(j) for j in range(len(first))]
    return first == places if found and found.issubset(places) else not found.isdisjoint(first)


def _columns(text: CsvText, rows: list[tuple[int, list[str]]]) -> Columns:
    names, lines = list(text.names or ()), [line for line, _ in rows]
    places = {name: j for j, name in enumerate(names)}
    if names[0] in NAMELESS and counts_from({0, 1}, [cells[0] for _, cells in rows]):
        names, places = names[1:], {name: j for name, j in places.items() if j}
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FileFormatError(
            f"{text.who}: expected columns of different names in {text.path}, got {twice[0]!r} more than once."
        )

    def where(i: int) -> str:
        return f"line {lines[i]} of {text.path.name}"

    def get(name: str, kind: Kind = None) -> Column:
        return _column(text, name, [cells[places[name]] for _, cells in rows], kind, where)

    return Columns(len(rows), names, get, where, text.path.name)


def _column(text: CsvText, name: str, cells: list[str], kind: Kind, where: Where) -> Column:
    """One column: numbers if all its cells are, words if none is."""
    if kind != "words" and (values := _all_numbers(text, cells)) is not None:
        return Column(name, values, None)
    entries = [None if cell in text.missing or cell.lower() == "nan" else cell for cell in cells]
    if kind == "words":
        return Column(name, None, np.array(entries, object))
    numbers: list[int] = []
    words: list[int] = []
    for i, cell in enumerate(entries):
        if cell is not None:
            (numbers if text.is_number(cell) else words).append(i)
    if words and numbers:
        raise mixed(text.who, name, str(entries[words[0]]), where(words[0]), len(numbers), len(words), kind)
    if words and not all(str(entries[i]).lower() in FLAGS for i in words):
        return Column(name, None, np.array(entries, object))
    values = np.full(len(entries), np.nan)
    for i in words:
        values[i] = FLAGS[str(entries[i]).lower()]
    return Column(name, values, None, flags=bool(words))


def _all_numbers(text: CsvText, cells: list[str]) -> np.ndarray | None:
    """The cells as NumPy's reader takes them, NaN for those that are missing; None if it does not take them."""
    if not text.missing.isdisjoint(cells):
        cells = ["nan" if cell in text.missing else cell for cell in cells]
    if text.decimal == ",":
        if any("." in cell for cell in cells):
            return None
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        values = np.loadtxt(cells, np.float64, delimiter="|", comments=None, ndmin=2)
    except ValueError:
        return None
    return values[:, 0] if values.shape == (len(cells), 1) else None
