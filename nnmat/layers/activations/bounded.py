"""Rectifiers that end at a bound, or begin at one."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .elementwise import Elementwise


class ReLU6(Elementwise):
    """The positive part of every element, at most 6.

    Forward
        Y = min(max(X, 0), 6)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[0 < X < 6]        (the derivative at both kinks is taken as 0)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/ReLU6.md.
    Reference: docs/equations.md, section 3.4; A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.relu6(X)  # Y = min(max(X, 0), 6)

    @backward_equations
    def backward(self, G, call):
        return k.relu6_backward(G, call.X)  # gX = G ⊙ 1[0 < X < 6]


class Hardswish(Elementwise):
    """Every element weighted by a line that goes from 0 at -3 to 1 at 3: SiLU made of straight pieces.

    Forward
        Y = X ⊙ min(max(X + 3, 0), 6) / 6
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (X/3 + 1/2) where -3 < X < 3, G where X >= 3, 0 where X <= -3        (at the kinks as outside)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/Hardswish.md.
    Reference: docs/equations.md, section 3.4; A. Howard et al., "Searching for MobileNetV3", 2019.
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.hardswish(X)  # Y = X ⊙ min(max(X + 3, 0), 6) / 6

    @backward_equations
    def backward(self, G, call):
        return k.hardswish_backward(G, call.X)  # gX = G ⊙ (0, X/3 + 1/2, or 1)
