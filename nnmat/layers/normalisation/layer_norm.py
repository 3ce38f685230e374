"""Normalisation of every row."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .scaled import Scaled, input_gradient


class LayerNorm(Scaled):
    """Every row (the last axis) with mean 0 and variance 1, then a gain and a shift for each column.

    Forward, with C = I - 1 1ᵀ/N, which takes the mean from a row
        X̂ = diag(r) X C,   r = (rowmean((X C)²) + ε)^(-1/2)        Y = X̂ diag(γ) + 1 βᵀ
    Backward, for the upstream gradient G = ∇_Y L, with Ĝ = G diag(γ)
        gX = diag(r) (Ĝ C - diag(rowmean(Ĝ ⊙ X̂)) X̂)        gγ = (G ⊙ X̂)ᵀ 1        gβ = Gᵀ 1
    Shapes: X, Y, G, gX (B, ..., N), γ = `gamma` and β = `beta` (N,); float32 or float64 as built. ε = `eps`.
    Errors: ConfigError (options), ShapeError (another width, no axis beside the batch), DtypeError.
    Derivation: docs/derivations/LayerNorm.md.
    Reference: docs/equations.md, section 3.11; J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.

    The same in training and evaluation. `features=None` takes the width of the input at build; `bias=False` leaves out
    β, `affine=False` γ and β. Neither has weight decay.
    """

    def __init__(self, features: int | None = None, eps: float = 1e-5, affine: bool = True, bias: bool = True):
        super().__init__(features, eps, affine, bias)
        self._with_bias = bias

    @forward_equations
    def forward(self, X, call):
        Y, statistics = k.layer_norm(X, *self.gain_and_shift(), self.eps)  # Y = diag(r) X C diag(γ) + 1 βᵀ
        call.keep(X=X, statistics=statistics)
        return Y

    @backward_equations
    def backward(self, G, call):
        # gX = diag(r) (Ĝ C - diag(rowmean(Ĝ ⊙ X̂)) X̂), gγ = (G ⊙ X̂)ᵀ 1, gβ = Gᵀ 1
        gamma, _ = self.gain_and_shift()
        return input_gradient(k.layer_norm_backward(G, call.X, call.statistics, gamma, None, *self.destinations(call)))

    def config(self):
        return {**super().config(), "bias": self._with_bias}


class RMSNorm(Scaled):
    """Every row (the last axis) with a mean square of 1, then a gain for each column.

    Forward
        X̂ = diag(r) X,   r = (rowmean(X²) + ε)^(-1/2)        Y = X̂ diag(γ)
    Backward, for the upstream gradient G = ∇_Y L, with Ĝ = G diag(γ)
        gX = diag(r) (Ĝ - diag(rowmean(Ĝ ⊙ X̂)) X̂)        gγ = (G ⊙ X̂)ᵀ 1
    Shapes: X, Y, G, gX (B, ..., N), γ = `gamma` (N,); float32 or float64 as built. ε = `eps`.
    Errors: ConfigError (options), ShapeError (another width, no axis beside the batch), DtypeError.
    Derivation: docs/derivations/RMSNorm.md.
    Reference: docs/equations.md, section 3.11; B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.

    The same in training and evaluation. `features=None` takes the width of the input at build; `affine=False` leaves
    out γ, which has no weight decay.
    """

    def __init__(self, features: int | None = None, eps: float = 1e-5, affine: bool = True):
        super().__init__(features, eps, affine, bias=False)

    @forward_equations
    def forward(self, X, call):
        gamma, _ = self.gain_and_shift()
        Y, statistics = k.rms_norm(X, gamma, self.eps)  # Y = diag(r) X diag(γ)
        call.keep(X=X, statistics=statistics)
        return Y

    @backward_equations
    def backward(self, G, call):
        # gX = diag(r) (Ĝ - diag(rowmean(Ĝ ⊙ X̂)) X̂), gγ = (G ⊙ X̂)ᵀ 1
        gamma, _ = self.gain_and_shift()
        ggamma, _, adds, _ = self.destinations(call)
        return input_gradient(k.rms_norm_backward(G, call.X, call.statistics, gamma, None, ggamma, adds))
