"""Pictures of histories, filters, confusion, K̂, networks and attention, by matplotlib (the extra `plot`).

Each function draws on the axes `ax`, or on those of a new figure, and returns them: `plot_history(history).figure`.
Nothing of pyplot is used, and no backend is chosen: figures are objects, written by `figure.savefig(path)`.

figures    new figures, files, and the check of `ax`
curves     `plot_history`
counts     `plot_confusion`
filters    `plot_filters`
matrices   `plot_khat`
layout     where the boxes and arrows of a network stand
networks   `plot_network`
weights    `plot_attention`
"""

from ..analysis.attention import attention_weights
from .counts import plot_confusion
from .curves import plot_history
from .filters import plot_filters
from .matrices import plot_khat
from .networks import plot_network
from .weights import plot_attention

__all__ = [
    "attention_weights",
    "plot_attention",
    "plot_confusion",
    "plot_filters",
    "plot_history",
    "plot_khat",
    "plot_network",
]
