"""Predictions as pandas frames, made by the classes of the frame that came in."""

from typing import Any

import numpy as np


def target_names(y: Any) -> list | None:
    """The names of the targets: of a series one, of a frame its columns; None of anything else."""
    if not hasattr(y, "iloc"):
        return None
    return list(y.columns) if hasattr(y, "columns") else [y.name]


def framed(X: Any, values: np.ndarray, names: list | None) -> Any:
    """`values` (n,) as a series, (n, k) as a frame, with the frame X's index; of other X as they are."""
    if not hasattr(X, "iloc"):
        return values
    if values.ndim == 1:
        return type(X.iloc[:, 0])(values, index=X.index, name=names[0] if names else None)
    return type(X)(values, index=X.index, columns=names)
