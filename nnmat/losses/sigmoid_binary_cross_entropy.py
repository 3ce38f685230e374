"""Binary cross-entropy of the sigmoid, from logits."""

import numpy as np

from nnmat_kernels.losses.elementwise_losses import weighted_sigmoid_binary_cross_entropy
from nnmat_kernels.losses.targets import as_array_of_targets, as_targets

from ..calls import loss_equations
from ..checks import number
from .base import Loss, output_rows


class SigmoidBinaryCrossEntropy(Loss):
    """Mean binary cross-entropy between targets and σ(H), computed from the logits H, each entry for itself.

    Forward, with ζ(h) = log(1 + exp(h)) = max(h, 0) + log1p(exp(-|h|))
        l(h, y) = w y ζ(-h) + (1 - y) ζ(h)
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    Backward
        G_bm = s_b/(D M) ((1 - y_bm) σ(h_bm) - w y_bm σ(-h_bm))
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1), from 0 to 1, floats or
        integers; s = `sample_weight` of shape (...); G as H.
    Errors: LabelError (target outside 0..1 or NaN), ShapeError, DtypeError, ConfigError, StateError.
    Reference: docs/equations.md, section 4.2.

    w = `positive_weight` weighs the positive targets (1 = not at all). From probabilities the same loss overflows:
    that is why it takes logits and no Sigmoid layer stands before it.
    """

    recordable = True

    def __init__(self, positive_weight: float = 1.0):
        super().__init__()
        self.positive_weight = number(
            "SigmoidBinaryCrossEntropy", "positive_weight", positive_weight, 0.0, hint="Try negatives / positives."
        )

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_sigmoid_binary_cross_entropy(
            H,
            y,
            positive_weight=self.positive_weight,
            sample_weight=call.sample_weight,
            who="SigmoidBinaryCrossEntropy",
        )
        return value

    def check_targets(self, y, output_shape):
        who = "SigmoidBinaryCrossEntropy"
        y = as_array_of_targets(who, y, booleans=True)
        as_targets(who, y, output_rows(who, y, output_shape), np.dtype(np.float64), low=0.0, high=1.0)

    def config(self):
        return {"positive_weight": self.positive_weight}
