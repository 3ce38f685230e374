"""What is done to data before a model sees it, and what its outputs mean: kept beside the model, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets import Dataset, Table, image_folder, read_images
from ...datasets.images.image_folder import ENDINGS
from ...errors import ConfigError, DataError, FileFormatError
from ...formats.paths import existing_file


@dataclass(frozen=True)
class TableRecipe:
    """Columns as features, and the target back in its own words or unit."""

    table: Table

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return self.table.task

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self.table.labels

    @property
    def target(self) -> str:
        """What is told."""
        return self.table.target

    @property
    def input_shape(self) -> tuple[int, ...]:
        """That of a sample."""
        return (len(self.table.features),)

    @property
    def places(self) -> list[tuple[str, slice]]:
        """The columns of the table, and where their features stand in X."""
        found, start = [], 0
        for column in self.table.config()["columns"]:
            width = len(column["categories"]) if "categories" in column else 1
            found.append((column["name"], slice(start, start + width)))
            start += width
        return found

    def read(self, paths: Sequence[Path]) -> tuple[list[str], np.ndarray]:
        """The numbers of the rows, counted from 1, and their features."""
        if len(paths) != 1:
            raise ConfigError(f"expected one CSV file for this model, got {len(paths)}.")
        self._check(paths[0])
        X = self.table.transform(paths[0])
        return [str(i) for i in range(1, len(X) + 1)], X

    def dataset(self, path: Path) -> Dataset:
        """New rows with their target."""
        self._check(path)
        return self.table.dataset(path)

    def _check(self, path: Path) -> None:
        check_delimiter(existing_file("table", path), self.table.config()["reading"]["delimiter"])

    def in_units(self, Y: np.ndarray) -> np.ndarray:
        """Numbers (n,) of outputs, or of targets, of a regression."""
        return self.table.decode(Y)

    def config(self) -> dict[str, Any]:
        """What `recipe_of` reads."""
        return {"kind": "table", "table": self.table.config()}


@dataclass(frozen=True)
class ImageRecipe:
    """Images of one size; their classes are the names of folders."""

    size: tuple[int, int]
    grey: bool
    labels: tuple[str, ...]
    task: str = "classification"
    target: str = "label"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """That of a sample."""
        return (*self.size, 1 if self.grey else 3)

    def read(self, paths: Sequence[Path]) -> tuple[list[str], np.ndarray]:
        """The paths of the images, those of folders among them, and their pixels."""
        found: list[Path] = []
        for path in paths:
            inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in ENDINGS) if path.is_dir() else [path]
            if not inside:
                raise DataError(f"expected images in {path}, found none; they end in {', '.join(ENDINGS)}.")
            found += inside
        return list(map(str, found)), read_images(found, self.size, self.grey)

    def dataset(self, path: Path) -> Dataset:
        """Images in folders, whose names are among the classes."""
        data = image_folder(path, self.size, self.grey)
        for label in data.labels:
            if label not in self.labels:
                raise DataError(
                    f"expected folders of the classes {', '.join(self.labels[:12])}, found {label!r} in {path}. Rename "
                    "it, or train with it."
                )
        places = np.array([self.labels.index(label) for label in data.labels])
        return Dataset(data.X, places[data.y], self.labels, data.origin)

    def in_units(self, Y: np.ndarray) -> np.ndarray:
        """Images have classes only."""
        raise ConfigError("expected a model that tells numbers, got one that tells classes.")

    def config(self) -> dict[str, Any]:
        """What `recipe_of` reads."""
        return {"kind": "images", "size": list(self.size), "grey": self.grey, "labels": list(self.labels)}


Recipe = TableRecipe | ImageRecipe


def check_delimiter(path: Path, delimiter: str) -> None:
    """Refuse a file whose first line has semicolons or tabs and no comma, as of spreadsheets in many countries."""
    with open(path, "rb") as file:
        line = file.readline(1 << 16)
    for sign, name in ((b";", "';'"), (b"\t", "tab")):
        if delimiter == "," and sign in line and b"," not in line:
            what = "tabs" if name == "tab" else name
            raise ConfigError(
                f"{path}: its first line has {what} and no commas. Pass --delimiter {name}, and --decimal , if numbers "
                "are written with commas."
            )


def recipe_of(config: Any, unknown: str | None = None, reading: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of a config; FileFormatError for what is none.

    `unknown`: what is done with categories that are not known, `reading`: how files are read, where it is to be
    something else than in training.
    """
    try:
        if config["kind"] == "table":
            table = config["table"]
            if unknown is not None:
                columns = [c | {"unknown": unknown} if "categories" in c else c for c in table["columns"]]
                table = table | {"columns": columns}
            table = table | {"reading": {**table["reading"], **(reading or {})}}
            return TableRecipe(Table.from_config(table))
        if config["kind"] == "images":
            height, width = map(int, config["size"])
            return ImageRecipe((height, width), bool(config["grey"]), tuple(map(str, config["labels"])))
        raise KeyError
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError("expected a model of this version of nnmat train, got one with other data.") from None
