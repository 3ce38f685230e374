"""The smooth steps: the logistic function and the hyperbolic tangent."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .elementwise import Elementwise


class Sigmoid(Elementwise):
    """The logistic function of every element, a smooth step from 0 to 1.

    Forward
        Y = σ(X) = 1 / (1 + exp(-X))
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ Y ⊙ (1 - Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/Sigmoid.md.
    Reference: docs/equations.md, section 3.4.
    """

    @forward_equations
    def forward(self, X, call):
        Y = k.sigmoid(X)  # Y = σ(X)
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.sigmoid_backward(G, call.Y)  # gX = G ⊙ Y ⊙ (1 - Y)


class Tanh(Elementwise):
    """The hyperbolic tangent of every element, a smooth step from -1 to 1.

    Forward
        Y = tanh(X)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (1 - Y ⊙ Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/Tanh.md.
    Reference: docs/equations.md, section 3.4.
    """

    @forward_equations
    def forward(self, X, call):
        Y = k.tanh(X)  # Y = tanh(X)
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.tanh_backward(G, call.Y)  # gX = G ⊙ (1 - Y ⊙ Y)
