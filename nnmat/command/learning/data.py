"""The data that options name: a table or folders of images, in a part to learn from and one that is kept apart."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets import Dataset, image_folder, split, table
from ...datasets.tables.csv_columns import csv_columns
from ...datasets.tables.table import MISSING_VALUES
from ...errors import ConfigError, DataError
from ...formats.paths import existing_file
from ..usage.kinds import nonnegative_int, positive_int, share
from .recipes import ImageRecipe, Recipe, TableRecipe, check_delimiter


@dataclass
class Given:
    """`train` and `test` samples, what is done to new ones, and `inputs`: the files and folders that were read.

    `test_names`: which rows of the table, counted from 1, or which images, the test samples are.
    """

    train: Dataset
    test: Dataset
    recipe: Recipe
    name: str
    inputs: list[Path]
    test_names: list[str]

    @property
    def samples(self) -> str:
        """What samples are called."""
        return "rows" if isinstance(self.recipe, TableRecipe) else "images"


def add_data(parser: argparse.ArgumentParser) -> None:
    """The options that say what to learn from."""
    parser.add_argument("data", nargs="?", metavar="DATA.csv", help="a table: a row for each case, a header above")
    parser.add_argument("--target", metavar="COLUMN", help="the column that is to be told from the others")
    parser.add_argument("--images", metavar="FOLDER", help="images instead of a table: a folder for each class in it")
    t = parser.add_argument_group("the table")
    t.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="tell classes or numbers (default: classes if the target has words, or whole numbers of few kinds)",
    )
    t.add_argument("--ignore", nargs="+", default=[], metavar="COLUMN", help="columns to leave out, such as names")
    t.add_argument(
        "--categories", nargs="+", default=[], metavar="COLUMN", help="columns of numbers that are kinds, such as codes"
    )
    t.add_argument("--fill", choices=("mean", "median", "most_frequent"), help="what fills gaps (default: refused)")
    t.add_argument(
        "--unknown",
        choices=("refuse", "zeros"),
        default="refuse",
        help="a category that only later rows have: refused, or taken as none of the known (default: %(default)s)",
    )
    t.add_argument("--missing", nargs="+", default=[], metavar="TEXT", help="texts that mean a gap, beside NA, ? ...")
    add_reading(t, ",", ".", "found out")
    i = parser.add_argument_group("images")
    i.add_argument("--size", type=positive_int, default=32, help="pixels of a side (default: %(default)s)")
    i.add_argument("--grey", action="store_true", help="without colours")
    r = parser.add_argument_group("the run")
    r.add_argument(
        "--validation",
        type=share,
        default=0.2,
        metavar="SHARE",
        help="of the data, kept apart to measure with, of each class alike (default: %(default)s)",
    )
    r.add_argument("--seed", type=nonnegative_int, default=0, help="the same one gives the same result (%(default)s)")
    r.add_argument("--threads", type=positive_int, help="(default: all cores); the result does not depend on it")
    r.add_argument("--quiet", action="store_true", help="no progress bars")


def add_reading(group: Any, delimiter: str | None, decimal: str | None, default: str) -> None:
    """The options that say how a CSV file is read."""
    group.add_argument(
        "--delimiter",
        type=lambda text: "\t" if text == "tab" else text,
        default=delimiter,
        help=f"what separates cells, such as ; or tab (default: {delimiter or default})",
    )
    group.add_argument("--decimal", default=decimal, help=f"the decimal point (default: {decimal or default})")
    group.add_argument("--encoding", metavar="NAME", help=f"of the file's text (default: {default})")
    group.add_argument("--header", choices=("yes", "no"), help=f"whether the first row has names (default: {default})")


def reading_of(options: argparse.Namespace) -> dict[str, Any]:
    """How a CSV file is read, as far as the options say it."""
    header = None if options.header is None else options.header == "yes"
    found = {"header": header, "delimiter": options.delimiter, "decimal": options.decimal, "encoding": options.encoding}
    return {name: value for name, value in found.items() if value is not None}


def given(options: argparse.Namespace) -> Given:
    """The data that the options name. Raises ConfigError for options, DataError and the like for data."""
    if options.images is not None:
        if options.data is not None or options.target is not None:
            raise ConfigError("expected DATA.csv with --target COLUMN, or --images FOLDER, got both. Leave one out.")
        return _images(options)
    if options.data is None:
        raise ConfigError("expected DATA.csv with --target COLUMN, or --images FOLDER. Try --help.")
    if Path(options.data).is_dir():
        raise ConfigError(f"expected a CSV file, {options.data} is a folder. For images: --images {options.data}.")
    check_delimiter(existing_file("table", options.data), options.delimiter)
    if options.target is None:
        names = csv_columns("table", options.data, (), **_reading(options)).names
        raise ConfigError(f"expected --target COLUMN, the column to be told. There are {', '.join(names)}.")
    return _table(options)


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    return {**reading_of(options), "missing_values": (*MISSING_VALUES, *options.missing)}


def _table(options: argparse.Namespace) -> Given:
    if options.target in options.ignore:
        raise ConfigError(f"expected --target {options.target!r} not to be in --ignore. Leave one out.")
    made = table(
        options.data,
        options.target,
        test=options.validation,
        seed=options.seed,
        task=options.task,
        ignore=options.ignore,
        categories=options.categories,
        fill=options.fill,
        unknown=options.unknown,
        standardise_target=True,
        **_reading(options),
    )
    assert made.test is not None
    if made.task == "regression" and np.ptp(made.y) == 0:
        raise DataError(
            f"expected different numbers in column {made.target!r}, got {made.decode(made.y)[0]:g} in all rows. There "
            "is nothing to tell."
        )
    path = Path(options.data)
    return Given(made.train, made.test, TableRecipe(made), path.name, [path], [str(i + 1) for i in made.test_rows])


def _images(options: argparse.Namespace) -> Given:
    data = image_folder(options.images, options.size, options.grey)
    folder = Path(options.images)
    if len(data.labels) < 2:
        raise DataError(
            f"expected a folder for each of at least two classes in {folder}, found {data.labels[0]!r} only."
        )
    source = image_folder(options.images, options.size, options.grey, lazy=True)
    rows = split(Dataset(np.arange(len(data)), data.y, data.labels), options.validation, seed=options.seed)
    train, test = (data[part.X] for part in rows)
    names = [str(source.paths[i].relative_to(folder)) for i in rows[1].X]
    recipe = ImageRecipe((options.size, options.size), options.grey, data.labels)
    return Given(train, test, recipe, folder.resolve().name, [folder], names)


def described(found: Given) -> str:
    """What was found, and what will be told, as lines."""
    recipe, n, m = found.recipe, len(found.train), len(found.test)
    lines = [f"{found.name}: {n + m} {found.samples}, {n} to learn from and {m} kept apart to measure with"]
    if isinstance(recipe, TableRecipe):
        lines.append(f"columns: {_listed(recipe.table.columns)}")
    if recipe.labels is None:
        numbers = recipe.in_units(found.train.y)
        digits = 5 - int(np.floor(np.log10(max(np.abs(numbers).max(), 1e-300))))  # of float32, and no noise beyond
        low, high = np.round([numbers.min(), numbers.max()], min(digits, 300)) + 0.0  # no -0
        lines.append(f"task: regression, {recipe.target!r} has numbers from {low:g} to {high:g}")
    else:
        what = f"{recipe.target!r} has" if isinstance(recipe, TableRecipe) else "there are"
        lines.append(f"task: classification, {what} {len(recipe.labels)} classes: {_listed(recipe.labels)}")
        if isinstance(recipe, TableRecipe) and all(label.lstrip("-").isdigit() for label in recipe.labels):
            lines[-1] += " (as numbers: --task regression)"
    return "\n".join(lines)


def _listed(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:12]) + (f", ... ({len(names)})" if len(names) > 12 else "")


def parted(found: Given, seed: int, size: float) -> tuple[Dataset, Dataset]:
    """The samples to learn from in two parts, so that options can be chosen without those kept apart."""
    if found.recipe.labels is not None:
        return split(found.train, size, seed=seed)
    return split(found.train, size, seed=seed, stratify=False)
