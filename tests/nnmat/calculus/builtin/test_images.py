"""Layers of images and sequences: what is compiled from their descriptions is their backward."""

import numpy as np
import pytest

from nnmat import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    GlobalAvgPool2d,
    MaxPool1d,
    MaxPool2d,
    Pad,
    Upsample,
)
from nnmat.explicit_convolution import shift_matrix
from tests.nnmat.calculus.builtin.beside import Beside, Cases

CASES = Cases()


@pytest.mark.parametrize("name", CASES)
def test_compiled_gradients_are_those_of_backward(name):
    CASES[name]().equal()


# ---- convolutions: a row for each sample -----------------------------------------------------------------------------


def samples(A):
    return A.reshape(len(A), -1)


def convolution(name, layer, shape, taps, result="Y", **sizes):
    """`taps`: for each tap its index in the weight, and the matrix that picks what is under it."""
    both = Beside(name, layer, shape, batch=2, **sizes)
    both.input("X", samples)
    both.outputs[result] = samples
    both.parameter("b", both.layer.bias)
    for t, (at, S) in enumerate(taps, 1):
        both.parameter(f"W{t}", both.layer.weight, at)
        both.constants(**{f"S{t}": S})
    return both


def picks(height, width, kernel, stride, padding, dilation):
    """Index and matrix of each tap of a window."""
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            R = shift_matrix(height, a, kernel[0], stride[0], padding[0], dilation[0])
            C = shift_matrix(width, b, kernel[1], stride[1], padding[1], dilation[1])
            yield (slice(None), a, b), np.kron(R, C)


@CASES.case
def convolution_of_images():
    layer = Conv2d(2, 3, (2, 2), stride=(2, 1), padding=1, dilation=(1, 2))
    return convolution("Conv2d", layer, (6, 7, 2), picks(6, 7, (2, 2), (2, 1), (1, 1), (1, 2)))


@CASES.case
def convolution_of_rows():
    taps = [((slice(None), a), shift_matrix(9, a, 3, 2, 1, 2)) for a in range(3)]
    return convolution("Conv1d", Conv1d(2, 2, 3, stride=2, padding=1, dilation=2), (9, 2), taps)


@CASES.case
def transposed_convolution():
    """K̂ is that of the convolution from (6, 4) to (3, 2)."""
    layer = ConvTranspose2d(2, 3, 2, stride=2, padding=(0, 1), output_padding=(0, 1), dilation=(1, 2))
    return convolution("ConvTranspose2d", layer, (3, 2, 2), picks(6, 4, (2, 2), (2, 2), (0, 1), (1, 2)))


@CASES.case
def convolution_of_two_channels():
    both = Beside("Conv2d-channels", Conv2d(2, 1, (3, 2), stride=2, padding=1), (6, 7, 2), batch=1)
    both.outputs["Y"] = lambda A: A[0, :, :, 0]
    both.parameter("b", both.layer.bias, 0)
    for c in range(2):
        both.input(f"X{c + 1}", lambda A, c=c: A[0, :, :, c])
        both.parameter(f"K{c + 1}", both.layer.weight, (0, slice(None), slice(None), c))
    return both


# ---- a row for each channel of each sample ---------------------------------------------------------------------------


def channels(A):
    return np.moveaxis(A, -1, 1).reshape(A.shape[0] * A.shape[-1], -1)


def alike(name, layer, shape, result="Y", **constants):
    """What treats channels alike."""
    both = Beside(name, layer, shape, batch=2)
    both.input("X", channels)
    both.outputs[result] = channels
    both.constants(**constants)
    return both


def pairs(length):
    """The first and the second of each pair."""
    return np.eye(length)[::2], np.eye(length)[1::2]


@CASES.case
def average_of_windows():
    rows, columns = (sum(shift_matrix(n, a, size, 2, 1) for a in range(size)) for n, size in ((7, 3), (6, 2)))
    return alike("AvgPool2d", AvgPool2d((3, 2), stride=2, padding=1), (7, 6, 2), P=np.kron(rows, columns) / 6)


@CASES.case
def mean_of_places():
    P = sum(shift_matrix(6, a, 3, 2, 1) for a in range(3)) / 3
    return alike("AvgPool1d", AvgPool1d(3, 2, 1), (6, 2), P=P)


@CASES.case
def maximum_of_two_rows_and_two_columns():
    picked = [np.kron(R, C) for R in pairs(6) for C in pairs(4)]
    return alike("MaxPool2d", MaxPool2d(2), (6, 4, 2), **{f"S{t}": S for t, S in enumerate(picked, 1)})


@CASES.case
def maximum_of_two_places():
    first, second = pairs(6)
    return alike("MaxPool1d", MaxPool1d(2), (6, 2), S1=first, S2=second)


@CASES.case
def maximum_of_bins_of_two_rows():
    first, second = (np.kron(S, np.eye(4)) for S in pairs(6))
    return alike("AdaptiveMaxPool2d", AdaptiveMaxPool2d((3, None)), (6, 4, 2), S1=first, S2=second)


@CASES.case
def mean_of_the_image():
    both = alike("GlobalAvgPool2d", GlobalAvgPool2d(), (3, 4, 2))
    both.outputs["y"] = np.ravel
    return both


@CASES.case
def means_of_bins():
    A, C = np.array([[1, 1, 0], [0, 1, 1]]) / 2, np.ones((1, 4)) / 4
    return between("AdaptiveAvgPool2d", AdaptiveAvgPool2d((2, 1)), A, C)


def between(name, layer, A, C):
    """Y = A X Cᵀ of each image."""
    both = alike(name, layer, (A.shape[1], C.shape[1], 2), A=A, C=C)
    both.sizes = {"H": A.shape[1], "W": C.shape[1]}
    return both


@CASES.case
def nearest_pixels():
    layer = Upsample(scale_factor=(2, 3))
    return between("Upsample", layer, np.repeat(np.eye(3), 2, axis=0), np.repeat(np.eye(2), 3, axis=0))


@CASES.case
def pixels_between_their_neighbours():
    A = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]])
    C = np.array([[1.0, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]])
    return between("Upsample", Upsample(size=(5, 4), mode="bilinear", align_corners=True), A, C)


@CASES.case
def mirrored_ends():
    return between("Pad", Pad((1, 2), "reflect"), np.eye(3)[[1, 0, 1, 2, 1]], np.eye(4)[[2, 1, 0, 1, 2, 3, 2, 1]])
