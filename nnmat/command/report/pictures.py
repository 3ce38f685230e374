"""The pictures of a page, as texts that stand inside of it; by matplotlib, where it is installed."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import MissingExtraError
from ...extras import extra
from ...plots import plot_confusion, plot_history
from ..learning.scores import ClassScores, NumberScores, Scores

DOTS = 120  # for each inch
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
