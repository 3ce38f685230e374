"""Pictures that the plots are compared with: `python -m tests.nnmat.plots.drawn` in the checkout makes them anew.

They are small, in a style that is fixed here, with the font that matplotlib brings. They were made with the version
below; in another one letters may stand a pixel elsewhere.
"""

import contextlib
from pathlib import Path

import numpy as np

import nnmat
from nnmat import plots

FOLDER = Path(__file__).parent / "pictures"
MADE_WITH = "3.11"  # matplotlib
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.5,
    "text.antialiased": True,
    "text.hinting": "none",
    "figure.dpi": 50,
    "figure.facecolor": "white",
}


def network():
    """A chain with two kinds of branches."""
    block = nnmat.Sequential([nnmat.Conv2d(4, 4, 3, padding=1), nnmat.ReLU()])
    branches = [nnmat.Conv2d(4, 2, 1), None]
    layers = [nnmat.Conv2d(1, 4, 3), nnmat.Residual(block), nnmat.Concatenate(branches), nnmat.Flatten()]
    return nnmat.Sequential([*layers, nnmat.Linear(None, 3)], input_shape=(6, 6, 1), seed=0)


def history():
    return {
        "epoch": [1, 2, 3, 4],
        "loss": [2.0, 1.0, 0.5, 0.25],
        "accuracy": [0.2, 0.5, 0.7, 0.8],
        "validation_loss": [2.0, 1.5, None, 1.0],
        "seconds": [1.0] * 4,
    }


def confusion():
    return np.array([[8, 2, 0], [1, 9, 0], [0, 3, 1]])


def filters():
    a, b = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5))
    return np.stack([np.cos(i + 2 * a) * np.sin(i + b * (i + 1)) for i in range(5)])[..., None]


def kernel():
    return np.arange(1.0, 37.0).reshape(2, 3, 3, 2)


def weights():
    S = np.add.outer(np.arange(5.0), -np.arange(5.0)) ** 2 / -4
    S[np.triu_indices(5, 1)] = -np.inf
    P = np.exp(S)
    return np.stack([P, P**3]) / np.stack([P, P**3]).sum(axis=-1, keepdims=True)


DRAWN = {
    "history": lambda: plots.plot_history(history()),
    "confusion": lambda: plots.plot_confusion(confusion(), ["a", "b", "c"]),
    "filters": lambda: plots.plot_filters(filters()),
    "khat": lambda: plots.plot_khat(kernel(), (4, 5, 2), padding=1),
    "network": lambda: plots.plot_network(network()),
    "attention": lambda: plots.plot_attention(weights(), head=1, queries="every"),
}


@contextlib.contextmanager
def style():
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def pixels(name):
    """The picture as it is drawn now, (rows, columns, 4) of uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style():
        figure = DRAWN[name]().figure
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())


if __name__ == "__main__":
    from matplotlib.image import imsave

    for name in DRAWN:
        imsave(FOLDER / f"{name}.png", pixels(name), metadata={"Software": None})
