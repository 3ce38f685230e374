"""Layers that hold layers: what is compiled from their descriptions is their backward."""

import pytest

from nnmat import Add, Concatenate, Linear, Residual, Sequential, Tanh
from tests.nnmat.calculus.builtin.beside import Beside, Cases

CASES = Cases()


@pytest.mark.parametrize("name", CASES)
def test_compiled_gradients_are_those_of_backward(name):
    CASES[name]().equal()


def two_layers(both, model):
    first, _, second = model.children()
    both.linear(first, "1")
    both.linear(second, "2")


@CASES.case
def layers_in_a_row():
    both = Beside("Sequential", Sequential([Linear(5, 6), Tanh(), Linear(6, 4)]), (5,))
    both.input("X")
    two_layers(both, both.layer)
    return both


@CASES.case
def residual_block():
    both = Beside("Residual", Residual(Sequential([Linear(5, 6), Tanh(), Linear(6, 4)]), Linear(5, 4)), (5,))
    both.input("X")
    both.linear(both.layer.shortcut)
    two_layers(both, both.layer.block)
    return both


@CASES.case
def sum_of_branches_of_two_inputs():
    both = Beside("Add", Add([Linear(5, 4), Linear(3, 4, bias=False)]), ((5,), (3,)))
    both.input("X", part=0)
    both.input("Z", part=1)
    one, other = both.layer.children()
    both.linear(one)
    both.parameter("V", other.weight)
    return both


@CASES.case
def branches_side_by_side():
    both = Beside("Concatenate", Concatenate([None, Linear(4, 3)]), (4,))
    both.input("X")
    (layer,) = both.layer.children()
    both.linear(layer)
    return both
