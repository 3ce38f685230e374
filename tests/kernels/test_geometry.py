"""Window sizes: the formula against counting, and the errors."""

import itertools
import re

import numpy as np
import pytest

from nnmat_kernels.errors import ShapeError
from nnmat_kernels.geometry import (
    Window,
    bins,
    conv_output_size,
    image_shape,
    output_plane,
    pair,
    pooled_size,
    taps_inside,
    transposed_plane,
    window,
    window_geometry,
)


def test_conv_output_size_counts_the_positions_of_a_window():
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in range(1, 4):
                for padding in range(3):
                    for dilation in range(1, 4):
                        last = size + 2 * padding - dilation * (kernel - 1) - 1  # the last start that still fits
                        positions = len([start for start in range(0, last + 1, stride)])
                        assert max(0, conv_output_size(size, kernel, stride, padding, dilation)) == positions


def test_pooled_size_counts_the_windows_up_to_the_end():
    for size, kernel, stride, padding, dilation in itertools.product(
        range(1, 9), range(1, 4), range(1, 5), (0, 1), (1, 2)
    ):
        plain = conv_output_size(size, kernel, stride, padding, dilation)
        assert pooled_size(size, kernel, stride, padding, dilation, False) == plain
        starts, span = [-padding], dilation * (kernel - 1) + 1
        while starts[-1] + span < size + padding:  # something is left
            starts.append(starts[-1] + stride)
        found = pooled_size(size, kernel, stride, padding, dilation, True)
        if padding < span <= size + 2 * padding:
            assert found == len([start for start in starts if start < size])


def test_taps_inside():
    for size, stride, padding, dilation in itertools.product((1, 4, 7), (1, 2), (0, 2, 3), (1, 2, 3)):
        for i, (first, count) in enumerate(taps_inside(6, size, 3, stride, padding, dilation)):
            taps = [i * stride - padding + a * dilation for a in range(3)]
            inside = [m for m in taps if 0 <= m < size]
            assert count == len(inside)
            assert not inside or first == inside[0]


def test_bins_cover_the_axis():
    assert bins(6, 3) == [(0, 2), (2, 4), (4, 6)]
    assert bins(5, 3) == [(0, 2), (1, 4), (3, 5)]
    assert bins(2, 3) == [(0, 1), (0, 2), (1, 2)]


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


def test_transposed_plane_is_what_the_window_was_taken_from():
    for more in ((0, 0), (1, 0), (1, 2)):
        sizes = (5, 3), (2, 3), (1, 0)
        plane = transposed_plane("Who", (4, 6), *sizes, more, (1, 2))
        assert output_plane("Who", plane, *sizes, (1, 2)) == (4, 6)
    with pytest.raises(ShapeError, match=r"^Who: expected padding that leaves .*, got padding \(2, 0\), which makes"):
        transposed_plane("Who", (1, 1), (3, 3), (1, 1), (2, 0), (0, 0), (1, 1))


def test_image_shape():
    assert image_shape("Who", "input_shape", [np.int64(2), 0, 3, 4]) == (2, 0, 3, 4)
    assert all(type(v) is int for v in image_shape("Who", "input_shape", np.arange(4)))
    for wrong in ((1, 2, 3), (1, 2, 3, 4, 5), (1, 2.0, 3, 4), (1, -1, 3, 4), 7, None, "abcd"):
        with pytest.raises(ShapeError, match=re.escape(f"Who: expected input_shape to be four sizes, got {wrong!r}.")):
            image_shape("Who", "input_shape", wrong)


def test_window_holds_the_sizes_of_an_operation():
    w = window("Who", (2, 7, 9, np.int64(3)), (3, 2), 2, (1, 0), [1, 3])
    assert w == Window(B=2, H=7, W=9, C=3, Ho=4, Wo=3, kh=3, kw=2, sh=2, sw=2, ph=1, pw=0, dh=1, dw=3)
    assert all(type(size) is int for size in w)
    assert hash(w) == hash(Window(*w))
    with pytest.raises(ShapeError, match="Who: expected a window that fits"):
        window("Who", (2, 7, 9, 3), 8, 1, 0, 1)


def test_window_geometry_of_a_pooling():
    assert window_geometry("Who", (6, 8), 2, None, 0) == ((2, 2), (2, 2), (0, 0), (3, 4))
    assert window_geometry("Who", (5, 7), (3, 2), (1, 2), (2, 1)) == ((3, 2), (1, 2), (2, 1), (7, 4))
    with pytest.raises(ShapeError, match="Who: expected padding smaller than the kernel"):
        window_geometry("Who", (5, 7), 2, 1, (1, 2))
    with pytest.raises(ShapeError, match=r"Who: expected images of 1 to 2\*\*31 - 1 pixels"):
        window_geometry("Who", (1 << 16, 1 << 15), 2, 1, 0)
    with pytest.raises(ShapeError, match="Who: expected a window that fits"):
        window_geometry("Who", (5, 7), (6, 2), 1, 0)
    assert window_geometry("Who", (5, 7), (3, 2), 2, 0, (2, 3), True)[3] == (1, 3)
    assert window_geometry("Who", (5, 5), 2, 2, (0, 2), (1, 3), True)[3] == (3, 4)
    with pytest.raises(ShapeError, match=r"^Who: expected windows that hold a pixel each, got .* Try less padding"):
        window_geometry("Who", (1, 9), 2, 1, 1, 2)
