"""The losses of generative adversarial networks."""

import numpy as np

from nnmat_kernels.losses.adversarial import ADVERSARIAL_KINDS, weighted_adversarial_loss

from ..checks import equations, shown
from ..errors import ConfigError
from ..habits import arguments_checked
from .base import Loss


class ScoreLoss(Loss):
    """One part of an `AdversarialLoss`: the mean of a function of each score, without targets.

    Forward, with l the function of the kind and the part
        value = (1/D) Σ_b w_b (1/M) Σ_m l(s_bm)        D = Σ_b w_b
    Backward
        G_bm = w_b/(D M) l'(s_bm)
    Shapes: S (..., M) float32 or float64, usually (B, 1); w = `sample_weight` of shape (...); G as S.
    Errors: ConfigError (targets), ShapeError, DtypeError, DataError (weights), StateError.
    Reference: docs/equations.md, section 4.4.
    """

    recordable = True
    targets = False

    def __init__(self, kind: str, part: str):
        super().__init__()
        self.kind, self.part = kind, part

    @equations
    def forward(self, H, y, call):
        if y is not None:
            raise ConfigError(f"AdversarialLoss: expected the scores alone: loss.{_NAMES[self.part]}.forward(S).")
        value, call.G, call.divisor = weighted_adversarial_loss(
            H, self.kind, self.part, sample_weight=call.sample_weight, who="AdversarialLoss"
        )
        return value

    def __call__(self, H: np.ndarray, y: np.ndarray | None = None, sample_weight: np.ndarray | None = None) -> float:
        """The same as `forward`."""
        return self.forward(H, y, sample_weight)

    def check_targets(self, y, output_shape):
        raise ConfigError(
            "AdversarialLoss: expected a step of two models, whose losses take scores alone. A Trainer has one model "
            "and targets: write the step as a function, and compile_step(function)."
        )

    def config(self):
        return {"kind": self.kind, "part": self.part}


class AdversarialLoss:
    """The losses of a discriminator and a generator, which play against each other: three losses of scores.

    With s_r and s_f the discriminator's scores of real and of made samples, any numbers, and ζ(s) = log(1 + exp(s)):

        kind              discriminator_real    discriminator_fake    generator
        "minimax"         mean ζ(-s_r)          mean ζ(s_f)           -mean ζ(s_f)
        "non_saturating"  mean ζ(-s_r)          mean ζ(s_f)           mean ζ(-s_f)
        "least_squares"   ½ mean (s_r - 1)²     ½ mean s_f²           ½ mean (s_f - 1)²
        "hinge"           mean max(0, 1 - s_r)  mean max(0, 1 + s_f)  -mean s_f
        "wasserstein"     -mean s_r             mean s_f              -mean s_f

    Each is a loss of its own, `forward(S)` and then `backward()`, so the halves of a step follow each other:

        loss.discriminator_real.forward(D.forward(real, training=True))
        D.backward(loss.discriminator_real.backward(), input_gradient=False)
        loss.discriminator_fake.forward(D.forward(fake, training=True))
        D.backward(loss.discriminator_fake.backward(), accumulate=True, input_gradient=False)

    and the generator's gradient is `D.backward(loss.generator.backward(), parameters=False)` after a forward on the
    fakes alone. Where the discriminator is sure of a fake, the minimax gradient -σ(s_f) vanishes and the non-saturating
    one, -σ(-s_f), does not. For "wasserstein" the weights of the discriminator have to be clipped after its step; a
    penalty on its gradient needs second derivatives, and there is none.
    Derivation: docs/derivations/AdversarialLoss-minimax.md, and one for each kind.
    Reference: docs/equations.md, section 4.4.
    """

    @arguments_checked
    def __init__(self, kind: str = "non_saturating"):
        if not isinstance(kind, str) or kind not in ADVERSARIAL_KINDS:
            known = ", ".join(map(repr, ADVERSARIAL_KINDS))
            raise ConfigError(f"AdversarialLoss: expected kind as one of {known}, got {shown(kind)}.")
        self.kind = kind
        self.discriminator_real = ScoreLoss(kind, "real")
        self.discriminator_fake = ScoreLoss(kind, "fake")
        self.generator = ScoreLoss(kind, "generator")

    def config(self) -> dict:
        """The constructor's arguments, as JSON-able values."""
        return {"kind": self.kind}

    def __repr__(self) -> str:
        return f"AdversarialLoss(kind={self.kind!r})"


_NAMES = {"real": "discriminator_real", "fake": "discriminator_fake", "generator": "generator"}
