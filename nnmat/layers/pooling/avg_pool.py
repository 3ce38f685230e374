"""The mean of windows."""

from nnmat_kernels import unchecked as k
from nnmat_kernels.resampling.factors import Factor, window_means

from ...calls import backward_equations, forward_equations
from ...checks import count, flag
from ...explicit_convolution import Pair
from .base import Pooling


class AvgPooling(Pooling):
    """The mean of every window: the passes of both kinds.

    Windows that reach beyond the padding, and sums over a number of one's own, are products with two matrices.
    """

    divisor: int | None = None
    _factors: tuple = ()

    def __init__(self, kernel_size, stride, padding, count_padding, ceil_mode):
        super().__init__(kernel_size, stride, padding, 1 if self.axes == 1 else (1, 1), ceil_mode)
        self.count_padding = flag(self.kind, "count_padding", count_padding)

    def declare(self, input_shape, rng):
        if self.ceil_mode or self.divisor is not None:
            R, C = self._means(self.image(input_shape)[:2])
            self._factors, self._transposed = (R, C), (R.T, C.T)

    def _means(self, plane) -> list[Factor]:
        """The two factors of P."""
        sizes, means = zip(plane, *self._window[:3], strict=True), self.divisor is None
        options = {"ceil_mode": self.ceil_mode, "count_padding": self.count_padding, "divide": means}
        R, C = (window_means(*own, **options) for own in sizes)
        if self.divisor is None:
            return [R, C]
        return [R, Factor(C.shape, C.rows, C.places, C.weights / self.divisor)]

    @forward_equations
    def forward(self, X, call):
        X = self.as_images(X)
        call.keep(shape=X.shape)
        if self._factors:
            return self.as_outputs(k.resample(X, *self._factors), self._output_shape)  # y = P x, P = R ⊗ C
        Y = k.avg_pool2d(X, *self._window[:3], self.count_padding)  # y = P x
        return self.as_outputs(Y, self._output_shape)

    @backward_equations
    def backward(self, G, call):
        G = self.as_images(G)
        if self._factors:
            return self.as_outputs(k.resample(G, *self._transposed), self.input_shape)  # gx = Pᵀ g
        gX = k.avg_pool2d_backward(G, call.shape, *self._window[:3], self.count_padding)  # gx = Pᵀ g
        return self.as_outputs(gX, self.input_shape)

    def config(self):
        return {**super().config(), "count_padding": self.count_padding}


class AvgPool2d(AvgPooling):
    """The mean of every window of every channel.

    Forward, for one channel x = vec of the image
        y = P x        P = (1/kh Σ_a R_a) ⊗ (1/kw Σ_b C_b)
        with `count_padding=False` every row of P sums to 1 (the zeros of the padding are not counted)
    Backward, for the upstream gradient G = ∇_Y L
        gx = Pᵀ g
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C), Ho = ⌊(H + 2p - k)/s⌋ + 1; float32 or float64 as built.
        `kernel_size`, `stride` (None: the kernel size), `padding`: an int or a pair (rows, columns).
    Errors: ConfigError (options), ShapeError (no image, a window larger than the padded image), DtypeError.
    Derivation: docs/derivations/AvgPool2d.md.
    Reference: docs/equations.md, section 3.3.

    `ceil_mode`: ⌈ ⌉ in place of ⌊ ⌋, less a last window that would begin beyond the image; what lies beyond the padding
    is never counted. `divisor`: the sum of a window is divided by this number.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        count_padding: bool = True,
        *,
        ceil_mode: bool = False,
        divisor: int | None = None,
    ):
        super().__init__(kernel_size, stride, padding, count_padding, ceil_mode)
        self.divisor = None if divisor is None else count("AvgPool2d", "divisor", divisor)

    def config(self):
        return {**super().config(), "divisor": self.divisor}


class AvgPool1d(AvgPooling):
    """The mean of every window of every channel of a sequence: `AvgPool2d` of an image of one row.

    Forward, for one channel x
        y = P x        P = 1/k Σ_a R_a; with `count_padding=False` every row of P sums to 1
    Backward, for the upstream gradient G = ∇_Y L
        gx = Pᵀ g
    Shapes: X (B, T, C), Y and G (B, To, C), To = ⌊(T + 2p - k)/s⌋ + 1; float32 or float64 as built. `kernel_size`,
        `stride` (None: the kernel size), `padding`: ints; `ceil_mode` as there.
    Errors: ConfigError (options), ShapeError (no sequence, a window larger than the padded one), DtypeError.
    Derivation: docs/derivations/AvgPool1d.md.
    Reference: docs/equations.md, section 3.3.
    """

    axes = 1

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        count_padding: bool = True,
        *,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, count_padding, ceil_mode)
