"""The Kullback-Leibler divergence, from logarithms of probabilities."""

import numpy as np

from nnmat_kernels.losses.likelihoods import weighted_kl_divergence

from ..calls import loss_equations
from ..checks import flag
from .base import Loss, check_entries


class KLDivergence(Loss):
    """Mean over rows of KL(y ‖ q), the divergence of q = exp(H) from the targets y. H comes from a LogSoftmax.

    Forward, with 0 log 0 = 0
        loss_b = Σ_m y_bm (log y_bm - h_bm)
        value  = (1/D) Σ_b s_b loss_b                          D = Σ_b s_b
    For `reduction="sum"` 1 stands for D; "none" gives the terms of the sums as H. PyTorch calls this mean "batchmean".
    Backward
        G_bm = -s_b y_bm/D
    Shapes: H (..., M) float32 or float64; y of H's shape, >= 0, or, with `log_target`, logarithms, -inf among them;
        s = `sample_weight` of shape (...), or for entries of H's; G as H.
    Errors: LabelError (a target below 0, NaN or infinite), ShapeError, DtypeError, DataError (weights), ConfigError
        (options), StateError.
    Derivation: docs/derivations/KLDivergence.md.
    Reference: docs/equations.md, section 4.6.

    Of logits the same gradient up to that of the softmax is `SoftmaxCrossEntropy` with float targets: it differs by the
    entropy of y, which does not depend on H.
    """

    recordable = True

    def __init__(self, log_target: bool = False, reduction: str = "mean"):
        super().__init__(reduction)
        self.log_target = flag("KLDivergence", "log_target", log_target)

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_kl_divergence(
            H, y, self.log_target, sample_weight=call.sample_weight, reduction=self.reduction, who="KLDivergence"
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("KLDivergence", y, output_shape, -np.inf if self.log_target else 0.0)

    def config(self):
        return {"log_target": self.log_target, **super().config()}
