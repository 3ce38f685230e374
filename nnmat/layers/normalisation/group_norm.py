"""Normalisation of groups of channels."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import count
from ...errors import ConfigError, ShapeError
from ..checks import batch_shape
from .scaled import Scaled, input_gradient


class GroupNorm(Scaled):
    """Every group of channels of every sample with mean 0 and variance 1, then a gain and a shift for each channel.

    Forward, for the M numbers x of one group of one sample, with the γ and β of their channels
        x̂ = r C x,   C = I - 1 1ᵀ/M,   r = (mean((C x)²) + ε)^(-1/2)        y = γ ⊙ x̂ + β
    Backward, for the upstream gradient g = ∇_y L, with ĝ = γ ⊙ g
        gx = r (C ĝ - x̂ mean(ĝ ⊙ x̂))        gγ = Σ g ⊙ x̂ and gβ = Σ g, for each channel
    Shapes: X, Y, G, gX (B, ..., C), M = (numbers of a sample)/`groups`, γ = `gamma` and β = `beta` (C,); float32 or
        float64 as built. ε = `eps`.
    Errors: ConfigError (options), ShapeError (channels that are not a multiple of `groups`), DtypeError.
    Derivation: docs/derivations/GroupNorm.md.
    Reference: docs/equations.md, section 3.11; Y. Wu, K. He, "Group normalization", 2018.

    The same in training and evaluation. `channels=None` takes those of the input at build; `affine=False` leaves out γ
    and β, which have no weight decay. One group is a layer norm of whole samples, a group for each channel an instance
    norm.
    """

    def __init__(self, groups: int, channels: int | None = None, eps: float = 1e-5, affine: bool = True):
        super().__init__(channels, eps, affine, affine, "channels")
        self.groups = count("GroupNorm", "groups", groups)
        if channels is not None and channels % self.groups:
            raise ConfigError(f"GroupNorm: channels = {channels} is not a multiple of groups = {self.groups}.")

    def output_shape(self, input_shape):
        super().output_shape(input_shape)
        if input_shape[-1] % self.groups:
            raise ShapeError(
                f"{self.who}: expected channels that are a multiple of groups = {self.groups}, got shape "
                f"{batch_shape(input_shape)}. Channels are the last axis."
            )
        return input_shape

    @forward_equations
    def forward(self, X, call):
        Y, statistics = k.group_norm(X, self.groups, *self.gain_and_shift(), self.eps)  # y = γ ⊙ r C x + β
        call.keep(X=X, statistics=statistics)
        return Y

    @backward_equations
    def backward(self, G, call):
        # gx = r (C ĝ - x̂ mean(ĝ ⊙ x̂)), gγ = Σ g ⊙ x̂, gβ = Σ g
        gamma, _ = self.gain_and_shift()
        made = k.group_norm_backward(G, call.X, self.groups, call.statistics, gamma, None, *self.destinations(call))
        return input_gradient(made)

    def config(self):
        return {"groups": self.groups, **super().config()}
