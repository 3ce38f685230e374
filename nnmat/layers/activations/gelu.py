"""Inputs weighted by the normal distribution function."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import shown
from ...errors import ConfigError
from .elementwise import Elementwise


class GELU(Elementwise):
    """Every element weighted by the normal distribution function Φ: a smooth ReLU.

    Forward
        Y = X ⊙ Φ(X)        Φ(x) = ½ erfc(-x/√2)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (Φ(X) + X ⊙ φ(X))        φ(x) = Φ'(x) = exp(-x²/2) / √(2π)
    `approximate="tanh"`
        Y = ½ X ⊙ (1 + tanh U) = X ⊙ σ(2U)        U = √(2/π) (X + 0.044715 X³)
        gX = G ⊙ (σ(2U) + X ⊙ σ(2U) ⊙ σ(-2U) ⊙ 2U')
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ConfigError (approximate), ShapeError, DtypeError.
    Derivation: docs/derivations/GELU.md.
    Reference: docs/equations.md, section 3.4; D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ConfigError(f"GELU: expected approximate as 'none' or 'tanh', got {shown(approximate)}.")
        self.approximate = approximate

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        if self.approximate == "tanh":
            return k.gelu_tanh(X)  # Y = X ⊙ σ(2U)
        return k.gelu(X)  # Y = X ⊙ Φ(X)

    @backward_equations
    def backward(self, G, call):
        if self.approximate == "tanh":
            return k.gelu_tanh_backward(G, call.X)  # gX = G ⊙ (σ(2U) + X ⊙ σ(2U) ⊙ σ(-2U) ⊙ 2U')
        return k.gelu_backward(G, call.X)  # gX = G ⊙ (Φ(X) + X ⊙ φ(X))

    def config(self):
        return {} if self.approximate == "none" else {"approximate": self.approximate}
