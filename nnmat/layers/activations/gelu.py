"""Inputs weighted by the normal distribution function."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .elementwise import Elementwise


class GELU(Elementwise):
    """Every element weighted by the normal distribution function Φ: a smooth ReLU.

    Forward
        Y = X ⊙ Φ(X)        Φ(x) = ½ erfc(-x/√2)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (Φ(X) + X ⊙ φ(X))        φ(x) = Φ'(x) = exp(-x²/2) / √(2π)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4; D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016 (the exact
        form, not its approximation by tanh).
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.gelu(X)  # Y = X ⊙ Φ(X)

    @backward_equations
    def backward(self, G, call):
        return k.gelu_backward(G, call.X)  # gX = G ⊙ (Φ(X) + X ⊙ φ(X))
