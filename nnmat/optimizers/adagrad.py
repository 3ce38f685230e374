"""Adagrad."""

from nnmat_kernels.unchecked import adagrad_update

from ..checks import number, positive
from ..layers.base import Layer
from .base import Optimizer, Rate
from .groups import Groups


class Adagrad(Optimizer):
    """Steps scaled by the sum of all squared gradients so far, with L2 regularisation λ.

        d = g + λθ        v ← v + d²
        θ ← θ - ηd/(√v + ε)

    η = `lr`, ε = `eps` > 0, λ = `weight_decay`; v starts at `initial` >= 0.
    Errors: ConfigError. Reference: docs/equations.md, section 5.8; Duchi, Hazan, Singer 2011.
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-2,
        eps: float = 1e-10,
        initial: float = 0.0,
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.eps = positive("Adagrad", "eps", eps, "The usual value is 1e-10.")
        self.initial = number("Adagrad", "initial", initial, 0.0, hint="The usual value is 0.")
        super().__init__(model, lr, weight_decay, clip_norm, ["sum"], maximize, groups)
        self._vectors["sum"].fill(self.initial)

    def update(self, segment, lr, scale):
        adagrad_update(
            segment.values,
            segment.gradients,
            segment.vectors["sum"],
            lr=lr,
            eps=self.eps,
            weight_decay=segment.weight_decay,
            scale=scale,
        )

    def settings(self):
        return {"eps": self.eps, "initial": self.initial}
