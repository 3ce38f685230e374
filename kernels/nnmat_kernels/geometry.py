"""Sizes of sliding windows: what `im2col`, the convolutions and the pooling kernels share."""

import numbers
import operator

from .errors import ShapeError


def pair(who: str, name: str, value, minimum: int = 1) -> tuple[int, int]:
    """`value` as (height, width): one integer stands for both; each must be at least `minimum`."""
    if type(value) is int and value >= minimum:  # the usual case, quickly
        return value, value
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2 or not all(isinstance(v, numbers.Integral) and not isinstance(v, bool) for v in values):
        raise ShapeError(f"{who}: expected {name} to be an integer or a pair of integers, got {value!r}. Try {name}=3.")
    if min(values) < minimum:
        raise ShapeError(f"{who}: expected {name} of at least {minimum}, got {value!r}. Try {name}={minimum}.")
    return int(values[0]), int(values[1])


def image_shape(who: str, name: str, shape) -> tuple[int, int, int, int]:
    """`shape` as a tuple of four sizes (B, H, W, C); raises if it is not one."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = ()
    if len(sizes) != 4 or min(sizes) < 0:
        raise ShapeError(
            f"{who}: expected {name} to be four sizes, got {shape!r}. Try the .shape of the array it stands for."
        )
    return sizes


def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of positions of a window along one axis; below 1, the window does not fit.

    It is floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def output_plane(
    who: str,
    plane: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """Height and width of a window's output over an image of size `plane`; raises if the window does not fit."""
    Ho, Wo = (conv_output_size(*sizes) for sizes in zip(plane, kernel, stride, padding, dilation, strict=True))
    if Ho < 1 or Wo < 1:
        raise ShapeError(
            f"{who}: expected a window that fits into the padded image, got kernel {kernel} with dilation {dilation} "
            f"on an image of {plane} with padding {padding}. Try a smaller kernel or more padding."
        )
    return Ho, Wo
