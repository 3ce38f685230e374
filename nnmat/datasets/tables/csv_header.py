"""Whether the first row of a CSV file has the names of the columns: decided only where one reading is possible."""

from collections.abc import Callable, Iterator

from ...errors import FileFormatError

# What files have where a value is missing, beside what the caller declares.
MISSING = {"", "?", "-", "NA", "N/A", "n/a", "NULL", "null", "None", "none", "#N/A", "."}

Rows = Iterator[tuple[int, list[str]]]


def has_header(
    who: str, where: str, rows: Callable[[], Rows], is_number: Callable[[str], bool], missing: set[str]
) -> bool:
    """Whether the first of the rows (number of its line, cells) is a header.

    `where`: the line and the file, for errors; `missing`: what the caller declared. A row of numbers is a sample,
    unless the numbers are 0, 1, 2, ...: these are also the names that pandas gives. A row of texts above numbers is a
    header. Missing values decide nothing. Raises FileFormatError, with the way to declare it, for a row that may be
    either: losing a sample, or inventing one, would never be seen.
    """
    below = rows()
    _, first = next(below)
    unknown = [cell in MISSING or cell in missing for cell in first]
    number = [is_number(cell) and not gap for cell, gap in zip(first, unknown, strict=True)]
    text = [j for j in range(len(first)) if not unknown[j] and not number[j]]
    numbers = [cell for cell, is_one in zip(first, number, strict=True) if is_one]
    if text:
        return _has_names(who, where, first, text, numbers, below, is_number)
    if len(numbers) < 1 or len(first) < 2 or not counts_from({0}, numbers):
        return False
    index = [row[0] for _, row in below] if first[0] == "" and len(numbers) == len(first) - 1 else []
    if index and counts_from({0}, index):  # as pandas writes its index beside such names
        return True
    if index or len(numbers) == len(first):
        raise _undecided(who, where, first, "0, 1, 2, ... are the names that pandas gives to columns, and may be data")
    return False


def _has_names(
    who: str, where: str, first: list[str], text: list[int], numbers: list[str], below: Rows, is_number
) -> bool:
    """The same for a first row with texts, at the places `text`, and these numbers."""
    above_number: set[int] = set()
    unseen, lone = set(text), True
    for _, row in below:
        lone = False
        for j in text:
            if j < len(row) and is_number(row[j]):
                above_number.add(j)
            elif j < len(row) and row[j] == first[j]:
                unseen.discard(j)
        if not unseen and not (len(numbers) > 1 and counts_from({0}, numbers)):
            return False  # texts that come again are labels
        if above_number and not numbers:
            return True
    if not numbers:
        return lone
    if above_number:
        named = all(len(first[j]) > 1 and first[j][0].isalpha() for j in above_number)
        if len(numbers) > 1 and counts_from({0, 1}, numbers) and named:
            return True  # names of pandas beside one of the user's
        raise _undecided(who, where, first, "it has texts above numbers, and numbers")
    if all(cell.lstrip("+-").isdigit() for cell in numbers):
        raise _undecided(
            who, where, first, "its whole numbers may be names of columns, its text a label that comes once"
        )
    return False  # a sample with a label in words


def counts_from(starts: set[int], cells: list[str]) -> bool:
    """Whether the cells are k, k + 1, k + 2, ..., as whole numbers are written, for one of the `starts` k."""
    return any(all(cell == str(start + i) for i, cell in enumerate(cells)) for start in starts)


def _undecided(who: str, where: str, first: list[str], reason: str) -> FileFormatError:
    shown = ", ".join(first[:8]) + (", ..." if len(first) > 8 else "")
    return FileFormatError(
        f"{who}: cannot tell whether {where} ({shown}) has the names of the columns or a sample: {reason}. "
        "Pass header=True if it has names, header=False if it is a sample."
    )
