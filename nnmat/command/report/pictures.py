"""The pictures of a page, as texts that stand inside of it; by matplotlib, where it is installed."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import MissingExtraError
from ...extras import extra
from ...plots import plot_confusion, plot_history
from ..learning.scores import ClassScores, NumberScores, Scores

DOTS = 120  # for each inch
SHOWN, ACROSS = 12, 6  # images, and how many in a row
MOST_CLASSES = 40  # of a confusion that can be read


def pictures(scores: Scores, history: Mapping[str, Sequence]) -> list[tuple[str, str]]:
    """What each shows, and an `img`; none without matplotlib."""
    try:
        extra("matplotlib.figure", "nnmat train", "plot")
    except MissingExtraError:
        return []
    found = [("The loss after each epoch", plot_history(history))]
    if "accuracy" in history:
        found.append(("The accuracy after each epoch", plot_history(history, "accuracy")))
    if isinstance(scores, NumberScores):
        found.append(("What was said, over what is true", _scatter(scores)))
    elif isinstance(scores, ClassScores) and len(scores.labels) <= MOST_CLASSES:
        found.append(("What each class was taken for", plot_confusion(scores.confusion, scores.labels)))
    return [(text, _inside(text, ax)) for text, ax in found]


def mistaken(
    X: np.ndarray, order: np.ndarray, said: np.ndarray, y: np.ndarray, labels: Sequence[str]
) -> list[tuple[str, str]]:
    """The images (n, H, W, C) of the first numbers in `order`, with what they are and were taken for; none of none."""
    chosen = order[:SHOWN].tolist()
    if not chosen:
        return []
    rows = -(-len(chosen) // ACROSS)
    figure = extra("matplotlib.figure", "nnmat train", "plot").Figure((8.0, 1.7 * rows), layout="constrained")
    axes = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, i in zip(axes, chosen, strict=False):
        ax.imshow(X[i] if X.shape[-1] == 3 else X[i, :, :, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{labels[y[i]]},\nsaid {labels[said[i]]}", fontsize=8)
    text = "The worst mistakes"
    return [(text, _inside(text, axes[0]))]


def _scatter(scores: NumberScores) -> Any:
    """Each row as a point; a right one stands on the line."""
    ax = extra("matplotlib.figure", "nnmat train", "plot").Figure((6.0, 4.0), layout="constrained").subplots()
    ends = [float(min(scores.true.min(), scores.said.min())), float(max(scores.true.max(), scores.said.max()))]
    ax.plot(ends, ends, color="grey", linewidth=1)
    ax.plot(scores.true, scores.said, "o", markersize=3, alpha=0.6)
    ax.set(xlabel="true", ylabel="said")
    return ax


def _inside(text: str, ax: Any) -> str:
    file = io.BytesIO()
    ax.figure.savefig(file, format="png", dpi=DOTS, metadata={"Software": None})
    content = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{text}" src="data:image/png;base64,{content}">'
