"""What the pooling layers share: windows on one axis or on two."""

from typing import Any

from nnmat_kernels.geometry import window_geometry

from ...checks import count, flag, pair
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import batch_shape, check_images
from ..summary import options


class Pooling(Layer):
    """A layer of windows (kernel size, stride, padding, dilation), each of which gives one number of a channel.

    A sequence (B, T, C) is an image of one row to the kernels.
    """

    axes = 2

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool):
        super().__init__()
        self.kernel_size = self._of_axes("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else self._of_axes("stride", stride)
        self.padding = self._of_axes("padding", padding, 0)
        self.dilation = self._of_axes("dilation", dilation)
        self.ceil_mode = flag(self.kind, "ceil_mode", ceil_mode)
        if self.axes == 1:
            given = (self.kernel_size, self.stride, self.padding, self.dilation)
            self._window: tuple = tuple(zip((1, 1, 0, 1), given, strict=True))
        else:
            self._window = (self.kernel_size, self.stride, self.padding, self.dilation)
        self._options = (*self._window, self.ceil_mode)
        kernel, _, padded, dilated = self._window
        if any(p > d * (n - 1) for n, p, d in zip(kernel, padded, dilated, strict=True)):
            most = min(kernel[2 - self.axes :]) // 2
            raise ConfigError(
                f"{self.kind}: expected padding smaller than the kernel, or windows would lie outside the image, got "
                f"padding {self.padding} and kernel_size {self.kernel_size}. Try padding={most}."
            )

    def _of_axes(self, name: str, value: Any, least: int = 1) -> Any:
        return pair(self.kind, name, value, least) if self.axes == 2 else count(self.kind, name, value, least)

    def image(self, shape) -> tuple[int, int, int]:
        """The image (H, W, C) that an input of this shape is; raises ShapeError."""
        if self.axes == 2:
            return check_images(self.who, shape)
        if len(shape) != 2:
            raise ShapeError(f"{self.who}: expected sequences (B, T, C), got input of shape {batch_shape(shape)}.")
        return 1, shape[0], shape[1]

    def as_images(self, A):
        """A batch of inputs, or of outputs, as images."""
        return A if self.axes == 2 else A.reshape(len(A), 1, *A.shape[1:])

    def as_outputs(self, A, shape):
        """Images as a batch of this shape."""
        return A if self.axes == 2 else A.reshape(len(A), *shape)

    def output_shape(self, input_shape):
        H, W, C = self.image(input_shape)
        *_, plane = window_geometry(self.who, (H, W), *self._options)
        return (*plane[2 - self.axes :], C)

    def config(self):
        return options(self, "kernel_size", "stride", "padding", "ceil_mode")
