"""The text of a CSV file: its encoding, its rows cell by cell, and what counts as a number."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, FileFormatError

BOMS = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NAMELESS = ("", "Unnamed: 0")  # how pandas writes the head of an index, and how it reads one back


@dataclass
class CsvText:
    """The text of a file; numbers of lines count from 1, of columns from 0."""

    path: Path
    content: bytes  # UTF-8
    delimiter: str
    decimal: str
    missing: frozenset[str]
    who: str = "load_csv"
    names: list[str] | None = None
    start: int = 0  # lines of the header
    width: int = 0

    def __post_init__(self):
        point = re.escape(self.decimal)
        number = rf"[+-]?(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
        self.number = rf"(?:{number}|[+-]?(?i:nan|inf|infinity))"
        self.cell = re.compile(self.number)

    def is_number(self, cell: str) -> bool:
        """Whether NumPy's reader takes the cell for a number."""
        return self.cell.fullmatch(cell) is not None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number of its line and the cells of each row below the header; rows of empty cells are passed over."""
        text = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        try:
            for row in reader:
                cells = [cell.strip() for cell in row]
                if any(cells) and reader.line_num > self.start:
                    yield reader.line_num, cells
        except csv.Error as error:
            raise FileFormatError(
                f"{self.who}: expected {self.path} to be a CSV text file, got {error} in line {reader.line_num}."
            ) from error

    def where(self, line: int, column: int) -> str:
        """How a cell is named in errors."""
        named = f" ({self.names[column]})" if self.names and self.names[column] else ""
        return f"line {line}, column {column + 1}{named} of {self.path}"


def content_of(who: str, path: Path, encoding: str | None) -> tuple[bytes, str]:
    """The text of a file in UTF-8 and the name of the encoding it had."""
    raw = path.read_bytes()
    if encoding is None:
        encoding = next((name for mark, name in BOMS.items() if raw.startswith(mark)), "utf-8")
    elif not isinstance(encoding, str):
        raise ConfigError(f"{who}: expected encoding as the name of one, got {encoding!r}. Try 'cp1252'.")
    try:
        if not (raw.isascii() and encoding == "utf-8"):
            raw = raw.decode(encoding).removeprefix("\ufeff").encode()
    except LookupError as error:
        raise ConfigError(f"{who}: expected encoding as the name of a text encoding, got {encoding!r}.") from error
    except ValueError as error:
        kind = "UTF-8" if encoding.startswith("utf-8") else encoding
        remedy = (
            "It is compressed: unpack it before."
            if raw.startswith((b"\x1f\x8b", b"PK\3\4"))
            else ('Pass encoding="cp1252" for older files of Windows, or what the program that wrote it says.')
        )
        raise FileFormatError(
            f"{who}: expected {path} to be a CSV text file in {kind}, got {error}. {remedy}"
        ) from None
    if b"\0" in raw:
        raise FileFormatError(
            f"{who}: expected {path} to be a CSV text file in {encoding}, got NUL characters. "
            'Is it a binary file, or UTF-16 without a mark? Pass encoding="utf-16-le" then.'
        )
    return raw, encoding


def check_delimiter(who: str, delimiter: str, decimal: str) -> None:
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ConfigError(f"{who}: expected delimiter to be one character, got {delimiter!r}.")
    if delimiter.isalnum() or delimiter in '+-"\r\n\0':
        raise ConfigError(f"{who}: expected delimiter to be no part of numbers or rows, got {delimiter!r}. Try ';'.")
    if decimal not in (".", ","):
        raise ConfigError(f"{who}: expected decimal to be '.' or ',', got {decimal!r}.")
    if decimal == delimiter:
        raise ConfigError(
            f"{who}: expected delimiter and decimal to differ, got {decimal!r} for both. "
            "Files with decimal commas mostly have delimiter=';'."
        )


def texts_of(who: str, name: str, values: Any) -> tuple[str, ...]:
    texts = tuple(values) if isinstance(values, Sequence | set | frozenset | np.ndarray) else (None,)
    if isinstance(values, str) or not all(isinstance(text, str) for text in texts) or len(set(texts)) < len(texts):
        raise ConfigError(f"{who}: expected {name} as a list of texts, each once, got {values!r}.")
    return tuple(str(text).strip() for text in texts)
