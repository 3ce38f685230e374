"""The absolute error."""

from nnmat_kernels.losses.distances import weighted_l1_loss

from ..calls import loss_equations
from .base import Loss, check_entries


class L1(Loss):
    """Mean of the absolute differences over all entries.

    Forward
        l(h, y) = |h - y|
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    For `reduction="sum"` 1 stands for D M; "none" gives s_bm l(h_bm, y_bm) as H.
    Backward
        G_bm = s_b/(D M) sign(h_bm - y_bm)                     0 where they are equal
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1); s = `sample_weight` of
        shape (...), or for entries of H's; G as H.
    Errors: LabelError (a target that is NaN or infinite), ShapeError, DtypeError, DataError (weights),
        ConfigError (options), StateError.
    Derivation: docs/derivations/L1.md.
    Reference: docs/equations.md, section 4.5.
    """

    recordable = True

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_l1_loss(
            H, y, sample_weight=call.sample_weight, reduction=self.reduction, who="L1"
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("L1", y, output_shape)
