"""The likelihood of counts."""

from nnmat_kernels.losses.likelihoods import weighted_poisson_negative_log_likelihood

from ..calls import loss_equations
from ..checks import flag, number
from .base import Loss, check_entries


class PoissonNegativeLogLikelihood(Loss):
    """Mean over all entries of the negative log-likelihood of counts y whose rates are outputs.

    Forward
        l(h, y) = exp(h) - y h                                 H are logarithms of rates
        l(h, y) = h - y log(h + ε)                             H are rates: `log_input=False`
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    For `reduction="sum"` 1 stands for D M; "none" gives s_bm l(h_bm, y_bm) as H.
    Backward
        G_bm = s_b/(D M) (exp(h_bm) - y_bm)    or              s_b/(D M) (1 - y_bm/(h_bm + ε))
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1), at least 0; s =
        `sample_weight` of shape (...), or for entries of H's; G as H.
    Errors: LabelError (a target below 0, NaN or infinite), ShapeError, DtypeError, DataError (weights),
        ConfigError (options), StateError.
    Derivation: docs/derivations/PoissonNegativeLogLikelihood.md.
    Reference: docs/equations.md, section 4.7.

    ε = `eps`. `full` adds Stirling's y log y - y + ½ log(2πy), nearly log y!, where y > 1: it does not depend on H.
    """

    recordable = True

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"):
        super().__init__(reduction)
        who = "PoissonNegativeLogLikelihood"
        self.log_input, self.full = flag(who, "log_input", log_input), flag(who, "full", full)
        self.eps = number(who, "eps", eps, 0.0)

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_poisson_negative_log_likelihood(
            H,
            y,
            self.log_input,
            self.full,
            self.eps,
            sample_weight=call.sample_weight,
            reduction=self.reduction,
            who="PoissonNegativeLogLikelihood",
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("PoissonNegativeLogLikelihood", y, output_shape, 0.0)

    def config(self):
        return {"log_input": self.log_input, "full": self.full, "eps": self.eps, **super().config()}
