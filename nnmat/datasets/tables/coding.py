"""A column as numbers of X: numbers standardised, categories one-hot, what is missing filled by a named rule.

What a coding has learned from the rows it was made of (means, categories, what fills a gap) is in its `config()`, so
that the same is done to new rows.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ...errors import ConfigError, DataError, FileFormatError
from .columns import Column, Where

RULES = ("mean", "median", "most_frequent")
MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class NumberCoding:
    """x' = (x - mean) / scale, with `fill` for what is missing, or nothing allowed to be missing (None)."""

    name: str
    mean: float
    scale: float
    fill: float | None
    kind: Literal["numbers"] = "numbers"

    @property
    def features(self) -> list[str]:
        """The names of its columns of X."""
        return [self.name]

    def encode(self, who: str, column: Column, where: Where) -> np.ndarray:
        """The column as (n, 1) float64."""
        x = numbers_in(who, column, where)
        x = filled(who, column, x, self.fill, where)
        return ((x - self.mean) / self.scale)[:, np.newaxis]

    def config(self) -> dict:
        """The fields, JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class CategoryCoding:
    """One column of 0 and 1 for each category; `unknown` ones are refused, or have 0 in all of them."""

    name: str
    categories: tuple[str, ...]
    fill: str | None
    unknown: str
    kind: Literal["words"] = "words"

    @property
    def features(self) -> list[str]:
        """The names of its columns of X."""
        return [f"{self.name}={category}" for category in self.categories]

    def encode(self, who: str, column: Column, where: Where) -> np.ndarray:
        """The column as (n, categories) float64."""
        words = filled(who, column, words_in(who, column, where), self.fill, where)
        places = {category: j for j, category in enumerate(self.categories)}
        found = np.array([places.get(word, -1) for word in words], np.int64)
        if self.unknown == "refuse" and (found < 0).any():
            i = int(np.argmax(found < 0))
            raise DataError(
                f"{who}: expected one of {known(self.categories)} in column {self.name!r}, got {words[i]!r} in "
                f"{where(i)}. Leave such rows out, or make the table with unknown='zeros'."
            )
        X = np.zeros((len(found), len(self.categories)))
        rows = np.flatnonzero(found >= 0)
        X[rows, found[rows]] = 1.0
        return X

    def config(self) -> dict:
        """The fields, JSON-able."""
        return {**asdict(self), "categories": list(self.categories)}


Coding = NumberCoding | CategoryCoding


def number_coding(who: str, column: Column, rows: np.ndarray, rule: Any, standardise: bool, where: Where) -> Coding:
    """The coding of a column of numbers: mean, deviation and fill are those of `rows`."""
    x = numbers_in(who, column, where)[rows]
    x = x[~np.isnan(x)]
    if x.size == 0:
        raise DataError(
            f"{who}: expected numbers in column {column.name!r}, got none: all its entries are missing. Leave it out: "
            f"ignore=[{column.name!r}]."
        )
    fill = number_fill(who, column.name, rule, x)
    whole = filled(who, column, numbers_in(who, column, where), fill, where)[rows]
    mean, scale = center_and_scale(whole) if standardise else (0.0, 1.0)
    return NumberCoding(column.name, mean, scale, fill)


def center_and_scale(x: np.ndarray) -> tuple[float, float]:
    """The mean of x (n,) and its deviation, or 1 where all are equal."""
    largest = float(np.abs(x).max(initial=0.0)) or 1.0  # squares of large numbers would be infinite
    mean = float((x / largest).mean())
    scale = float(np.sqrt(np.mean((x / largest - mean) ** 2)))
    return mean * largest, scale * largest if scale > 1e-12 else 1.0


def category_coding(who: str, column: Column, rows: np.ndarray, rule: Any, unknown: str, where: Where) -> Coding:
    """The coding of a column of words: its categories are those of all rows, its fill is that of `rows`."""
    words = words_in(who, column, where)
    present = [word for word in words if word is not None]
    categories = sorted_words(set(present))
    if not categories:
        raise DataError(f"{who}: column {column.name!r} has no entries. Leave it out: ignore=[{column.name!r}].")
    many = (len(categories) > 50 and 2 * len(categories) > len(present)) or len(categories) == len(present) > 20
    if many or len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{who}: expected categories that come again in column {column.name!r}, got {len(categories)} different "
            f"ones in {len(present)} rows, such as {categories[0]!r}. Is it a name or a number of the row? Leave it "
            f"out: ignore=[{column.name!r}]."
        )
    if rule is None:
        fill = None
    elif rule in RULES:
        times = Counter(words[rows].tolist())
        fill = min(categories, key=lambda category: (-times[category], category))
    else:
        fill = str(rule)
        if fill not in categories:
            raise ConfigError(
                f"{who}: expected fill for column {column.name!r} as one of {known(categories)} or 'most_frequent', "
                f"got {rule!r}."
            )
    coding = CategoryCoding(column.name, categories, fill, unknown)
    filled(who, column, words, fill, where)
    return coding


def sorted_words(words: set[str]) -> tuple[str, ...]:
    """Words in order: as numbers if all are."""
    try:
        return tuple(sorted(words, key=lambda word: (float(word), word)))
    except ValueError:
        return tuple(sorted(words))


def number_fill(who: str, name: str, rule: Any, x: np.ndarray) -> float | None:
    """What fills a gap among the numbers x by a rule, or the number that is given as one."""
    if rule is None:
        return None
    if rule == "mean":
        return float(x.mean())
    if rule == "median":
        return float(np.median(x))
    if rule == "most_frequent":
        values, counts = np.unique(x, return_counts=True)
        return float(values[np.argmax(counts)])
    if isinstance(rule, bool) or not isinstance(rule, int | float | np.integer | np.floating) or not np.isfinite(rule):
        raise ConfigError(
            f"{who}: expected fill for column {name!r} as a number or one of {', '.join(map(repr, RULES))}, "
            f"got {rule!r}."
        )
    return float(rule)


def numbers_in(who: str, column: Column, where: Where) -> np.ndarray:
    """The numbers of a column (n,), NaN where one is missing; DataError for words and infinities."""
    if column.numbers is None:
        assert column.words is not None
        i = next(i for i, word in enumerate(column.words) if word is not None)
        raise DataError(
            f"{who}: expected numbers in column {column.name!r}, got {column.words[i]!r} in {where(i)}. Repair it."
        )
    if np.isinf(column.numbers).any():
        i = int(np.argmax(np.isinf(column.numbers)))
        raise DataError(
            f"{who}: expected finite numbers in column {column.name!r}, got {column.numbers[i]} in {where(i)}. "
            "Repair it."
        )
    return column.numbers


def words_in(who: str, column: Column, where: Where) -> np.ndarray:
    """The words of a column (n,), None where one is missing."""
    if column.words is not None:
        return column.words
    if column.missing.all():  # a column without any entry looks like one of numbers
        return np.full(len(column.missing), None, object)
    raise DataError(
        f"{who}: expected words in column {column.name!r}, got numbers in {where(int(np.argmin(column.missing)))}. "
        "Repair it."
    )


def filled(who: str, column: Column, values: np.ndarray, fill: Any, where: Where) -> np.ndarray:
    """The values with the gaps filled; DataError for a gap that nothing fills."""
    gaps = column.missing
    if not gaps.any():
        return values
    if fill is None:
        others = int(gaps.sum()) - 1
        raise DataError(
            f"{who}: expected a value in column {column.name!r}, got none in {where(int(np.argmax(gaps)))}"
            f"{f' and {others} more' if others else ''}. Leave such rows out, or make the table with a rule: "
            f"fill='median', or fill={{{column.name!r}: 'median'}}."
        )
    values = values.copy()
    values[gaps] = fill
    return values


def known(words: tuple[str, ...]) -> str:
    """Some words in an error message."""
    return ", ".join(map(repr, words[:8])) + (", ..." if len(words) > 8 else "")


def coding_from_config(who: str, config: dict) -> Coding:
    """The coding that `config()` describes."""
    try:
        fields = dict(config)
        kind = {"numbers": NumberCoding, "words": CategoryCoding}[fields["kind"]]
        if kind is CategoryCoding:
            fields["categories"] = tuple(fields["categories"])
        elif not all(isinstance(fields[key], int | float) and np.isfinite(fields[key]) for key in ("mean", "scale")):
            raise TypeError
        return kind(**fields)
    except (KeyError, TypeError, ValueError):
        raise FileFormatError(f"{who}: expected the config of a column that a Table gave, got {config!r}.") from None
