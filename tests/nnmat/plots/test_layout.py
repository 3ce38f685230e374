"""Where boxes and arrows stand."""

import numpy as np

from nnmat import Add, Concatenate, Linear, ReLU, Residual, Sequential
from nnmat.plots.layout import layout
from tests.nnmat.plots.drawn import network


def inside(found):
    """Nothing stands outside of the drawing, and no box touches another."""
    for i, box in enumerate(found.boxes):
        assert abs(box.x) + box.width / 2 <= found.width / 2 + 1e-9
        assert 0 < box.y < found.height
        for other in found.boxes[:i]:
            assert abs(box.y - other.y) >= 1.0 or abs(box.x - other.x) >= (box.width + other.width) / 2
    for arrow in found.arrows:
        for x, y in arrow.points:
            assert -1e-9 <= y <= found.height + 1e-9
            assert abs(x) <= found.width / 2 + 1e-9


def test_a_chain_stands_from_the_top_down():
    model = Sequential([Linear(4, 3), ReLU(), Linear(3, 2)], input_shape=(4,))
    found = layout(model)
    assert [box.text for box in found.boxes] == ["Linear  15", "ReLU", "Linear  8"]
    assert all(np.diff([box.y for box in found.boxes]) > 1)
    assert [arrow.text for arrow in found.arrows] == ["(B, 4)", "(B, 3)", "", "(B, 2)"]
    ends = [(arrow.points[0][1], arrow.points[-1][1]) for arrow in found.arrows]
    assert ends[0][0] == 0.0
    assert ends[-1][1] == found.height
    for box, above, below in zip(found.boxes, ends[:-1], ends[1:], strict=True):
        np.testing.assert_allclose((above[1], below[0]), (box.y - 0.5, box.y + 0.5))
    inside(found)


def test_branches_stand_side_by_side_and_meet():
    found = layout(network())
    assert [joint.text for joint in found.joints] == ["+", "‖"]
    conv, relu = found.boxes[1:3]
    assert conv.x == relu.x < 0  # beside the way past the block
    inside(found)
    add = layout(Sequential([Add([Linear(3, 3), ReLU(), None])], input_shape=(3,)))
    assert len({box.y for box in add.boxes}) == 1
    assert add.boxes[0].x < add.boxes[1].x
    ends = [arrow.points[-1] for arrow in add.arrows[1:-1]]
    (joint,) = add.joints
    assert sum(np.hypot(x - joint.x, y - joint.y) < 0.3 for x, y in ends) == 3
    inside(add)


def test_a_block_in_a_block_and_a_shortcut():
    block = Residual(Sequential([Linear(3, 5), Residual(Linear(5, 5))]), Linear(3, 5))
    model = Sequential([block, Concatenate([Linear(5, 2)])], input_shape=(3,))
    found = layout(model)
    inside(found)
    assert [box.text for box in found.boxes] == ["Linear  20", "Linear  30", "Linear  20", "Concatenate  12"]
    assert len(found.joints) == 2


def test_a_single_layer():
    found = layout(Linear(3, 2).build((3,)))
    assert [box.text for box in found.boxes] == ["Linear  8"]
    assert [arrow.text for arrow in found.arrows] == ["(B, 3)", "(B, 2)"]
