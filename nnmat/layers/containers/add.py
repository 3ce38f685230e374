"""The sum of branches: residual connections, and inputs that are added."""

import functools

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...errors import ShapeError
from ..checks import batch_shape
from .branches import Branches


class Add(Branches):
    """The sum of what several layers give: of one input, or of an input for each.

    Forward
        Y = Σ_i F_i(X_i)
    Backward, for the upstream gradient G = ∇_Y L
        gX_i = F_i.backward(G)        one input X for all: gX = Σ_i F_i.backward(G)
    Shapes: X (B, ...) or a tuple of such arrays; all F_i(X_i), Y and G of one shape; float32 or float64 as built.
    Errors: ConfigError (no layers, or not layers), ShapeError (naming the branch that does not fit), DtypeError.
    Derivation: docs/derivations/Add.md.
    Reference: docs/equations.md, section 3.8: LAW-1 and TR-3.

    None stands for the identity: `Add([None, block])` is the residual connection Y = X + F(X), `Add()` the sum of
    several inputs, and `Add([Linear(None, 8), Linear(None, 8)])` of two inputs that each have a layer of their own.
    """

    def output_shape(self, input_shape):
        first, *rest = shapes = self.branch_shapes(input_shape)
        for i, shape in enumerate(rest, 1):
            if shape != first:
                raise ShapeError(
                    f"{self.who}: expected branches of one output shape, got {batch_shape(first)} from branch 0 and "
                    f"{batch_shape(shape)} from branch {i} of {len(shapes)}. Give both the same width, for instance by "
                    f"a Linear(None, {first[-1] if first else 1})."
                )
        return first

    @forward_equations
    def forward(self, X, call):
        return functools.reduce(k.add, self.run_branches(X, call))  # Y = Σ_i F_i(X_i)

    @backward_equations
    def backward(self, G, call):
        return self.run_branches_backward([G] * len(self._branches), call)  # every branch gets G
