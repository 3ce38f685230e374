"""Smooth kin of the rectifier: SiLU, Mish and softplus."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import positive
from .elementwise import Elementwise


class SiLU(Elementwise):
    """Every element weighted by its own logistic function (also called swish).

    Forward
        Y = X ⊙ σ(X)        σ(x) = 1 / (1 + exp(-x))
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ σ(X) ⊙ (1 + X ⊙ σ(-X))
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/SiLU.md.
    Reference: docs/equations.md, section 3.4; S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural
        network function approximation in reinforcement learning", 2018.
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.silu(X)  # Y = X ⊙ σ(X)

    @backward_equations
    def backward(self, G, call):
        return k.silu_backward(G, call.X)  # gX = G ⊙ σ(X) ⊙ (1 + X ⊙ σ(-X))


class Mish(Elementwise):
    """Every element weighted by the hyperbolic tangent of its softplus.

    Forward
        Y = X ⊙ T        T = tanh(log(1 + exp(X)))
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (T + X ⊙ (1 - T²) ⊙ σ(X))        σ(x) = 1 / (1 + exp(-x))
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/Mish.md.
    Reference: docs/equations.md, section 3.4; D. Misra, "Mish: a self regularized non-monotonic activation function",
        2020.
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.mish(X)  # Y = X ⊙ tanh(log(1 + exp(X)))

    @backward_equations
    def backward(self, G, call):
        return k.mish_backward(G, call.X)  # gX = G ⊙ (T + X ⊙ (1 - T²) ⊙ σ(X))


class Softplus(Elementwise):
    """The logarithm of 1 + exp: a ReLU with a round corner, and always above 0.

    Forward
        Y = log(1 + exp(β X)) / β
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ σ(β X)        σ(x) = 1 / (1 + exp(-x))
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built. β = `beta`, a number > 0.
    Errors: ConfigError (beta), ShapeError, DtypeError.
    Derivation: docs/derivations/Softplus.md.
    Reference: docs/equations.md, section 3.4.

    It is exact for all X: PyTorch's goes over to the identity where β X > 20.
    """

    def __init__(self, beta: float = 1.0):
        super().__init__()
        self.beta = positive("Softplus", "beta", beta, hint="Try 1.0.")

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.softplus(X, self.beta)  # Y = log(1 + exp(β X)) / β

    @backward_equations
    def backward(self, G, call):
        return k.softplus_backward(G, call.X, self.beta)  # gX = G ⊙ σ(β X)

    def config(self):
        return {"beta": self.beta}
