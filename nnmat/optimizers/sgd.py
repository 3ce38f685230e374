"""Stochastic gradient descent."""

from nnmat_kernels.unchecked import sgd_update

from ..checks import flag, fraction, number
from ..errors import ConfigError
from ..layers.base import Layer
from .base import Optimizer, Rate
from .groups import Groups


class SGD(Optimizer):
    """Gradient descent with momentum β, dampening τ, Nesterov's form, and L2 regularisation λ.

        d = g + λθ
        v = d in the first step, then v ← βv + (1 - τ)d
        θ ← θ - ηv          nesterov:  θ ← θ - η(d + βv)          without momentum:  θ ← θ - ηd

    η = `lr`, β = `momentum` from 0 to below 1, τ = `dampening`, λ = `weight_decay` (the gradient of (λ/2)‖θ‖²).
    Errors: ConfigError (an option out of its range; nesterov without momentum or with dampening).
    Reference: docs/equations.md, section 5.1; Polyak 1964, Sutskever et al. 2013 (in the form that PyTorch has).
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 0.01,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.momentum = fraction("SGD", "momentum", momentum, "Common values are 0.9 and 0.99.")
        self.dampening = number("SGD", "dampening", dampening, 0.0, 1.0)
        self.nesterov = flag("SGD", "nesterov", nesterov)
        if nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ConfigError(
                f"SGD: expected momentum > 0 and dampening = 0 with nesterov=True, got momentum={momentum!r}, "
                f"dampening={dampening!r}. Try momentum=0.9."
            )
        super().__init__(model, lr, weight_decay, clip_norm, ["velocity"] if self.momentum else [], maximize, groups)

    def update(self, segment, lr, scale):
        sgd_update(
            segment.values,
            segment.gradients,
            segment.vectors.get("velocity"),
            lr=lr,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            weight_decay=segment.weight_decay,
            scale=scale,
            first=self.steps == 1,
        )

    def settings(self):
        return {"momentum": self.momentum, "dampening": self.dampening, "nesterov": self.nesterov}
