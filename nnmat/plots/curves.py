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
    names = [figures] if isinstance(figures, str) else figures
    if names is None:
        names = [name for name in history if name.endswith("loss") and not name.startswith(CHECKED)]
    if not names:
        raise ConfigError(f"plot_history: expected names of figures, of {', '.join(history)}, got none.")
    known = [name for name in history if name != "epoch"]
    for name in names:
        if name not in history:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"plot_history: there is no figure {name!r}. The history has: {', '.join(known)}.{hint}")
    ax = axes_of("plot_history", ax)
    epochs = history.get("epoch", range(1, len(next(iter(history.values()))) + 1))
    options = {"marker": "o"} if len(epochs) == 1 else {}
    lines = 0
    for name in names:
        (line,) = ax.plot(epochs, _numbers(history[name]), label=name.replace("_", " "), **options)
        lines += 1
        if (checked := CHECKED + name) in history and checked not in names:
            label, colour = checked.replace("_", " "), line.get_color()
            ax.plot(epochs, _numbers(history[checked]), "--", color=colour, label=label, **options)
            lines += 1
    ax.set_xlabel("epoch")
    if lines > 1:
        ax.legend()
    else:
        ax.set_ylabel(names[0].replace("_", " "))
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def _numbers(column: Sequence[float | None]) -> np.ndarray:
    """JSON's null is what was not finite."""
    return np.array([np.nan if value is None else value for value in column], float)
