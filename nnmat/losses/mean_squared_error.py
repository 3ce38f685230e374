"""The squared error."""

from nnmat_kernels.losses.elementwise_losses import weighted_mean_squared_error

from ..calls import loss_equations
from .base import Loss, check_entries


class MeanSquaredError(Loss):
    """Mean of the squared differences over all entries.

    Forward; for `reduction="sum"` 1 stands for D M, and "none" gives l_bm = s_b (h_bm - y_bm)²
        value = (1/D) Σ_b s_b (1/M) ‖h_b - y_b‖²        D = Σ_b s_b        (without weights ‖H - Y‖²/(B M))
    Backward
        G_b = 2 s_b/(D M) (h_b - y_b)
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1); s = `sample_weight` of
        shape (...), or for entries of H's; G as H; l as H.
    Errors: LabelError (a target that is NaN or infinite), ShapeError, DtypeError, ConfigError (reduction), StateError.
    Derivation: docs/derivations/MeanSquaredError.md.
    Reference: docs/equations.md, sections 4.3 and 2.2 (the source's example EX-2-2: there a sum, without 1/(B M)).
    """

    recordable = True

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_mean_squared_error(
            H, y, sample_weight=call.sample_weight, reduction=self.reduction, who="MeanSquaredError"
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("MeanSquaredError", y, output_shape)
