"""One axis of an image: which source positions the windows of its targets see, and how many pixels share a tile.

A convolution has one phase. An input gradient with stride s has up to s along each axis: gX at y (mod s) sees only the
kernel indices a with y + p - a d = 0 (mod s), in falling order, and at unit steps of G; no zero is inserted anywhere. A
phase may have no taps at all (stride 2, kernel 1): its targets are 0.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.target import VECTOR_BYTES


class Axis(NamedTuple):
    """One axis of a phase: target i is at `first` + i `step`, its tap t at source position i `stride` + `start` + t
    `dilation`, with the kernel index `tap` + t `tap_step`."""

    size: int  # targets
    first: int
    step: int
    taps: int
    tap: int
    tap_step: int
    stride: int
    start: int
    dilation: int

    def end(self, count: int) -> int:
        """Behind the last source position that the first `count` targets see; `start` is the first one."""
        return (count - 1) * self.stride + self.start + (self.taps - 1) * self.dilation + 1

    def merged(self, count: int) -> "Axis":
        """The same axis, `count` neighbours counted as one target that sees what all of them see."""
        taps = self.taps + (count - 1) * self.stride
        return self._replace(size=self.size // count, taps=taps, stride=self.stride * count)

    def taps_inside(self, source: int):
        """For each target the taps, first and end, that lie in a source of that size; both fall along the axis."""
        places = np.arange(self.size)[:, None] * self.stride + self.start + np.arange(self.taps) * self.dilation
        return (places < 0).sum(axis=1), (places < source).sum(axis=1)


def forward_axes(out: int, kernel: int, stride: int, padding: int, dilation: int) -> list[Axis]:
    """The only phase of one axis of a convolution."""
    return [Axis(out, 0, 1, kernel, 0, 1, stride, -padding, dilation)]


def backward_axes(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[Axis]:
    """The phases of one axis of an input gradient: targets y = first (mod stride)."""
    axes = []
    for first in range(min(stride, size)):
        seen = [a for a in reversed(range(kernel)) if (first + padding - a * dilation) % stride == 0]
        places = [(first + padding - a * dilation) // stride for a in seen]
        step = seen[1] - seen[0] if len(seen) > 1 else -1
        distance = places[1] - places[0] if len(seen) > 1 else 1
        count = len(range(first, size, stride))
        tap, start = (seen[0], places[0]) if seen else (0, 0)
        axes.append(Axis(count, first, stride, len(seen), tap, step, 1, start, distance))
    return axes


def lanes_of(dtype) -> int:
    """How many numbers of that dtype a vector register holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def pixels_per_tile(lanes: int, channels: int, width: int, taps: int, stride: int) -> int:
    """How many neighbours of a target row are best merged, so that the channels of one do not leave vectors half empty.

    The row has `width` pixels, and the windows of two neighbours begin `stride` pixels apart. Merged pixels multiply
    zeros too, so there are as many as make the taps for each the fewest.
    """
    best, least = 1, float(taps)
    count = 2
    while 0 < count * channels <= lanes and width % count == 0:
        seen = (taps + (count - 1) * stride) / count  # taps for each pixel, with those that are 0
        if seen < least:
            best, least = count, seen
        count *= 2
    return best
