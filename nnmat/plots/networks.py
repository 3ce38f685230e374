"""The layers of a network as boxes."""

from typing import Any

from ..checks import shown
from ..errors import BuildError, ConfigError
from ..extras import extra
from ..layers import Layer
from .figures import axes_of
from .layout import HEIGHT, layout

INCH = 0.38  # of a unit
COLOURS = {"with": "#d6e4f5", "without": "#f2f2f2"}  # of layers with parameters, and without


def plot_network(model: Layer, ax: Any = None) -> Any:
    """The layers of a built model from the top down, with their parameters and the shapes between; returns the axes.

    Chains are opened, and branches (`Add`, `Concatenate`, `Residual`) stand side by side down to the sign where they
    meet; any other layer is a box, with all that is inside of it.

    Raises ConfigError for what is no model, BuildError before it is built; MissingExtraError without matplotlib.
    """
    if not isinstance(model, Layer):
        raise ConfigError(f"plot_network: expected a model, got {shown(model)}.")
    if not model.built:
        raise BuildError("plot_network: the model is not built yet, so it has no shapes. Give input_shape.")
    made = layout(model)
    ends = [arrow.points[-1][0] + 0.2 * len(arrow.text) for arrow in made.arrows if arrow.text]  # of shapes
    left, right = -made.width / 2 - 0.2, max([made.width / 2, *ends]) + 0.3
    ax = axes_of("plot_network", ax, (INCH * (right - left) + 0.2, INCH * made.height + 0.2))
    patches = extra("matplotlib.patches", "plot_network", "plot")
    for arrow in made.arrows:
        for start, end in zip(arrow.points[:-2], arrow.points[1:-1], strict=True):
            ax.plot(*zip(start, end, strict=True), color="0.4", linewidth=1.0, solid_capstyle="round")
        style = {"arrowstyle": "-|>", "mutation_scale": 8, "color": "0.4", "shrinkA": 0, "shrinkB": 0}
        ax.add_patch(patches.FancyArrowPatch(*arrow.points[-2:], **style))
        if arrow.text:
            x, y = (sum(pair) / 2 for pair in zip(*arrow.points[-2:], strict=True))
            ax.text(x + 0.2, y, arrow.text, va="center", fontsize=7, color="0.3")
    for box in made.boxes:
        corner = (box.x - box.width / 2, box.y - HEIGHT / 2)
        colour = COLOURS["with" if "  " in box.text else "without"]
        ax.add_patch(
            patches.FancyBboxPatch(
                corner, box.width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.2", facecolor=colour, edgecolor="0.4"
            )
        )
        ax.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8)
    for joint in made.joints:
        ax.add_patch(patches.Circle((joint.x, joint.y), HEIGHT / 4, facecolor="white", edgecolor="0.4", zorder=3))
        ax.text(joint.x, joint.y, joint.text, ha="center", va="center_baseline", fontsize=8, zorder=4)
    ax.set(xlim=(left, right), ylim=(made.height, 0.0), aspect="equal")
    ax.set_axis_off()
    return ax
