"""What several twins need: pairs, window counts and places, and the `out` argument.

Written without `geometry`, which the kernels under test rely on.
"""


def pair(value):
    """`value` as (height, width)."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def windows(plane, kernel, stride, padding, dilation=(1, 1)):
    """How many positions a window has along each axis of an image."""
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(plane, kernel, stride, padding, dilation, strict=True)
    ]


def window_slices(plane, kernel_size, stride, padding, dilation=1, ceil_mode=False):
    """The windows of a pooling, as (i, j, rows, columns) slices inside the image; the output's plane; the kernel."""
    kernel = pair(kernel_size)
    steps = kernel if stride is None else pair(stride)
    rows, columns = (
        _slices(*own, ceil_mode) for own in zip(plane, kernel, steps, pair(padding), pair(dilation), strict=True)
    )
    places = [(i, j, own, other) for i, own in enumerate(rows) for j, other in enumerate(columns)]
    return places, (len(rows), len(columns)), kernel


def _slices(size, kernel, stride, padding, dilation, ceil_mode):
    """The windows on one axis, one after the other until one reaches the end of the padding."""
    found, start = [], -padding
    while start + dilation * (kernel - 1) < size + padding or (ceil_mode and start < size):
        first = max(start, start % dilation)
        found.append(slice(first, start + dilation * (kernel - 1) + 1, dilation))
        if start + dilation * (kernel - 1) >= size + padding - 1 and ceil_mode:
            break
        start += stride
    return found


def into(A, out):
    """`A` itself, or `out` with A's values."""
    if out is None:
        return A
    out[...] = A
    return out
