"""From images to rows."""

import math

import numpy as np

from ...calls import backward_equations, forward_equations
from ...checks import shown
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import batch_shape


class Flatten(Layer):
    """Each sample as one row, or a run of its axes as one axis, in row-major order.

    Forward
        Y_b = vec(X_b)
    Backward
        gX_b = the entries of G_b in the shape of X_b
    Shapes: X (B, d1, ..., dn), Y and G (B, d1 ⋯ dn); any dtype as built. Images (B, H, W, C) flatten in the order row,
        column, channel. Inside a model no data is moved: Y is a view of X.
    Errors: ConfigError (start, end), ShapeError (no such axes), DtypeError.
    Derivation: docs/derivations/Flatten.md.
    Reference: docs/equations.md, section 3.5: a renumbering, so the transpose of the map is its inverse.

    The axes from `start` to `end`, that one included, become one; they are counted with the batch, which is axis 0 and
    stays. Flatten(1, 2) makes sequences (B, H W, C) of images.
    """

    def __init__(self, start: int = 1, end: int = -1):
        super().__init__()
        for name, axis in (("start", start), ("end", end)):
            if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or axis == 0:
                raise ConfigError(
                    f"Flatten: expected {name} as an integer that is not 0, the axis of the batch, got {shown(axis)}. "
                    "Flatten() makes one row of each sample."
                )
        self.start, self.end = int(start), int(end)

    def output_shape(self, input_shape):
        axes = len(input_shape)
        if not axes and (self.start, self.end) == (1, -1):
            return (1,)
        if abs(self.start) > axes or abs(self.end) > axes or not self._first(axes) <= self._last(axes):
            raise ShapeError(
                f"{self.who}: expected start and end as axes of an input of shape {batch_shape(input_shape)}, one "
                f"after the other, got start={self.start} and end={self.end}. Flatten() makes one row of each sample."
            )
        a, b = self._first(axes), self._last(axes)
        return (*input_shape[: a - 1], math.prod(input_shape[a - 1 : b]), *input_shape[b:])

    def _first(self, axes: int) -> int:
        return self.start % (axes + 1)

    def _last(self, axes: int) -> int:
        return self.end % (axes + 1)

    @forward_equations
    def forward(self, X, call):
        call.keep(shape=X.shape)
        return X.reshape(len(X), *self._output_shape)  # vec, sample by sample

    @backward_equations
    def backward(self, G, call):
        return G.reshape(call.shape)

    def config(self):
        return {} if (self.start, self.end) == (1, -1) else {"start": self.start, "end": self.end}
