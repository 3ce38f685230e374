"""Pooling layers: each output sees one window of one channel."""

from nnmat_kernels import unchecked as k
from nnmat_kernels.geometry import window_geometry

from ...calls import backward_equations, forward_equations
from ...checks import flag, pair
from ...errors import ConfigError
from ...explicit_convolution import Pair
from ..base import Layer
from ..checks import check_images
from ..summary import options


class Pooling(Layer):
    """A layer of windows (kernel size, stride, padding), each of which gives one number."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0):
        super().__init__()
        self.kernel_size = pair(self.kind, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair(self.kind, "stride", stride)
        self.padding = pair(self.kind, "padding", padding, least=0)
        if self.padding[0] >= self.kernel_size[0] or self.padding[1] >= self.kernel_size[1]:
            raise ConfigError(
                f"{self.kind}: expected padding smaller than the kernel, or windows would lie outside the image, got "
                f"padding {self.padding} and kernel_size {self.kernel_size}. Try padding={min(self.kernel_size) // 2}."
            )
        self._window: tuple = (self.kernel_size, self.stride, self.padding)

    def output_shape(self, input_shape):
        H, W, C = check_images(self.who, input_shape)
        return (*window_geometry(self.who, (H, W), *self._window[:3])[3], C)

    def config(self):
        return options(self, "kernel_size", "stride", "padding")


class MaxPool2d(Pooling):
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

    @forward_equations
    def forward(self, X, call):
        Y, indices = k.max_pool2d(X, *self._window)  # y = P(x) x
        call.keep(indices=indices, shape=X.shape)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.max_pool2d_backward(G, call.indices, call.shape, *self._window)  # gx = Pᵀ g


class AvgPool2d(Pooling):
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
        super().__init__(kernel_size, stride, padding)
        self.count_padding = flag("AvgPool2d", "count_padding", count_padding)
        self._window = (*self._window, self.count_padding)

    @forward_equations
    def forward(self, X, call):
        call.keep(shape=X.shape)
        return k.avg_pool2d(X, *self._window)  # y = P x

    @backward_equations
    def backward(self, G, call):
        return k.avg_pool2d_backward(G, call.shape, *self._window)  # gx = Pᵀ g

    def config(self):
        return {**super().config(), "count_padding": self.count_padding}
