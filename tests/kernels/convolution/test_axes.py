"""The axes of a convolution and of its input gradient, against a walk over all taps."""

import itertools

import numpy as np
import pytest

from nnmat_kernels.convolution.axes import backward_axes, forward_axes, lanes_of, pixels_per_tile
from nnmat_kernels.geometry import conv_output_size
from nnmat_kernels.runtime.target import VECTOR_BYTES

OPTIONS = [
    options
    for options in itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), range(1, 4))
    if conv_output_size(*options) > 0  # size, kernel, stride, padding, dilation
]


def meetings(axis):
    """(target, kernel index, source position) of all targets and taps."""
    return [
        (axis.first + i * axis.step, axis.tap + t * axis.tap_step, i * axis.stride + axis.start + t * axis.dilation)
        for i in range(axis.size)
        for t in range(axis.taps)
    ]


def test_forward_axes_meet_every_tap():
    for size, kernel, stride, padding, dilation in OPTIONS:
        out = conv_output_size(size, kernel, stride, padding, dilation)
        (axis,) = forward_axes(out, kernel, stride, padding, dilation)
        expected = [(i, a, i * stride - padding + a * dilation) for i in range(out) for a in range(kernel)]
        assert meetings(axis) == expected


def test_backward_axes_meet_every_tap_that_saw_a_target():
    """Output position i saw y with tap a where y = i stride - padding + a dilation; source positions rise."""
    for size, kernel, stride, padding, dilation in OPTIONS:
        axes = backward_axes(size, kernel, stride, padding, dilation)
        assert sum(axis.size for axis in axes) == size
        found = [meeting for axis in axes for meeting in meetings(axis)]
        expected = {
            (y, a, (y + padding - a * dilation) // stride)
            for y in range(size)
            for a in range(kernel)
            if (y + padding - a * dilation) % stride == 0
        }
        assert len(found) == len(expected)
        assert set(found) == expected
        assert all(axis.dilation > 0 for axis in axes)


def test_ends_and_taps_inside():
    for size, kernel, stride, padding, dilation in OPTIONS:
        source = conv_output_size(size, kernel, stride, padding, dilation)
        for axis in backward_axes(size, kernel, stride, padding, dilation):
            first, end = axis.taps_inside(source)
            for i in range(axis.size):
                places = [axis.start + i * axis.stride + t * axis.dilation for t in range(axis.taps)]
                assert [t for t, place in enumerate(places) if 0 <= place < source] == [*range(first[i], end[i])]
                assert axis.end(i + 1) == (
                    places[-1] + 1 if places else i * axis.stride + axis.start - axis.dilation + 1
                )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_merged_axis_sees_what_its_targets_see(count, stride):
    (axis,) = forward_axes(8, 3, stride, 1, 1)
    merged = axis.merged(count)
    assert merged.size == 8 // count
    for i in range(merged.size):
        mine = {merged.start + i * merged.stride + t for t in range(merged.taps)}
        theirs = {axis.start + j * stride + t for j in range(i * count, (i + 1) * count) for t in range(3)}
        assert mine == theirs


def test_pixels_per_tile():
    assert pixels_per_tile(16, 8, 28, 5, 1) == 2  # 3 taps for each pixel in place of 5
    assert pixels_per_tile(16, 4, 28, 5, 1) == 4
    assert pixels_per_tile(16, 4, 6, 5, 1) == 2  # 6 pixels are not cut into fours
    assert pixels_per_tile(16, 4, 7, 5, 1) == 1
    assert pixels_per_tile(16, 9, 28, 5, 1) == 1  # two would not fit
    assert pixels_per_tile(16, 8, 28, 2, 2) == 1  # two windows side by side, nothing shared
    assert pixels_per_tile(16, 0, 28, 5, 1) == 1
    for lanes, channels, width, taps, stride in itertools.product((4, 8, 16), range(1, 10), (6, 8, 12), (1, 3), (1, 2)):
        counts = [n for n in (1, 2, 4, 8, 16) if n == 1 or (n * channels <= lanes and width % n == 0)]
        best = min(counts, key=lambda n: (taps + (n - 1) * stride) / n)
        assert pixels_per_tile(lanes, channels, width, taps, stride) == best


def test_lanes_of():
    assert lanes_of(np.float32) == 2 * lanes_of(np.dtype(np.float64)) == VECTOR_BYTES // 4
