"""Pooling to a size that is given: bins that cover the image evenly, or all of it."""

from typing import Any

from nnmat_kernels import unchecked as k
from nnmat_kernels.resampling.factors import bin_means

from ...calls import backward_equations, forward_equations
from ...checks import count
from ...errors import ConfigError
from ..base import Layer
from ..checks import check_images
from ..resampling.separable import Separable
from ..summary import options

Sizes = int | None | tuple[int | None, int | None] | list


def output_sizes(who: str, value: Any) -> tuple[int | None, int | None]:
    """An int or a pair (rows, columns) of ints, None for a size that stays; else a ConfigError."""
    parts = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(parts) != 2:
        raise ConfigError(
            f"{who}: expected output_size as an integer or a pair of integers, got {value!r}. Try (7, 7)."
        )
    rows, columns = (None if n is None else count(who, "output_size", n) for n in parts)
    return rows, columns


def output_plane(plane: tuple[int, int], sizes: tuple[int | None, int | None]) -> tuple[int, int]:
    """Rows and columns of the output for those of the input."""
    rows, columns = (n if m is None else m for n, m in zip(plane, sizes, strict=True))
    return rows, columns


class AdaptiveAvgPool2d(Separable):
    """The means of bins that cover an image evenly, so many in a column and in a row.

    Forward, for each channel c
        Y_c = R X_c Cᵀ        R_im = 1/n_i for the n_i rows m of bin i, from ⌊i H/Ho⌋ to ⌈(i + 1) H/Ho⌉ - 1
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Rᵀ G_c C
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C) with (Ho, Wo) = `output_size`, an int or a pair (rows, columns), None
        for a size that stays; float32 or float64 as built.
    Errors: ConfigError (output_size), ShapeError (no image), DtypeError.
    Derivation: docs/derivations/AdaptiveAvgPool2d.md.
    Reference: docs/equations.md, section 3.3.
    """

    def __init__(self, output_size: Sizes):
        super().__init__()
        self.output_size = output_sizes("AdaptiveAvgPool2d", output_size)

    def plane(self, plane):
        return output_plane(plane, self.output_size)

    def factors(self, plane):
        R, C = (bin_means(*sizes) for sizes in zip(plane, self.plane(plane), strict=True))
        return R, C

    def config(self):
        return options(self, "output_size")


class AdaptiveMaxPool2d(Layer):
    """The largest elements of bins that cover an image evenly, so many in a column and in a row.

    Forward, for one channel x = vec of the image, with P(x) that has one 1 in each row, at the first maximum
        y = P(x) x        of the rows from ⌊i H/Ho⌋ to ⌈(i + 1) H/Ho⌉ - 1, and of such columns
    Backward, for the upstream gradient G = ∇_Y L
        gx = Pᵀ g        where bins share a pixel, gradients add up
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C) with (Ho, Wo) = `output_size`, an int or a pair (rows, columns), None
        for a size that stays; float32 or float64 as built.
    Errors: ConfigError (output_size), ShapeError (no image), DtypeError.
    Derivation: docs/derivations/AdaptiveMaxPool2d.md.
    Reference: docs/equations.md, section 3.3.
    """

    def __init__(self, output_size: Sizes):
        super().__init__()
        self.output_size = output_sizes("AdaptiveMaxPool2d", output_size)

    def output_shape(self, input_shape):
        H, W, C = check_images(self.who, input_shape)
        return (*output_plane((H, W), self.output_size), C)

    def declare(self, input_shape, rng):
        sizes = zip(self._output_shape[:2], input_shape[:2], strict=True)
        most = tuple(-(-outputs // inputs) + 1 for outputs, inputs in sizes)  # bins that may share a row, or a column
        self._window = most, (1, 1), (0, 0)

    @forward_equations
    def forward(self, X, call):
        Y, indices = k.adaptive_max_pool2d(X, self._output_shape[:2])  # y = P(x) x
        call.keep(indices=indices, shape=X.shape)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.max_pool2d_backward(G, call.indices, call.shape, *self._window)  # gx = Pᵀ g

    def config(self):
        return options(self, "output_size")


class GlobalAvgPool2d(Layer):
    """The mean of each channel of an image: `Flatten(AdaptiveAvgPool2d(1))`.

    Forward, for one channel x = vec of the image
        y = 1ᵀ x/(H W)
    Backward, for the upstream gradient g = ∂L/∂y
        gx = 1 g/(H W)
    Shapes: X (B, H, W, C), Y and G (B, C); float32 or float64 as built.
    Errors: ShapeError (no image), DtypeError.
    Derivation: docs/derivations/GlobalAvgPool2d.md.
    Reference: docs/equations.md, section 3.3.
    """

    def output_shape(self, input_shape):
        return (check_images(self.who, input_shape)[2],)

    def declare(self, input_shape, rng):
        self._window = input_shape[:2], input_shape[:2], (0, 0), True

    @forward_equations
    def forward(self, X, call):
        call.keep(shape=X.shape)
        return k.avg_pool2d(X, *self._window).reshape(len(X), *self._output_shape)  # y = 1ᵀ x/(H W)

    @backward_equations
    def backward(self, G, call):
        return k.avg_pool2d_backward(G.reshape(len(G), 1, 1, *G.shape[1:]), call.shape, *self._window)  # gx = 1 g/(H W)
