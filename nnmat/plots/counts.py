"""The confusion of a classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ..checks import shown
from ..errors import ConfigError, DataError, DtypeError, ShapeError
from .figures import axes_of

WRITTEN = 20  # classes up to which the counts stand in the cells


def plot_confusion(confusion: np.ndarray, labels: Sequence[str] | None = None, ax: Any = None) -> Any:
    """Counts (M, M) of `metrics.confusion_matrix`: true classes downwards, predicted ones across; returns the axes.

    The colour of a cell is its share of its row: of a true class, what it was taken for. `labels`: M names.
    They stand at the sides, and the counts in the cells, of at most 20 classes.

    Raises ShapeError, DtypeError, DataError for counts below 0 or not finite; ConfigError; MissingExtraError without
    matplotlib.
    """
    C = array("plot_confusion", "confusion", confusion)
    M = len(C) if C.ndim else 0
    if C.shape != (M, M) or M == 0:
        raise ShapeError(
            f"plot_confusion: expected counts of shape (M, M), got {C.shape}. nnmat.metrics.confusion_matrix(H, y) "
            "makes them."
        )
    if C.dtype.kind not in "iuf":
        raise DtypeError(f"plot_confusion: expected counts, got dtype {C.dtype}.")
    if not (np.isfinite(C) & (C >= 0)).all():
        raise DataError("plot_confusion: expected counts that are finite and >= 0, got others.")
    given: Any = range(M) if labels is None else labels
    names = [str(label) for label in given] if np.iterable(given) else []
    if len(names) != M:
        given = len(names) if np.iterable(given) else shown(given)
        raise ConfigError(f"plot_confusion: expected {M} labels, one for each class, got {given}.")
    ax = axes_of("plot_confusion", ax, (1.6 + 0.42 * min(M, WRITTEN),) * 2)
    share = C / np.maximum(C.sum(axis=1, keepdims=True, dtype=np.float64), 1e-300)
    ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    if M <= WRITTEN:
        ax.set_xticks(range(M), names, rotation=90 if max(map(len, names)) > 2 else 0)
        ax.set_yticks(range(M), names)
        for i in range(M):
            for j in range(M):
                if C[i, j]:
                    colour = "white" if share[i, j] > 0.5 else "black"
                    text = f"{C[i, j]:g}" if C.dtype.kind == "f" else str(C[i, j])
                    ax.text(j, i, text, ha="center", va="center", fontsize="small", color=colour)
    ax.set(xlabel="predicted", ylabel="true")
    return ax
