"""From rows to images."""

import numpy as np

from ...calls import backward_equations, forward_equations
from ...checks import count, shown
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import batch_shape


class Unflatten(Layer):
    """Each row as an array of the given shape, in row-major order: the inverse of `Flatten`.

    Forward
        Y_b = vec⁻¹(X_b)
    Backward
        gX_b = vec(G_b)
    Shapes: X (B, d1 ⋯ dn), Y and G (B, d1, ..., dn) for `shape` = (d1, ..., dn); any dtype as built. Rows become images
        (H, W, C) in the order row, column, channel. Inside a model no data is moved: Y is a view of X.
    Errors: ConfigError (`shape`), ShapeError (rows of another length), DtypeError.
    Derivation: docs/derivations/Unflatten.md.
    Reference: docs/equations.md, section 3.5.
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        if not isinstance(shape, tuple | list) or not shape:
            raise ConfigError(f"Unflatten: expected shape as a tuple of sizes, got {shown(shape)}. Try (7, 7, 64).")
        self.shape = tuple(count("Unflatten", f"shape[{i}]", size) for i, size in enumerate(shape))

    def output_shape(self, input_shape):
        if input_shape != (int(np.prod(self.shape)),):
            raise ShapeError(
                f"{self.who}: expected rows (B, {int(np.prod(self.shape))}) for the shape {self.shape}, got "
                f"{batch_shape(input_shape)}."
            )
        return self.shape

    @forward_equations
    def forward(self, X, call):
        return X.reshape(len(X), *self.shape)  # vec⁻¹, sample by sample

    @backward_equations
    def backward(self, G, call):
        return G.reshape(len(G), *self.input_shape)

    def config(self):
        return {"shape": self.shape}
