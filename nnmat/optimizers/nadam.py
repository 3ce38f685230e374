"""NAdam: Adam with Nesterov's look ahead."""

import numpy as np

from nnmat_kernels.unchecked import nadam_product, nadam_update

from ..checks import flag, number
from ..layers.base import Layer
from .adam import check_betas
from .base import Optimizer, Rate
from .groups import Groups


class NAdam(Optimizer):
    """Adam that takes the running mean of the coming step, whose weight μ rises from β₁/2 to β₁.

        d = g + λθ
        m ← β₁m + (1 - β₁)d        v ← β₂v + (1 - β₂)d²        μₖ = β₁(1 - 0.96^(kψ)/2)        p = μ₁ ⋯ μₖ
        θ ← θ - η ((1 - μₖ)d/(1 - p) + μₖ₊₁m/(1 - pμₖ₊₁)) / (√(v/(1 - β₂ᵏ)) + ε)

    ψ = `momentum_decay` >= 0; `decoupled`: d = g, and -ηλθ besides, as in AdamW; the rest as in Adam.
    Errors: ConfigError. Reference: docs/equations.md, section 5.7; Dozat 2016.
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        decoupled: bool = False,
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.betas, self.eps = check_betas("NAdam", betas, eps)
        self.momentum_decay = number("NAdam", "momentum_decay", momentum_decay, 0.0, hint="The usual value is 0.004.")
        self.decoupled = flag("NAdam", "decoupled", decoupled)
        super().__init__(model, lr, weight_decay, clip_norm, ["mean", "square"], maximize, groups)
        self._more["product"] = np.zeros(1)
        self._product = 0.0  # of this step

    def prepare(self):
        self._product = nadam_product(self._more["product"], self.steps, self.betas[0], self.momentum_decay)

    def update(self, segment, lr, scale):
        nadam_update(
            segment.values,
            segment.gradients,
            segment.vectors["mean"],
            segment.vectors["square"],
            product=self._product,
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            step=self.steps,
            slope=self.momentum_decay,
            weight_decay=segment.weight_decay,
            decoupled=self.decoupled,
            scale=scale,
        )

    def settings(self):
        return {
            "betas": list(self.betas),
            "eps": self.eps,
            "momentum_decay": self.momentum_decay,
            "decoupled": self.decoupled,
        }
