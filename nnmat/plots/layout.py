"""Where the boxes and arrows of a network stand: its layers from the top down, branches side by side."""

from typing import NamedTuple

from ..layers import Add, Concatenate, Layer, Residual, Sequential
from ..layers.checks import Shape, batch_shape
from ..layers.containers.branches import Branches

HEIGHT = 1.0  # of a box
GAP = 0.7  # between boxes, where the arrow and the shape stand
BETWEEN = 0.6  # branches
LETTER = 0.2  # the width of a letter


class Box(NamedTuple):
    """A layer: its middle, its width, its name and its number of parameters."""

    x: float
    y: float
    width: float
    text: str


class Joint(NamedTuple):
    """Where branches meet: its middle and its sign."""

    x: float
    y: float
    text: str


class Arrow(NamedTuple):
    """A way through points, to the head at the last one; `text` stands beside it."""

    points: tuple[tuple[float, float], ...]
    text: str = ""


class Layout(NamedTuple):
    """All that is drawn of a network; y grows downwards from 0, x in both directions from 0, the middle."""

    width: float
    height: float
    boxes: list[Box]
    joints: list[Joint]
    arrows: list[Arrow]

    def moved(self, dx: float, dy: float) -> "Layout":
        """The same, elsewhere."""
        return Layout(
            self.width,
            self.height,
            [b._replace(x=b.x + dx, y=b.y + dy) for b in self.boxes],
            [j._replace(x=j.x + dx, y=j.y + dy) for j in self.joints],
            [a._replace(points=tuple((x + dx, y + dy) for x, y in a.points)) for a in self.arrows],
        )


def layout(model: Layer) -> Layout:
    """A built model with its input above and its output below, as shapes."""
    inside = _of(model, model.input_shape)
    top, bottom = (batch_shape(shape) for shape in (model.input_shape, model.output_shape(model.input_shape)))
    found = inside.moved(0.0, GAP)
    arrows = [_down(0.0, 0.0, GAP, top), *found.arrows, _down(0.0, GAP + inside.height, GAP, bottom)]
    return found._replace(height=inside.height + 2 * GAP, arrows=arrows)


def _of(layer: Layer, shape: Shape) -> Layout:
    if isinstance(layer, Sequential):
        return _chain(list(layer), layer.child_shapes(shape))
    if isinstance(layer, Residual):
        parts = [_of(layer.block, shape)]
        parts.append(Layout(0.4, 0.0, [], [], []) if layer.shortcut is None else _of(layer.shortcut, shape))
        return _side_by_side(parts, "+")
    if isinstance(layer, Branches) and len(layer.branches(shape)) > 1:
        parts = [_of(part, own) if part else Layout(0.4, 0.0, [], [], []) for part, own in layer.branches(shape)]
        return _side_by_side(parts, {Add: "+", Concatenate: "‖"}.get(type(layer), layer.kind))
    text = layer.kind
    if size := sum(p.size for p in layer.parameters()):
        text += f"  {size:,}"
    width = 1.0 + LETTER * len(text)
    return Layout(width, HEIGHT, [Box(0.0, HEIGHT / 2, width, text)], [], [])


def _chain(layers: list[Layer], shapes: list[Shape]) -> Layout:
    """One below the other; beside each arrow between stands the shape that passes there, where it changes."""
    boxes: list[Box] = []
    joints: list[Joint] = []
    arrows: list[Arrow] = []
    width = y = 0.0
    for i, (layer, shape) in enumerate(zip(layers, shapes, strict=True)):
        if i:
            arrows.append(_down(0.0, y, GAP, batch_shape(shape) if shape != shapes[i - 1] else ""))
            y += GAP
        part = _of(layer, shape)
        moved = part.moved(0.0, y)
        boxes, joints, arrows = boxes + moved.boxes, joints + moved.joints, arrows + moved.arrows
        width, y = max(width, part.width), y + part.height
    return Layout(width, y, boxes, joints, arrows)


def _side_by_side(parts: list[Layout], sign: str) -> Layout:
    """Branches from one point, each in its column, that meet below; a way past all boxes has no height."""
    width = sum(part.width for part in parts) + BETWEEN * (len(parts) - 1)
    height = max(part.height for part in parts)
    left, end = -width / 2, GAP + height + GAP
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    joints = [Joint(0.0, end + HEIGHT / 4, sign)]
    for part in parts:
        x = left + part.width / 2
        left += part.width + BETWEEN
        if part.height:
            arrows.append(Arrow(((0.0, 0.0), (x, 0.0), (x, GAP)) if x else ((0.0, 0.0), (0.0, GAP))))
            moved = part.moved(x, GAP)
            boxes, joints, arrows = boxes + moved.boxes, joints + moved.joints, arrows + moved.arrows
            start = (x, GAP + part.height)
            arrows.append(Arrow((start, (x, end + HEIGHT / 4), (0.0, end + HEIGHT / 4)) if x else (start, (x, end))))
        else:
            arrows.append(Arrow(((0.0, 0.0), (x, 0.0), (x, end + HEIGHT / 4), (0.0, end + HEIGHT / 4))))
    return Layout(width, end + HEIGHT / 2, boxes, joints, arrows)


def _down(x: float, y: float, length: float, text: str = "") -> Arrow:
    return Arrow(((x, y), (x, y + length)), text)
