"""What several twins need: pairs, window counts, and the `out` argument."""


def pair(value):
    """`value` as (height, width)."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def windows(plane, kernel, stride, padding, dilation=(1, 1)):
    """How many positions a window has along each axis of an image."""
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(plane, kernel, stride, padding, dilation, strict=True)
    ]


def into(A, out):
    """`A` itself, or `out` with A's values."""
    if out is None:
        return A
    out[...] = A
    return out
