"""Matching of entries by names, orders and shapes; what it is for stands in test_torch_state and test_keras_weights."""

import numpy as np
import pytest

from nnmat import Concatenate, Linear, Residual, Sequential
from nnmat.errors import ConfigError
from nnmat.formats.matching import Given, Slot, branches_of, match, partly


def given(**shapes):
    return {name.replace("__", "."): Given(shape, lambda: np.zeros(1)) for name, shape in shapes.items()}


def slots(**shapes):
    return [Slot(name.replace("__", "."), shape) for name, shape in shapes.items()]


OURS = slots(a__weight=(2, 3), a__bias=(2,), b__weight=(2, 3), b__bias=(3,))


def test_layers_are_matched_as_wholes():
    """The weights have one shape: the biases tell the layers apart."""
    theirs = given(x__bias=(3,), x__weight=(2, 3), y__bias=(2,), y__weight=(2, 3))
    assert match("who", OURS, theirs) == ["y.weight", "y.bias", "x.weight", "x.bias"]
    assert match("who", OURS, theirs, order=["y", "x"]) == ["y.weight", "y.bias", "x.weight", "x.bias"]


def test_a_bias_of_one_layer_is_none_of_another():
    """A Linear without a bias before a LayerNorm is no Linear before an RMSNorm, though the kinds are as many."""
    ours = slots(a__weight=(3, 3), a__bias=(3,), b__weight=(3,))
    with pytest.raises(ConfigError, match="expected entries of the kinds"):
        match("who", ours, given(fc__weight=(3, 3), norm__weight=(3,), norm__bias=(3,)))
    each = given(x__1__weight=(3, 3), x__2__bias=(3,), x__3__weight=(3,))  # each entry has a name of its own
    assert match("who", ours, each) == list(each)


def test_in_order_shapes_are_not_compared():
    theirs = given(x__weight=(9,), x__bias=(2,), y__weight=(2, 3), y__bias=(3,))
    assert match("who", OURS, theirs, ordered=True) == list(theirs)


def test_names_come_first():
    theirs = given(b__weight=(2, 3), b__bias=(3,), a__weight=(2, 3), a__bias=(2,))
    assert match("who", OURS, theirs, ordered=True) == [slot.name for slot in OURS]
    assert match("who", slots(weight=(2,)), given(a__b__weight=(2,))) == ["a.b.weight"]


def test_a_name_with_the_whole_in_order():
    theirs = given(x__in__weight=(2, 3), x__in__bias=(2,), y__weight=(2, 3), y__bias=(3,))
    assert match("who", OURS, theirs, order=["x", "y"]) == list(theirs)


@pytest.mark.parametrize("one", ["a.9", "h1.conv9", "a", "conv2d", "conv2d_9"])
def test_numbers_are_compared_part_by_part(one):
    other = {"a.9": "a.10", "h1.conv9": "h2.conv1", "a": "a.b", "conv2d": "conv2d_1", "conv2d_9": "conv2d_10"}[one]
    ours = slots(p__weight=(2,), q__weight=(2,))
    entries = {f"{name}.weight": Given((2,), lambda name=name: np.array([len(name)])) for name in (other, one)}
    assert match("who", ours, entries) == [f"{one}.weight", f"{other}.weight"]


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a1", "b2"), ("a.01", "a.1"), ("a.x.1", "a.y.0")])
def test_names_that_say_nothing(one, other):
    entries = {f"{one}.weight": Given((2,), lambda: np.zeros(2)), f"{other}.weight": Given((2,), lambda: np.ones(2))}
    with pytest.raises(ConfigError, match="have equal shapes"):
        match("who", slots(p__weight=(2,), q__weight=(2,)), entries)


def test_numbers_do_not_say_which_branch_is_which():
    """What stands on branches beside each other is open where shapes are equal; a shared weight is not."""
    names = ["r.block.0.weight", "r.block.2.weight", "r.shortcut.weight"]
    ours, branches = [Slot(name, (2,)) for name in names], [["r.block.", "r.shortcut."]]
    entries = {f"d{i}.weight": Given((2,), lambda i=i: np.array([i])) for i in range(3)}
    assert match("who", ours, entries) == list(entries)
    with pytest.raises(ConfigError, match=r"which of them is 'r\.block\.0', .*Say it\.$"):
        match("who", ours, entries, branches=branches, remedy="Say it.")
    assert match("who", ours, entries, order=["d2", "d0", "d1"], branches=branches) == [
        "d2.weight",
        "d0.weight",
        "d1.weight",
    ]
    assert match("who", ours[:2], dict(list(entries.items())[:2]), branches=branches) == ["d0.weight", "d1.weight"]
    equal = {name: Given((2,), lambda: np.zeros(2)) for name in entries}
    assert match("who", ours, equal, branches=branches) == list(entries)


def test_the_branches_of_a_model():
    two = Concatenate([Linear(3, 3), None, Sequential([Linear(3, 3)])])
    model = Sequential([Residual(two, Linear(3, 9))], input_shape=(3,))
    assert branches_of(model) == [["0.block.", "0.shortcut."], ["0.block.0.", "0.block.2."]]
    assert branches_of(Sequential([Linear(3, 3)], input_shape=(3,))) == []


def test_parts_under_the_prefix_that_fits_best():
    theirs = given(net__a__weight=(2, 3), net__b__bias=(3,), other__a__weight=(1,))
    assert partly("who", OURS, theirs) == ["net.a.weight", None, None, "net.b.bias"]
