"""A network as boxes: what is on the axes."""

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

import nnmat
from nnmat.plots import plot_network
from nnmat.plots.layout import layout
from tests.nnmat.plots.drawn import network


def test_everything_of_the_layout_is_drawn():
    model = network()
    made, ax = layout(model), plot_network(model)
    boxes, arrows, joints = (
        [p for p in ax.patches if type(p) is kind] for kind in (FancyBboxPatch, FancyArrowPatch, Circle)
    )
    found = [(p.get_x() + p.get_width() / 2, p.get_y() + p.get_height() / 2, p.get_width()) for p in boxes]
    np.testing.assert_allclose(found, [(b.x, b.y, b.width) for b in made.boxes])
    assert (len(arrows), len(joints)) == (len(made.arrows), len(made.joints))
    texts = {t.get_text() for t in ax.texts}
    assert texts == {b.text for b in made.boxes} | {j.text for j in made.joints} | {
        a.text for a in made.arrows if a.text
    }
    assert len(ax.lines) == sum(len(a.points) - 2 for a in made.arrows)


def test_all_of_it_can_be_seen():
    ax = plot_network(network())
    canvas = ax.figure.canvas
    canvas.draw()
    seen = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert seen.x0 <= box.x0
        assert box.x1 <= seen.x1 + 1
        assert seen.y0 - 1 <= box.y0
        assert box.y1 <= seen.y1 + 1


@pytest.mark.parametrize(
    "model",
    [
        nnmat.Sequential([nnmat.TransformerBlock(8, 2)], input_shape=(5, 8)),
        nnmat.Sequential([nnmat.Concatenate(), nnmat.Linear(7, 2)], input_shape=((3,), (4,))),
        nnmat.Embedding(5, 3).build((4,)),
    ],
)
def test_other_models(model):
    ax = plot_network(model)
    assert len([p for p in ax.patches if type(p) is FancyBboxPatch]) >= 1


def test_what_is_refused():
    with pytest.raises(nnmat.BuildError, match="plot_network: the model is not built yet"):
        plot_network(nnmat.Linear(2, 3))
    with pytest.raises(nnmat.ConfigError, match="plot_network: expected a model, got 3"):
        plot_network(3)
