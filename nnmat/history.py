"""The history of a run in a file."""

import csv
import io
import json
import os
from pathlib import Path

from .atomic import atomic_write
from .errors import ConfigError


def save_history(history: dict[str, list], path: str | os.PathLike) -> None:
    """Write the history that `Trainer.fit` returned, atomically: `.json` as it is, `.csv` with one row per epoch."""
    path = Path(path)
    if path.suffix == ".json":
        text = json.dumps(history, indent=1) + "\n"
    elif path.suffix == ".csv":
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(history)
        writer.writerows(zip(*history.values(), strict=True))
        text = table.getvalue()
    else:
        raise ConfigError(f"save_history: expected a file name that ends in .json or .csv, got {str(path)!r}.")
    with atomic_write(path) as file:
        file.write(text.encode())
