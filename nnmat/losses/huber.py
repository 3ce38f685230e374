"""The squared error near the target, and the absolute one far from it."""

from nnmat_kernels.losses.distances import weighted_huber_loss

from ..calls import loss_equations
from ..checks import positive
from ..errors import ConfigError
from .base import Loss, check_entries

STEEPEST = 1e38  # a slope that float32 holds


class Huber(Loss):
    """Mean of Huber's function of the differences over all entries: a parabola, and lines beyond δ = `delta`.

    Forward, with r = h - y
        l(h, y) = r²/2 for |r| <= δ, else δ (|r| - δ/2)
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    For `reduction="sum"` 1 stands for D M; "none" gives s_bm l(h_bm, y_bm) as H.
    Backward
        G_bm = s_b/(D M) max(-δ, min(δ, h_bm - y_bm))
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1); s = `sample_weight` of
        shape (...), or for entries of H's; G as H.
    Errors: LabelError (a target that is NaN or infinite), ShapeError, DtypeError, DataError (weights),
        ConfigError (options), StateError.
    Derivation: docs/derivations/Huber.md.
    Reference: docs/equations.md, section 4.5; Huber 1964.
    """

    recordable = True

    def __init__(self, delta: float = 1.0, reduction: str = "mean"):
        super().__init__(reduction)
        self.delta = positive("Huber", "delta", delta)

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_huber_loss(
            H, y, self.delta, sample_weight=call.sample_weight, reduction=self.reduction, who="Huber"
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("Huber", y, output_shape)

    def config(self):
        return {"delta": self.delta, **super().config()}


class SmoothL1(Loss):
    """Huber's function divided by β = `beta`, where it turns from a parabola to lines of slope 1.

    Forward, with r = h - y
        l(h, y) = r²/(2β) for |r| <= β, else |r| - β/2
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    For `reduction="sum"` 1 stands for D M; "none" gives s_bm l(h_bm, y_bm) as H.
    Backward
        G_bm = s_b/(D M) max(-1, min(1, (h_bm - y_bm)/β))
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1); s = `sample_weight` of
        shape (...), or for entries of H's; G as H.
    Errors: LabelError (a target that is NaN or infinite), ShapeError, DtypeError, DataError (weights),
        ConfigError (options), StateError.
    Derivation: docs/derivations/SmoothL1.md.
    Reference: docs/equations.md, section 4.5.
    """

    recordable = True

    def __init__(self, beta: float = 1.0, reduction: str = "mean"):
        super().__init__(reduction)
        hint = "With 0 it would be the absolute error: write L1()."
        self.beta = positive("SmoothL1", "beta", beta, hint)
        if 1.0 / self.beta > STEEPEST:
            raise ConfigError(f"SmoothL1: expected beta >= {1 / STEEPEST:g}, got {beta!r}. {hint}")

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_huber_loss(
            H,
            y,
            self.beta,
            1.0 / self.beta,
            sample_weight=call.sample_weight,
            reduction=self.reduction,
            who="SmoothL1",
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("SmoothL1", y, output_shape)

    def config(self):
        return {"beta": self.beta, **super().config()}
