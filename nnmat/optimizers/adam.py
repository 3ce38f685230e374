"""Adam, and AdamW with decoupled weight decay."""

from nnmat_kernels.unchecked import adam_update

from ..checks import flag, fraction, positive
from ..errors import ConfigError
from ..layers.base import Layer
from .base import Optimizer, Rate, Segment
from .groups import Groups


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square, with L2 regularisation λ.

        d = g + λθ
        m ← β₁m + (1 - β₁)d        v ← β₂v + (1 - β₂)d²
        θ ← θ - η m/(1 - β₁ᵏ) / (√(v/(1 - β₂ᵏ)) + ε)          k = 1, 2, ... the step

    η = `lr`, (β₁, β₂) = `betas` from 0 to below 1, ε = `eps` > 0 (outside the root, after the correction), λ =
    `weight_decay` (coupled: it passes through m and v; the decoupled one is AdamW). With `amsgrad` the largest v so far
    stands under the root (Reddi, Kale, Kumar 2018).
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
        maximize: bool = False,
        groups: Groups | None = None,
        amsgrad: bool = False,
    ):
        self.betas, self.eps = check_betas("Adam", betas, eps)
        self.amsgrad = flag("Adam", "amsgrad", amsgrad)
        super().__init__(model, lr, weight_decay, clip_norm, _vectors(self.amsgrad), maximize, groups)

    def update(self, segment, lr, scale):
        _update(self, segment, lr, scale, decoupled=False)

    def settings(self):
        return _settings(self)


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
        maximize: bool = False,
        groups: Groups | None = None,
        amsgrad: bool = False,
    ):
        self.betas, self.eps = check_betas("AdamW", betas, eps)
        self.amsgrad = flag("AdamW", "amsgrad", amsgrad)
        super().__init__(model, lr, weight_decay, clip_norm, _vectors(self.amsgrad), maximize, groups)

    def update(self, segment, lr, scale):
        _update(self, segment, lr, scale, decoupled=True)

    def settings(self):
        return _settings(self)


def _vectors(amsgrad: bool) -> list[str]:
    return ["mean", "square", "largest"] if amsgrad else ["mean", "square"]


def _settings(optimizer) -> dict:
    found = {"betas": list(optimizer.betas), "eps": optimizer.eps}
    return {**found, "amsgrad": True} if optimizer.amsgrad else found


def check_betas(who: str, betas, eps) -> tuple[tuple[float, float], float]:
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
        top=segment.vectors.get("largest"),
    )
