"""The maximum of windows."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...explicit_convolution import Pair
from ..summary import options
from .base import Pooling


class MaxPooling(Pooling):
    """The largest element of every window: the passes of both kinds."""

    @forward_equations
    def forward(self, X, call):
        X = self.as_images(X)
        *window, dilation = self._window
        Y, indices = k.max_pool2d(X, *window, dilation=dilation, ceil_mode=self.ceil_mode)  # y = P(x) x
        call.keep(indices=indices, shape=X.shape)
        return self.as_outputs(Y, self._output_shape)

    @backward_equations
    def backward(self, G, call):
        *window, dilation = self._window
        gX = k.max_pool2d_backward(self.as_images(G), call.indices, call.shape, *window, dilation=dilation)  # gx = Pᵀ g
        return self.as_outputs(gX, self.input_shape)

    def config(self):
        return super().config() | options(self, "dilation")


class MaxPool2d(MaxPooling):
    """The largest element of every window of every channel.

    Forward, for one channel x = vec of the image, with P(x) that has one 1 in each row, at the first maximum
        y = P(x) x        Y_bijc = max over (h, w) in window (i, j) of X_bhwc
    Backward, for the upstream gradient G = ∇_Y L (P is locally constant)
        gx = Pᵀ g        where windows overlap, gradients add up
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C), Ho = ⌊(H + 2p - δ(k - 1) - 1)/s⌋ + 1; float32 or float64 as built.
        `kernel_size`, `stride` (None: the kernel size), `padding` (with -inf), `dilation` (δ): an int or a pair
        (rows, columns).
    Errors: ConfigError (options), ShapeError (no image, a window larger than the padded image), DtypeError.
    Derivation: docs/derivations/MaxPool2d.md.
    Reference: docs/equations.md, section 3.3.

    `ceil_mode`: ⌈ ⌉ in place of ⌊ ⌋, less a last window that would begin beyond the image: windows may reach beyond it.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        *,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)


class MaxPool1d(MaxPooling):
    """The largest element of every window of every channel of a sequence: `MaxPool2d` of an image of one row.

    Forward, for one channel x, with P(x) that has one 1 in each row, at the first maximum
        y = P(x) x        Y_bic = max over t in window i of X_btc
    Backward, for the upstream gradient G = ∇_Y L
        gx = Pᵀ g
    Shapes: X (B, T, C), Y and G (B, To, C), To = ⌊(T + 2p - δ(k - 1) - 1)/s⌋ + 1; float32 or float64 as built.
        `kernel_size`, `stride` (None: the kernel size), `padding` (with -inf), `dilation` (δ): ints; `ceil_mode` as
        there.
    Errors: ConfigError (options), ShapeError (no sequence, a window larger than the padded one), DtypeError.
    Derivation: docs/derivations/MaxPool1d.md.
    Reference: docs/equations.md, section 3.3.
    """

    axes = 1

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        dilation: int = 1,
        *,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
