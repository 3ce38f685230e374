"""Layers that multiply every channel by a sparse matrix from the left and by one from the right."""

from nnmat_kernels import unchecked as k
from nnmat_kernels.resampling.factors import Factor

from ...calls import backward_equations, forward_equations
from ..base import Layer
from ..checks import check_images


class Separable(Layer):
    """A map of the rows of an image and one of its columns, the same for all channels.

    Forward, for each channel c
        Y_c = R X_c Cᵀ                       equivalently   vec Y_c = (R ⊗ C) vec X_c
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Rᵀ G_c C
    Shapes: X (B, H, W, C), R (Ho, H), C (Wo, W), Y and G (B, Ho, Wo, C); float32 or float64 as built.
    Errors: ShapeError (no image), DtypeError.
    Reference: docs/equations.md, section 3.3: LAW-2 and TR-4b applied to Tr(Gᵀ R dX Cᵀ).

    A class brings `plane`, the output's size, and `factors`, R and C.
    """

    fill = 0.0  # where a row of R or of C is empty

    def plane(self, plane: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the output for those of the input; raises ShapeError."""
        raise NotImplementedError

    def factors(self, plane: tuple[int, int]) -> tuple[Factor, Factor]:
        """R and C for images of this size."""
        raise NotImplementedError

    def output_shape(self, input_shape):
        H, W, C = check_images(self.who, input_shape)
        return (*self.plane((H, W)), C)

    def declare(self, input_shape, rng):
        R, C = self.factors(input_shape[:2])
        self._factors, self._transposed = (R, C), (R.T, C.T)

    @forward_equations
    def forward(self, X, call):
        return k.resample(X, *self._factors, self.fill)  # Y_c = R X_c Cᵀ

    @backward_equations
    def backward(self, G, call):
        return k.resample(G, *self._transposed)  # gX_c = Rᵀ G_c C
