"""Options and tables of the analyses. Tables are Markdown, as they stand in docs/analysis.md."""

import argparse
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli import (
    nonnegative_int,
    output_file,
    picture_file,
    positive_int,
    script_parser,
    settings,
    use_threads,
    write_json,
)


@dataclass
class Table:
    """A title, names of columns, and rows: a column called `holds` says whether a value keeps its bound."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple] = field(default_factory=list)

    def add(self, *cells: Any) -> None:
        """A row: texts, whole numbers, floats, booleans, and None for what there is not."""
        assert len(cells) == len(self.columns), (self.columns, cells)
        self.rows.append(cells)

    def lines(self) -> list[str]:
        """Markdown, padded so that it is a table in a terminal, too."""
        texts = [[shown(cell).replace("|", "\\|") for cell in row] for row in (self.columns, *self.rows)]
        widths = [max(map(width, column)) for column in zip(*texts, strict=True)]
        head, *rows = ["| " + " | ".join(map(padded, text, widths)) + " |" for text in texts]
        return [head, "|" + "|".join("-" * (places + 2) for places in widths) + "|", *rows]

    def misses(self) -> int:
        """How many rows do not hold."""
        return sum(dict(zip(self.columns, row, strict=True)).get("holds") is False for row in self.rows)


def width(text: str) -> int:
    """The places that it takes in a terminal: x̂ is two characters in one place."""
    return sum(not unicodedata.combining(character) for character in text)


def padded(text: str, places: int) -> str:
    """With spaces behind it."""
    return text + " " * (places - width(text))


def shown(cell: Any) -> str:
    """A cell as text: three digits of a float, `-` for None."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "NO"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def analysis_parser(description: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that all analyses have."""
    parser = script_parser(description, examples)
    parser.add_argument("--seed", type=nonnegative_int, default=0, help="of weights and samples (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, help="(default: all cores)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--plot", type=picture_file("--plot"), metavar="FILE", help="draw them (matplotlib)")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, once what they need is there."""
    args = parser.parse_args()
    args.threads = use_threads(parser, args.threads)
    return args


def report(args: argparse.Namespace, tables: list[Table], draw: Callable[[Path], None]) -> None:
    """Print the tables, write the files that were asked for, and end with exit code 1 if a bound does not hold."""
    for table in tables:
        print(f"{table.title}\n")
        print("\n".join(table.lines()) + "\n", flush=True)
    if args.json:
        rows = [[dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables]
        found = [{"title": table.title, "rows": r} for table, r in zip(tables, rows, strict=True)]
        write_json(args.json, {"settings": settings(args, "json", "plot"), "tables": found})
    if args.plot:
        draw(args.plot)
    if misses := sum(table.misses() for table in tables):
        sys.exit(f"{misses} bounds do not hold: see the rows with NO.")
