"""The curves of a history."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import ConfigError
from .figures import axes_of

CHECKED = "validation_"


def plot_history(
    history: Mapping[str, Sequence[float | None]], figures: str | Sequence[str] | None = None, ax: Any = None
) -> Any:
    """The figures of each epoch over the epochs; returns the axes.

    history: what `fit` returned, or a JSON file of `save_history` holds. `figures`: their names, such as "accuracy" (by
    default the losses); with each goes what it is on the validation data, dashed, if there is any.

    Raises ConfigError for a figure that the history does not have; MissingExtraError without matplotlib.
    """
    if not isinstance(history, Mapping) or not history:
        raise ConfigError(f"plot_history: expected a history as fit returns it, got {shown(history)}.")
    names: list[Any] = [figures] if isinstance(figures, str) or not np.iterable(figures) else list(figures)
    if figures is None:
        names = [name for name in history if name.endswith("loss") and not name.startswith(CHECKED)]
    if not names:
        raise ConfigError(f"plot_history: expected names of figures, of {', '.join(history)}, got none.")
    known = [name for name in history if name != "epoch"]
    for name in names:
        if name not in history:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"plot_history: there is no figure {name!r}. The history has: {', '.join(known)}.{hint}")
    epochs = np.arange(1.0, len(_numbers(history, names[0])) + 1)
    if "epoch" in history:
        epochs = _numbers(history, "epoch")
    curves: list[tuple[str, dict[str, Any]]] = []  # names, and how their curves look
    for i, name in enumerate(names):
        curves.append((name, {"color": f"C{i}"}))
        if (checked := CHECKED + name) in history and checked not in names:
            curves.append((checked, {"color": f"C{i}", "linestyle": "--", "fillstyle": "none"}))
    columns = [_numbers(history, name, len(epochs)) for name, _ in curves]
    ax = axes_of("plot_history", ax)
    for (name, look), column in zip(curves, columns, strict=True):
        ax.plot(epochs, column, label=name.replace("_", " "), marker="o" if len(epochs) == 1 else "", **look)
    ax.set_xlabel("epoch")
    if len(curves) > 1:
        ax.legend()
    else:
        ax.set_ylabel(names[0].replace("_", " "))
    if len(epochs) == 1:
        ax.set_xticks(epochs)
    else:
        ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def _numbers(history: Mapping[str, Any], name: str, epochs: int | None = None) -> np.ndarray:
    """A figure's column; JSON's null is what was not finite."""
    try:
        column = np.array([np.nan if value is None else value for value in history[name]], float)
    except (TypeError, ValueError):
        column = np.empty((0, 0))
    if column.ndim != 1 or len(column) != (len(column) if epochs is None else epochs):
        raise ConfigError(
            f"plot_history: expected {name!r} as a list of numbers, one for each epoch, got {shown(history[name])}."
        )
    return column
