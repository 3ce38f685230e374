"""Figures without pyplot: nothing of them is global, and they go when nobody holds them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ..checks import shown
from ..errors import ConfigError
from ..extras import extra
from ..formats.atomic import atomic_write
from ..formats.paths import as_path

DOTS = 100  # of a picture in a file, for each inch


def axes_of(who: str, ax: Any, size: tuple[float, float] = (6.0, 4.0)) -> Any:
    """`ax`, or the axes of a new figure of so many inches. Raises MissingExtraError, ConfigError for what is none."""
    axes = extra("matplotlib.axes", who, "plot")
    if ax is None:
        return sheet(who, size=size)[0]
    if not isinstance(ax, axes.Axes):
        raise ConfigError(f"{who}: expected ax as axes of matplotlib, got {shown(ax)}. Leave it out for a new figure.")
    return ax


def sheet(who: str, columns: int = 1, rows: int = 1, size: tuple[float, float] = (8.0, 3.6)) -> list[Any]:
    """The axes of a new figure, row by row."""
    figure = extra("matplotlib.figure", who, "plot").Figure(figsize=size, layout="constrained")
    return list(figure.subplots(rows, columns, squeeze=False).ravel())


@contextlib.contextmanager
def picture(
    who: str,
    path: str | os.PathLike,
    columns: int = 1,
    rows: int = 1,
    size: tuple[float, float] = (8.0, 3.6),
    dots: int = DOTS,
) -> Iterator[list[Any]]:
    """Axes to draw on; the file (`.png`) is written at the end, whole or not at all."""
    path = as_path(who, path)
    if path.suffix != ".png":
        raise ConfigError(f"{who}: expected a file name that ends in .png, got {str(path)!r}.")
    axes = sheet(who, columns, rows, size)
    yield axes
    with atomic_write(path) as file:
        axes[0].figure.savefig(file, format="png", dpi=dots, metadata={"Software": None})
