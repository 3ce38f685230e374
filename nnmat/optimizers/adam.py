"""Adam, and AdamW with decoupled weight decay."""

from nnmat_kernels.unchecked import adam_update

from ..checks import fraction, positive
from ..errors import ConfigError
from ..layers.base import Layer
from .base import Optimizer, Rate, Segment


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square, with L2 regularisation λ.

        d = g + λθ
        m ← β₁m + (1 - β₁)d        v ← β₂v + (1 - β₂)d²
        θ ← θ - η m/(1 - β₁ᵏ) / (√(v/(1 - β₂ᵏ)) + ε)          k = 1, 2, ... the step

    η = `lr`, (β₁, β₂) = `betas` from 0 to below 1, ε = `eps` > 0 (outside the root, after the correction), λ =
    `weight_decay` (coupled: it passes through m and v; the decoupled one is AdamW).
    Errors: ConfigError. Reference: docs/equations.md, section 5.2; Kingma and Ba 2015.
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | dict[str, float] = 0.0,
        clip_norm: float | None = None,
    ):
        self.betas, self.eps = _check("Adam", betas, eps)
        super().__init__(model, lr, weight_decay, clip_norm, ["mean", "square"])

    def update(self, segment, lr, scale):
        _update(self, segment, lr, scale, decoupled=False)

    def settings(self):
        return {"betas": list(self.betas), "eps": self.eps}


class AdamW(Optimizer):
    """Adam whose weight decay acts on the parameters directly and not through the running means.

        m ← β₁m + (1 - β₁)g        v ← β₂v + (1 - β₂)g²
        θ ← (1 - ηλ)θ - η m/(1 - β₁ᵏ) / (√(v/(1 - β₂ᵏ)) + ε)          k = 1, 2, ... the step

    Symbols and errors as in Adam. Reference: docs/equations.md, section 5.3; Loshchilov and Hutter 2019.
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | dict[str, float] = 0.01,
        clip_norm: float | None = None,
    ):
        self.betas, self.eps = _check("AdamW", betas, eps)
        super().__init__(model, lr, weight_decay, clip_norm, ["mean", "square"])

    def update(self, segment, lr, scale):
        _update(self, segment, lr, scale, decoupled=True)

    def settings(self):
        return {"betas": list(self.betas), "eps": self.eps}


def _check(who: str, betas, eps) -> tuple[tuple[float, float], float]:
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise ConfigError(f"{who}: expected betas as two numbers, got {betas!r}. The usual ones are (0.9, 0.999).")
    beta1, beta2 = (
        fraction(who, f"betas[{i}]", beta, "The usual ones are (0.9, 0.999).") for i, beta in enumerate(betas)
    )
    return (beta1, beta2), positive(who, "eps", eps, "The usual value is 1e-8.")


def _update(optimizer, segment: Segment, lr: float, scale: float, decoupled: bool) -> None:
    beta1, beta2 = optimizer.betas
    adam_update(
        segment.values,
        segment.gradients,
        segment.vectors["mean"],
        segment.vectors["square"],
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=optimizer.eps,
        step=optimizer.steps,
        weight_decay=segment.weight_decay,
        decoupled=decoupled,
        scale=scale,
    )
