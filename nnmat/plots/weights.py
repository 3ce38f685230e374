"""What each place of a sequence looks at."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ..checks import count, shown
from ..errors import ConfigError, DataError, DtypeError, ShapeError
from .figures import axes_of

WRITTEN = 40  # places up to which tokens are written at the sides


def plot_attention(
    weights: np.ndarray,
    head: int | None = None,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Weights P of an attention for one sample, a row for each query, which sums to 1; returns the axes.

    weights: (Tq, Tk), or (heads, Tq, Tk), of which `head` is shown, or their mean if it is None;
    `attention_weights(model, X)` finds them. `queries`, `keys`: what stands at the sides, Tq and Tk words or
    characters; of one sequence `queries` are its `keys` too.

    Raises ShapeError, DtypeError, DataError (NaN), ConfigError; MissingExtraError without matplotlib.
    """
    P, who = array("plot_attention", "weights", weights), "plot_attention"
    if P.dtype.kind not in "fiu":
        raise DtypeError(f"{who}: expected weights that are real numbers, got dtype {P.dtype}.")
    if P.ndim not in (2, 3) or P.size == 0:
        hint = " Of a batch take one sample: P[0]." if P.ndim == 4 else ""
        raise ShapeError(f"{who}: expected weights of shape (Tq, Tk) or (heads, Tq, Tk), got {P.shape}.{hint}")
    if not np.isfinite(P).all():
        raise DataError(f"{who}: expected weights that are finite, got others.")
    title = ""
    if P.ndim == 3:
        if head is None:
            title, P = f"mean of {len(P)} heads", P.mean(axis=0)
        elif count(who, "head", head, least=0) >= len(P):
            raise ConfigError(f"{who}: expected head below {len(P)}, the number of heads, got {head}.")
        else:
            title, P = f"head {head}", P[head]
    elif head is not None:
        raise ConfigError(f"{who}: expected weights of several heads for head={head}, got those of one.")
    if keys is None and queries is not None and P.shape[0] == P.shape[1]:
        keys = queries
    rows, columns = _words("queries", queries, P.shape[0]), _words("keys", keys, P.shape[1])
    ax = axes_of(who, ax, (4.5, 4.5))
    ax.imshow(P, cmap="viridis", vmin=0.0, vmax=max(float(P.max()), 1e-300), interpolation="nearest")
    if 0 < len(columns) <= WRITTEN:
        ax.set_xticks(range(len(columns)), columns, rotation=90 if max(map(len, columns)) > 1 else 0)
    if 0 < len(rows) <= WRITTEN:
        ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel="key", ylabel="query", title=title)
    return ax


def _words(name: str, words: Sequence[str] | None, size: int) -> list[str]:
    """What stands at a side; nothing if nothing is given."""
    if words is None:
        return []
    found = [str(word) for word in words] if np.iterable(words) else None
    if found is None or len(found) != size:
        given = shown(words) if found is None else len(found)
        raise ShapeError(f"plot_attention: expected {size} {name}, one for each place, got {given}.")
    return found
