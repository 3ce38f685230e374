"""RMSProp."""

from nnmat_kernels.unchecked import rmsprop_update

from ..checks import flag, fraction, positive
from ..layers.base import Layer
from .base import Optimizer, Rate
from .groups import Groups


class RMSProp(Optimizer):
    """Steps scaled by a running mean of the squared gradient; optionally centred, with momentum μ, and with L2 λ.

        d = g + λθ        v ← αv + (1 - α)d²
        θ ← θ - ηd/(√v + ε)
    With momentum, or centred:
        a ← αa + (1 - α)d        s = v - a² if centred, else v
        b ← μb + d/(√s + ε)      θ ← θ - ηb

    η = `lr`, α = `alpha` and μ = `momentum` from 0 to below 1, ε = `eps` > 0, λ = `weight_decay`.
    Errors: ConfigError. Reference: docs/equations.md, section 5.4; Tieleman and Hinton 2012, Graves 2013 (centred).
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        centered: bool = False,
        momentum: float = 0.0,
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.alpha = fraction("RMSProp", "alpha", alpha, "The usual value is 0.99.")
        self.eps = positive("RMSProp", "eps", eps, "The usual value is 1e-8.")
        self.centered = flag("RMSProp", "centered", centered)
        self.momentum = fraction("RMSProp", "momentum", momentum, "Common values are 0 and 0.9.")
        more = ["mean", "velocity"] if self.centered or self.momentum else []
        super().__init__(model, lr, weight_decay, clip_norm, ["square", *more], maximize, groups)

    def update(self, segment, lr, scale):
        rmsprop_update(
            segment.values,
            segment.gradients,
            segment.vectors["square"],
            segment.vectors.get("mean"),
            segment.vectors.get("velocity"),
            lr=lr,
            alpha=self.alpha,
            eps=self.eps,
            centered=self.centered,
            momentum=self.momentum,
            weight_decay=segment.weight_decay,
            scale=scale,
        )

    def settings(self):
        return {"alpha": self.alpha, "eps": self.eps, "centered": self.centered, "momentum": self.momentum}
