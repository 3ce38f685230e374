"""Sizes of sliding windows: what `im2col`, the convolutions and the pooling kernels share."""

import numbers
import operator
from typing import NamedTuple

from .errors import ShapeError


class Window(NamedTuple):
    """Sizes of one sliding-window operation, as the kernels take them."""

    B: int
    H: int
    W: int
    C: int
    Ho: int
    Wo: int
    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int
    dh: int
    dw: int


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


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """The same for a pooling, which with `ceil_mode` takes windows beyond the end, if they begin before it."""
    if not ceil_mode:
        return conv_output_size(size, kernel, stride, padding, dilation)
    positions = -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1
    return positions - 1 if (positions - 1) * stride >= size + padding else positions


def bins(size: int, outputs: int) -> list[tuple[int, int]]:
    """The beginnings and ends of `outputs` windows that cover an axis evenly; neighbours may share an element."""
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


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


def transposed_plane(
    who: str,
    plane: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    output_padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    """Height and width of the images of which a window makes `plane`; raises if there are none.

    It is (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output padding.
    """
    options = zip(plane, kernel, stride, padding, output_padding, dilation, strict=True)
    Ho, Wo = ((n - 1) * s - 2 * p + d * (k - 1) + 1 + op for n, k, s, p, op, d in options)
    if Ho < 1 or Wo < 1:
        raise ShapeError(
            f"{who}: expected padding that leaves something of the output, got padding {padding}, which makes {plane} "
            f"into {(Ho, Wo)}. Try less padding."
        )
    return Ho, Wo


def window(who, shape, kernel_size, stride, padding, dilation) -> Window:
    """The `Window` of an operation on images of `shape` (B, H, W, C), after checking it."""
    kernel = pair(who, "kernel_size", kernel_size)
    strides, pads = pair(who, "stride", stride), pair(who, "padding", padding, 0)
    dilations = pair(who, "dilation", dilation)
    Ho, Wo = output_plane(who, (shape[1], shape[2]), kernel, strides, pads, dilations)
    B, H, W, C = (int(size) for size in shape)
    return Window(B, H, W, C, Ho, Wo, *kernel, *strides, *pads, *dilations)


def window_geometry(
    who: str, plane: tuple[int, int], kernel_size, stride, padding, dilation=(1, 1), ceil_mode: bool = False
):
    """kernel, stride, padding as pairs, and the output's height and width; raises if a window could miss the image."""
    kernel = pair(who, "kernel_size", kernel_size)
    stride = kernel if stride is None else pair(who, "stride", stride)
    padding, dilation = pair(who, "padding", padding, 0), pair(who, "dilation", dilation)
    spans = [d * (size - 1) + 1 for size, d in zip(kernel, dilation, strict=True)]
    if padding[0] >= spans[0] or padding[1] >= spans[1]:
        raise ShapeError(
            f"{who}: expected padding smaller than the kernel, or windows would lie outside the image, got padding "
            f"{padding} and kernel_size {kernel}. Try padding={min(kernel) // 2}."
        )
    if min(plane) < 1 or plane[0] * plane[1] >= 2**31:
        raise ShapeError(f"{who}: expected images of 1 to 2**31 - 1 pixels, got height and width {tuple(plane)}.")
    sizes = list(zip(plane, kernel, stride, padding, dilation, strict=True))
    Ho, Wo = (pooled_size(*own, ceil_mode) for own in sizes)
    if Ho < 1 or Wo < 1:
        output_plane(who, plane, kernel, stride, padding, dilation)  # raises
    for n, own in zip((Ho, Wo), sizes, strict=True):
        if own[-1] > 1 and not all(count for _, count in taps_inside(n, *own)):
            raise ShapeError(
                f"{who}: expected windows that hold a pixel each, got kernel {kernel} with dilation {dilation} and "
                f"padding {padding} on an image of {tuple(plane)}. Try less padding."
            )
    return kernel, stride, padding, (Ho, Wo)


def taps_inside(windows: int, size: int, kernel: int, stride: int, padding: int, dilation: int):
    """For each of some windows on an axis: its first tap inside, and how many of them there are."""
    for i in range(windows):
        start = i * stride - padding
        first = max(0, -(start // dilation))  # ⌈-start / dilation⌉
        yield start + first * dilation, max(0, min(kernel, -((start - size) // dilation)) - first)
