"""Pooling layers: each output sees one window of one channel."""

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.geometry import window_geometry
from nnmat_kernels.pooling.avg_pool2d import averages_in_float64

from ..calls import backward_equations, forward_equations
from ..checks import flag, pair
from ..errors import ConfigError, ShapeError
from ..explicit_convolution import Pair
from .base import Layer
from .checks import batch_shape


class MaxPool2d(Layer):
    """The largest element of every window of every channel.

    Forward, for one channel x = vec of the image, with P(x) that has one 1 in each row, at the first maximum
        y = P(x) x        Y_bijc = max over (h, w) in window (i, j) of X_bhwc
    Backward, for the upstream gradient G = ∇_Y L (P is locally constant)
        gx = Pᵀ g        where windows overlap, gradients add up
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C), Ho = ⌊(H + 2p - k)/s⌋ + 1; float32 or float64 as built.
        `kernel_size`, `stride` (None: the kernel size), `padding` (with -inf): an int or a pair (rows, columns).
    Errors: ConfigError (options), ShapeError (no image, a window larger than the padded image), DtypeError.
    Reference: docs/equations.md, section 3.3.
    """

    recordable = True

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0):
        super().__init__()
        self.kernel_size, self.stride, self.padding = _options("MaxPool2d", kernel_size, stride, padding)

    def output_shape(self, input_shape):
        return _pooled_shape(self, input_shape)

    @forward_equations
    def forward(self, X, call):
        shape = (len(X), *self._output_shape)
        Y, indices = call.array("Y", shape, X.dtype), call.array("indices", shape, np.int32)
        k.max_pool2d(X, self.kernel_size, self.stride, self.padding, Y, indices)  # y = P(x) x
        call.keep(indices=indices, shape=X.shape, Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call, activation=None):
        gX = call.array("gX", call.shape, G.dtype)
        # The element that was chosen is the output: where that is 0, a ReLU before it lets no gradient through.
        Y = None if activation is None else call.Y
        k.max_pool2d_backward(
            G, call.indices, call.shape, self.kernel_size, self.stride, self.padding, gX, Y
        )  # gx = Pᵀ g, with a ReLU 1[x > 0] ⊙ Pᵀ g
        return gX

    def can_differentiate(self, activation):
        return self.fusion_with(activation) == "relu"

    def config(self):
        return {"kernel_size": list(self.kernel_size), "stride": list(self.stride), "padding": list(self.padding)}


class AvgPool2d(Layer):
    """The mean of every window of every channel.

    Forward, for one channel x = vec of the image
        y = P x        P = (1/kh Σ_a R_a) ⊗ (1/kw Σ_b C_b)
        with `count_padding=False` every row of P sums to 1 (the zeros of the padding are not counted)
    Backward, for the upstream gradient G = ∇_Y L
        gx = Pᵀ g
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C), Ho = ⌊(H + 2p - k)/s⌋ + 1; float32 or float64 as built.
        `kernel_size`, `stride` (None: the kernel size), `padding`: an int or a pair (rows, columns).
    Errors: ConfigError (options), ShapeError (no image, a window larger than the padded image), DtypeError.
    Reference: docs/equations.md, section 3.3.
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, count_padding: bool = True):
        super().__init__()
        self.kernel_size, self.stride, self.padding = _options("AvgPool2d", kernel_size, stride, padding)
        self.count_padding = flag("AvgPool2d", "count_padding", count_padding)
        self._window = (self.kernel_size, self.stride, self.padding, self.count_padding)

    @property
    def recordable(self):  # type: ignore[override]
        """Where many windows overlap, gradients are added up in float64 by way of NumPy."""
        return not averages_in_float64(self.kernel_size, self.stride, self.dtype)

    def output_shape(self, input_shape):
        return _pooled_shape(self, input_shape)

    @forward_equations
    def forward(self, X, call):
        call.keep(shape=X.shape)
        Y = call.array("Y", (len(X), *self._output_shape), X.dtype)
        k.avg_pool2d(X, *self._window, Y)  # y = P x
        return Y

    @backward_equations
    def backward(self, G, call):
        gX = call.array("gX", call.shape, G.dtype)
        k.avg_pool2d_backward(G, call.shape, *self._window, gX)  # gx = Pᵀ g
        return gX

    def config(self):
        return {
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": list(self.padding),
            "count_padding": self.count_padding,
        }


def _options(who, kernel_size, stride, padding):
    kernel_size = pair(who, "kernel_size", kernel_size)
    stride = kernel_size if stride is None else pair(who, "stride", stride)
    padding = pair(who, "padding", padding, least=0)
    if padding[0] >= kernel_size[0] or padding[1] >= kernel_size[1]:
        raise ConfigError(
            f"{who}: expected padding smaller than the kernel, or windows would lie outside the image, got padding "
            f"{padding} and kernel_size {kernel_size}. Try padding={min(kernel_size) // 2}."
        )
    return kernel_size, stride, padding


def _pooled_shape(layer, input_shape):
    if len(input_shape) != 3:
        raise ShapeError(f"{layer.who}: expected images (B, H, W, C), got input of shape {batch_shape(input_shape)}.")
    H, W, C = input_shape
    plane = window_geometry(layer.who, (H, W), layer.kernel_size, layer.stride, layer.padding)[3]
    return (*plane, C)
