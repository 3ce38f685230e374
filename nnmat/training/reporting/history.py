"""The history of a run in a file."""

import csv
import errno
import io
import itertools
import json
import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nnmat_kernels.programs.html import html_table

from ...errors import ConfigError
from ...formats.atomic import atomic_write
from ...formats.paths import as_path

SHOWN = 20  # epochs that a notebook shows; of more, the first and the last ones


class History(dict[str, list]):
    """The figures of a run: for each name a list with an entry for each epoch. Notebooks show it as a table."""

    def _repr_html_(self) -> str:
        rows = [[_shown(value) for value in row] for row in itertools.zip_longest(*self.values(), fillvalue="")]
        if len(rows) > SHOWN:
            few = SHOWN // 4
            rows = [*rows[:few], ["…"] * len(self), *rows[few - SHOWN + 1 :]]
        return html_table(list(self), rows)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def save_history(history: dict[str, list], path: str | os.PathLike) -> None:
    """Write the history that `Trainer.fit` returned, atomically: `.json`, or `.csv` with one row per epoch.

    JSON has no NaN and no infinity: they become null. Raises ConfigError for another ending, FileNotFoundError for a
    missing folder.
    """
    path = as_path("save_history", path)
    if path.suffix not in (".json", ".csv"):
        raise ConfigError(f"save_history: expected a file name that ends in .json or .csv, got {str(path)!r}.")
    check_folder("save_history", path)
    if path.suffix == ".json":
        text = json_text(history, indent=1) + "\n"
    else:
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(history)
        writer.writerows(zip(*history.values(), strict=True))
        text = table.getvalue()
    with atomic_write(path) as file:
        file.write(text.encode())


def json_text(value: Any, indent: int | None = None) -> str:
    """Standard JSON: numbers of NumPy as plain ones, and null for those that are not finite."""
    return json.dumps(_standard(value), indent=indent, allow_nan=False)


def check_folder(who: str, path: Path) -> None:
    """Raise FileNotFoundError, naming the folder, if the one that `path` lies in does not exist."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{who}: the folder {str(path.parent)!r} does not exist.")


def check_writable(who: str, path: Path, appended: bool = False) -> None:
    """Raise an OSError that names the file if `path` cannot be written, as far as that can be seen before.

    It is replaced by a new file of its folder (that of its target, if it is a symbolic link), or `appended` to.
    """
    check_folder(who, path)
    if path.is_dir():
        raise IsADirectoryError(f"{who}: expected the name of a file, {str(path)!r} is a folder.")
    try:
        if appended and path.exists():
            with open(path, "ab"):
                return
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass
    except OSError as error:
        raise OSError(
            error.errno or errno.EACCES,
            f"{who}: {path} cannot be written ({error.strerror or error}). Choose another folder, or make this one "
            "writable",
        ) from None


def warn_unwritten(who: str, what: str, error: OSError) -> None:
    """Warn of something that was not written in the course of a run, which goes on."""
    warnings.warn(f"{who}: {what} was not written, the run goes on. {error}", RuntimeWarning, stacklevel=2)


def _standard(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {name: _standard(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_standard(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
