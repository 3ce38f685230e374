"""Layers of images, with a symbol for each channel of each image, and what holds layers."""

import numpy as np

from nnmat import Add, AvgPool2d, Concatenate, Conv2d, Linear, MaxPool2d, Residual, Sequential, Tanh
from tests.nnmat.calculus.layers_derived.beside import INPUTS, Beside, about, linear

# ---- images: a symbol for each channel of each image -----------------------------------------------------------------


def images(layer, size, channels, outputs, batch=2):
    both = Beside(layer, (*size, channels), batch)
    both.arrays |= dict(zip("HW", size, strict=True))
    for n in range(batch):
        for c in range(channels):
            both.input(f"X{n}{c}", ("H", "W"), at=(n, slice(None), slice(None), c))
        for c in range(outputs):
            both.outputs[f"Y{n}{c}"] = (n, slice(None), slice(None), c)
    return both


def each(line):
    """The line for two images of two channels: n and c stand for their numbers."""
    return "\n".join(line.replace("nc", f"{n}{c}") for n in range(2) for c in range(2))


@about(Conv2d)
def convolution_of_two_channels():
    both = images(Conv2d(2, 2, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2)), (6, 7), 2, 2)
    both.arrays |= {"a": 3, "b": 2}
    lines, options = [], "stride=(2, 1), padding=(1, 1), dilation=(1, 2)"
    for o in range(2):
        both.parameter(f"b{o}", (), both.layer.bias, o)
        for c in range(2):
            both.parameter(f"K{o}{c}", ("a", "b"), both.layer.weight, (o, slice(None), slice(None), c))
        for n in range(2):
            lines.append(f"Y{n}{o} = conv(X{n}0, K{o}0, {options}) + conv(X{n}1, K{o}1, {options}) + b{o}")
    return both, "\n".join(lines)


@about(AvgPool2d)
def average_of_windows():
    both = images(AvgPool2d((3, 2), stride=2, padding=1), (7, 6), 2, 2)
    return both, each("Ync = conv(Xnc, ones(3, 2), stride=2, padding=1) / 6")


@about(MaxPool2d)
def maximum_of_two_rows_and_two_columns():
    """max(a, b) = b + relu(a - b), with matrices that pick the first and second of each pair."""
    both = images(MaxPool2d(2), (6, 4), 2, 2)
    for first, name in enumerate("ab"):
        both.constant(f"S{name}", ("h", "H"), np.eye(6)[first::2])
        both.constant(f"T{name}", ("w", "W"), np.eye(4)[first::2])
    return both, each("Mnc = Sb @ Xnc + relu(Sa @ Xnc - Sb @ Xnc)") + "\n" + each(
        "Ync = Mnc @ Tb.T + relu(Mnc @ Ta.T - Mnc @ Tb.T)"
    )


# ---- containers ------------------------------------------------------------------------------------------------------


def two_layers(both, model):
    first, _, second = model.children()
    linear(both, first, "1", "H")
    linear(both, second, "2", "N", "H")
    return "tanh(X @ W1.T + b1.T) @ W2.T + b2.T"


@about(Sequential)
def layers_in_a_row():
    both = Beside(Sequential([Linear(5, 6), Tanh(), Linear(6, 4)]), (5,))
    both.input("X", INPUTS)
    return both, f"Y = {two_layers(both, both.layer)}"


@about(Residual)
def residual_block():
    both = Beside(Residual(Sequential([Linear(5, 6), Tanh(), Linear(6, 4)]), Linear(5, 4)), (5,))
    both.input("X", INPUTS)
    linear(both, both.layer.shortcut)
    return both, f"Y = {two_layers(both, both.layer.block)} + X @ W.T + b.T"


@about(Add)
def sum_of_branches_of_two_inputs():
    both = Beside(Add([Linear(5, 4), Linear(3, 4, bias=False)]), ((5,), (3,)))
    both.input("X", INPUTS, 0)
    both.input("Z", ("R", "E"), 1)
    one, other = both.layer.children()
    linear(both, one)
    linear(both, other, "z", "N", "E")
    return both, "Y = X @ W.T + b.T + Z @ Wz.T"


@about(Concatenate)
def branches_side_by_side():
    both = Beside(Concatenate([None, Linear(4, 3)]), (4,))
    both.input("X", INPUTS)
    (layer,) = both.layer.children()
    linear(both, layer)
    both.constant("S", ("D", "C"), np.eye(4, 7))
    both.constant("T", ("N", "C"), np.eye(3, 7, 4))
    return both, "Y = X @ S + (X @ W.T + b.T) @ T"
