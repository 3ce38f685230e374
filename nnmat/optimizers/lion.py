"""Lion."""

from nnmat_kernels.unchecked import lion_update

from ..layers.base import Layer
from .adam import check_betas
from .base import Optimizer, Rate
from .groups import Groups


class Lion(Optimizer):
    """Steps of one size for all entries, by the sign of a running mean, with decoupled weight decay λ.

        θ ← (1 - ηλ)θ - η sign(β₁m + (1 - β₁)g)        sign(0) = 0
        m ← β₂m + (1 - β₂)g

    η = `lr`, a third to a tenth of Adam's; (β₁, β₂) = `betas`, from 0 to below 1; λ = `weight_decay`, so much larger.
    Errors: ConfigError. Reference: docs/equations.md, section 5.9; Chen et al. 2023.
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.betas, _ = check_betas("Lion", betas, 1.0)
        super().__init__(model, lr, weight_decay, clip_norm, ["mean"], maximize, groups)

    def update(self, segment, lr, scale):
        beta1, beta2 = self.betas
        lion_update(
            segment.values,
            segment.gradients,
            segment.vectors["mean"],
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            weight_decay=segment.weight_decay,
            scale=scale,
        )

    def settings(self):
        return {"betas": list(self.betas)}
