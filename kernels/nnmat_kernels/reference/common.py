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


def window_slices(plane, kernel_size, stride, padding):
    """The windows of a pooling, as (i, j, rows, columns) slices inside the image; the output's plane; the kernel."""
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    Ho, Wo = windows(plane, (kh, kw), (sh, sw), (ph, pw))
    places = [
        (i, j, slice(max(i * sh - ph, 0), i * sh - ph + kh), slice(max(j * sw - pw, 0), j * sw - pw + kw))
        for i in range(Ho)
        for j in range(Wo)
    ]
    return places, (Ho, Wo), (kh, kw)


def into(A, out):
    """`A` itself, or `out` with A's values."""
    if out is None:
        return A
    out[...] = A
    return out
