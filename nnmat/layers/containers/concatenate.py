"""Branches side by side along the last axis."""

from itertools import accumulate

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...errors import ShapeError
from ..checks import batch_shape
from .branches import Branches


class Concatenate(Branches):
    """What several layers give, side by side along the last axis: of one input, or of an input for each.

    Forward
        Y = [F_1(X_1) ... F_n(X_n)]
    Backward, for the upstream gradient G = [G_1 ... G_n] = ∇_Y L
        gX_i = F_i.backward(G_i)        one input X for all: gX = Σ_i F_i.backward(G_i)
    Shapes: X (B, ...) or a tuple of such arrays; F_i(X_i) (B, ..., M_i), alike but for M_i; Y and G (B, ..., Σ M_i);
        float32 or float64 as built. The last axis holds the features, and of images the channels.
    Errors: ConfigError (no layers, or not layers), ShapeError (naming the branch that does not fit), DtypeError.
    Derivation: docs/derivations/Concatenate.md.
    Reference: docs/equations.md, section 3.8.

    None stands for the identity: `Concatenate([None, block])` keeps the input beside F(X), `Concatenate()` puts several
    inputs side by side.
    """

    def output_shape(self, input_shape):
        first, *rest = shapes = self.branch_shapes(input_shape)
        for i, shape in enumerate(rest, 1):
            if not first or len(shape) != len(first) or shape[:-1] != first[:-1]:
                raise ShapeError(
                    f"{self.who}: expected branches whose outputs differ in the last axis only, got "
                    f"{batch_shape(first)} from branch 0 and {batch_shape(shape)} from branch {i}."
                    f"{' Put Flatten() before or into the branches.' if len(shape) != len(first) else ''}"
                )
        return (*first[:-1], sum(shape[-1] for shape in shapes))

    def declare(self, input_shape, rng):
        super().declare(input_shape, rng)
        widths = [shape[-1] for shape in self.branch_shapes(input_shape)]
        self._places = list(zip(accumulate(widths, initial=0), widths, strict=False))  # first column, and how many

    @forward_equations
    def forward(self, X, call):
        parts = self.run_branches(X, call)
        Y = np.empty((*parts[0].shape[:-1], self._output_shape[-1]), self.dtype)
        for part, (first, _) in zip(parts, self._places, strict=True):
            k.paste_columns(part, Y, first)  # Y = [F_1(X_1) ... F_n(X_n)]
        return Y

    @backward_equations
    def backward(self, G, call):
        return self.run_branches_backward([k.copy_columns(G, *place) for place in self._places], call)
