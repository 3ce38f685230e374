"""Window sizes: the formula against counting, and the errors."""

import re

import numpy as np
import pytest

from nnmat_kernels.errors import ShapeError
from nnmat_kernels.geometry import conv_output_size, image_shape, output_plane, pair


def test_conv_output_size_counts_the_positions_of_a_window():
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in range(1, 4):
                for padding in range(3):
                    for dilation in range(1, 4):
                        last = size + 2 * padding - dilation * (kernel - 1) - 1  # the last start that still fits
                        positions = len([start for start in range(0, last + 1, stride)])
                        assert max(0, conv_output_size(size, kernel, stride, padding, dilation)) == positions


def test_pair():
    assert pair("Who", "stride", 2) == (2, 2)
    assert pair("Who", "stride", (2, 3)) == (2, 3)
    assert pair("Who", "stride", [np.int64(2), np.int32(3)]) == (2, 3)
    assert pair("Who", "padding", 0, minimum=0) == (0, 0)
    assert all(type(v) is int for v in pair("Who", "stride", np.int64(2)))


@pytest.mark.parametrize("value", [1.5, "3", (1, 2, 3), (1,), None, True, (1, 2.0)])
def test_pair_refuses_what_is_no_pair_of_integers(value):
    text = f"Who: expected stride to be an integer or a pair of integers, got {value!r}. Try stride=3."
    with pytest.raises(ShapeError, match=re.escape(text)):
        pair("Who", "stride", value)


@pytest.mark.parametrize(("value", "minimum"), [(0, 1), ((1, 0), 1), (-1, 0), ((0, -2), 0)])
def test_pair_refuses_what_is_too_small(value, minimum):
    text = f"Who: expected size of at least {minimum}, got {value!r}. Try size={minimum}."
    with pytest.raises(ShapeError, match=re.escape(text)):
        pair("Who", "size", value, minimum)


def test_output_plane():
    assert output_plane("Who", (28, 20), (5, 3), (1, 2), (0, 1)) == (24, 10)
    assert output_plane("Who", (7, 7), (3, 3), (1, 1), (0, 0), (3, 1)) == (1, 5)
    with pytest.raises(
        ShapeError, match=re.escape("Who: expected a window that fits into the padded image, got kernel (3, 9)")
    ):
        output_plane("Who", (8, 8), (3, 9), (1, 1), (0, 0))


def test_image_shape():
    assert image_shape("Who", "input_shape", [np.int64(2), 0, 3, 4]) == (2, 0, 3, 4)
    assert all(type(v) is int for v in image_shape("Who", "input_shape", np.arange(4)))
    for wrong in ((1, 2, 3), (1, 2, 3, 4, 5), (1, 2.0, 3, 4), (1, -1, 3, 4), 7, None, "abcd"):
        with pytest.raises(ShapeError, match=re.escape(f"Who: expected input_shape to be four sizes, got {wrong!r}.")):
            image_shape("Who", "input_shape", wrong)
