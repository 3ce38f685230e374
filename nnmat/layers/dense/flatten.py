"""From images to rows."""

import numpy as np

from ...calls import backward_equations, forward_equations
from ..base import Layer


class Flatten(Layer):
    """Each sample as one row, in row-major order.

    Forward
        Y_b = vec(X_b)
    Backward
        gX_b = the entries of G_b in the shape of X_b
    Shapes: X (B, d1, ..., dn), Y and G (B, d1 ⋯ dn); any dtype as built. Images (B, H, W, C) flatten in the order row,
        column, channel. Inside a model no data is moved: Y is a view of X.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.5: a renumbering, so the transpose of the map is its inverse.
    """

    def output_shape(self, input_shape):
        return (int(np.prod(input_shape, dtype=np.int64)),)

    @forward_equations
    def forward(self, X, call):
        call.keep(shape=X.shape)
        return X.reshape(len(X), *self._output_shape)  # vec, sample by sample

    @backward_equations
    def backward(self, G, call):
        return G.reshape(call.shape)
