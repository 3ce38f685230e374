"""Layers that make images of other sizes, and those of sequences, which are images of one row."""

import numpy as np

from nnmat import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    Conv1d,
    ConvTranspose2d,
    GlobalAvgPool2d,
    MaxPool1d,
    Pad,
    Upsample,
)
from nnmat.explicit_convolution import shift_matrix
from tests.nnmat.calculus.layers_derived.beside import Beside, about
from tests.nnmat.calculus.layers_derived.images_and_containers import each, images

# ---- images ----------------------------------------------------------------------------------------------------------


def between(layer, size, R, C):
    """Y_c = R X_c Cᵀ."""
    both = images(layer, size, 2, 2)
    both.constant("R", ("h", "H"), R)
    both.constant("C", ("w", "W"), C)
    return both, each("Ync = R @ Xnc @ C.T")


@about(Upsample)
def nearest_pixels():
    return between(
        Upsample(scale_factor=(2, 3)), (3, 2), np.repeat(np.eye(3), 2, axis=0), np.repeat(np.eye(2), 3, axis=0)
    )


@about(Upsample)
def pixels_between_their_neighbours():
    R = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]])
    C = np.array([[1.0, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]])
    return between(Upsample(size=(5, 4), mode="bilinear", align_corners=True), (3, 2), R, C)


@about(Pad)
def mirrored_ends():
    return between(Pad((1, 2), "reflect"), (3, 4), np.eye(3)[[1, 0, 1, 2, 1]], np.eye(4)[[2, 1, 0, 1, 2, 3, 2, 1]])


@about(AdaptiveAvgPool2d)
def means_of_bins():
    R, C = np.array([[1, 1, 0], [0, 1, 1]]) / 2, np.ones((1, 4)) / 4
    return between(AdaptiveAvgPool2d((2, 1)), (3, 4), R, C)


@about(GlobalAvgPool2d)
def mean_of_the_image():
    both = images(GlobalAvgPool2d(), (3, 4), 2, 2)
    both.outputs = {f"Y{n}{c}": (slice(n, n + 1), slice(c, c + 1)) for n in range(2) for c in range(2)}
    both.constant("u", ("U", "H"), np.ones((1, 3)))
    both.constant("v", ("U", "W"), np.ones((1, 4)))
    return both, each("Ync = u @ Xnc @ v.T / 12")


@about(AdaptiveMaxPool2d)
def maximum_of_bins_of_two_rows():
    both = images(AdaptiveMaxPool2d((3, None)), (6, 4), 2, 2)
    for first, name in enumerate("ab"):
        both.constant(f"S{name}", ("h", "H"), np.eye(6)[first::2])
    return both, each("Ync = Sb @ Xnc + relu(Sa @ Xnc - Sb @ Xnc)")


@about(ConvTranspose2d)
def transposed_convolution():
    """Σ_o Σ_ab K_oabc R_aᵀ X_o C_b + b_c, with the shift matrices of the convolution from (6, 4) to (3, 2)."""
    both = images(
        ConvTranspose2d(2, 1, 2, stride=2, padding=(0, 1), output_padding=(0, 1), dilation=(1, 2)), (3, 2), 2, 1
    )
    for a in range(2):
        both.constant(f"R{a}", ("H", "h"), shift_matrix(6, a, 2, 2, 0, 1))
        both.constant(f"C{a}", ("W", "w"), shift_matrix(4, a, 2, 2, 1, 2))
    both.parameter("b", (), both.layer.bias, 0)
    places = [(o, a, b) for o in range(2) for a in range(2) for b in range(2)]
    for o, a, b in places:
        both.parameter(f"K{o}{a}{b}", (), both.layer.weight, (o, a, b, 0))
    terms = " + ".join(f"K{o}{a}{b} * (R{a}.T @ Xn{o} @ C{b})" for o, a, b in places)
    return both, "\n".join(f"Y{n}0 = {terms} + b".replace("Xn", f"X{n}") for n in range(2))


# ---- sequences: a row for each channel of each sample ----------------------------------------------------------------


def rows(layer, length, channels, outputs, batch=2):
    both = Beside(layer, (length, channels), batch)
    both.arrays |= {"U": 1, "T": length}
    for n in range(batch):
        for c in range(channels):
            both.input(f"X{n}{c}", ("U", "T"), at=(n, slice(None), c))
        for c in range(outputs):
            both.outputs[f"Y{n}{c}"] = (n, slice(None), c)
    return both


@about(Conv1d)
def convolution_of_rows():
    both = rows(Conv1d(2, 2, 3, stride=2, padding=1, dilation=2), 9, 2, 2)
    both.arrays |= {"b": 3}
    lines, options = [], "stride=(1, 2), padding=(0, 1), dilation=(1, 2)"
    for o in range(2):
        both.parameter(f"b{o}", (), both.layer.bias, o)
        for c in range(2):
            both.parameter(f"K{o}{c}", ("U", "b"), both.layer.weight, (o, slice(None), c))
        for n in range(2):
            lines.append(f"Y{n}{o} = conv(X{n}0, K{o}0, {options}) + conv(X{n}1, K{o}1, {options}) + b{o}")
    return both, "\n".join(lines)


@about(MaxPool1d)
def maximum_of_two_places():
    both = rows(MaxPool1d(2), 6, 2, 2)
    for first, name in enumerate("ab"):
        both.constant(f"S{name}", ("t", "T"), np.eye(6)[first::2])
    return both, each("Ync = Xnc @ Sb.T + relu(Xnc @ Sa.T - Xnc @ Sb.T)")


@about(AvgPool1d)
def mean_of_places():
    both = rows(AvgPool1d(3, 2, 1), 6, 2, 2)
    both.constant("S", ("t", "T"), sum(shift_matrix(6, a, 3, 2, 1) for a in range(3)) / 3)
    return both, each("Ync = Xnc @ S.T")
