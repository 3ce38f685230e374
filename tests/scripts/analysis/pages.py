"""The tables of docs/ beside those that a script prints."""

import json
import re
from pathlib import Path

from tests.scripts.running import run

DOCS = Path(__file__).resolve().parents[3] / "docs"
NOISE, CLOSE = 1e-9, 0.02  # rounding; what other processors may change in numbers that a training has led to


def tables_of(text: str) -> dict[str, list[list[str]]]:
    """The cells of each Markdown table, by the line of text above it."""
    found: dict[str, list[list[str]]] = {}
    title, inside = "", False
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not inside:
                found[title] = []
            inside = True
            if set(line) - set("|-"):
                found[title].append(cells)
        else:
            inside = False
            title = line.strip("* ") or title
    return found


def equal(one: str, other: str) -> bool:
    """The same text, or two numbers close to each other, or two that are rounding."""
    try:
        a, b = float(one), float(other)
    except ValueError:
        return one == other
    return abs(a - b) <= CLOSE * max(abs(a), abs(b)) or max(abs(a), abs(b)) < NOISE


def assert_shown(page: str, printed: str, timed: tuple[str, ...] = ()) -> None:
    """Every table that was printed stands on the page; of those whose titles are `timed` the first column."""
    there, found = tables_of((DOCS / page).read_text(encoding="utf-8")), tables_of(printed)
    assert found
    for title, rows in found.items():
        assert title in there, f"{page} has no table {title!r}: {sorted(there)}"
        assert len(there[title]) == len(rows), f"{page}, {title}: expected {len(rows)} rows"
        for shown, row in zip(there[title], rows, strict=True):
            if title in timed and row != rows[0]:
                shown, row = shown[:1], row[:1]
            wrong = [(a, b) for a, b in zip(shown, row, strict=True) if not equal(a, b)]
            assert not wrong, f"{page}, {title}, {row[0]}: the page and the script differ: {wrong}"


def everything_of(script: str, folder: Path) -> tuple[str, list]:
    """What a script of analysis prints, and the tables that it writes beside its picture."""
    done = run(script, "--json", str(folder / "tables.json"), "--plot", str(folder / "picture.png"))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "tables.json").read_text())["tables"]
