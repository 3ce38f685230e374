"""What leaves its input as it is."""

from ...calls import backward_equations, forward_equations
from .elementwise import Elementwise


class Identity(Elementwise):
    """The input as it is: it keeps a place in a model.

    Forward
        Y = X
    Backward, for the upstream gradient G = ∇_Y L
        gX = G
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built. Inside a model no data is moved.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/Identity.md.
    Reference: docs/equations.md, section 3.5.
    """

    @forward_equations
    def forward(self, X, call):
        return X  # Y = X

    @backward_equations
    def backward(self, G, call):
        return G  # gX = G
