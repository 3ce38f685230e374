"""Binary cross-entropy of the sigmoid, from logits."""

from collections.abc import Sequence

import numpy as np

from nnmat_kernels.losses.elementwise_losses import weighted_sigmoid_binary_cross_entropy

from ..calls import loss_equations
from ..checks import number, real_array, shown
from ..errors import ConfigError
from .base import Loss, check_entries


class SigmoidBinaryCrossEntropy(Loss):
    """Mean binary cross-entropy between targets and σ(H), computed from the logits H, each entry for itself.

    Forward, with ζ(h) = log(1 + exp(h)) = max(h, 0) + log1p(exp(-|h|))
        l(h, y) = w y ζ(-h) + (1 - y) ζ(h)
        value   = (1/D) Σ_b s_b (1/M) Σ_m l(h_bm, y_bm)        D = Σ_b s_b
    For `reduction="sum"` 1 stands for D M; "none" gives l_bm = s_b l(h_bm, y_bm).
    Backward
        G_bm = s_b/(D M) ((1 - y_bm) σ(h_bm) - w y_bm σ(-h_bm))
    Shapes: H (..., M) float32 or float64; y of H's shape (or without the last axis if M = 1), from 0 to 1, floats or
        integers; s = `sample_weight` of shape (...), or for entries of H's, as PyTorch's `weight`; G as H; l as H.
    Errors: LabelError (target outside 0..1 or NaN), ShapeError, DtypeError, ConfigError, StateError.
    Derivation: docs/derivations/SigmoidBinaryCrossEntropy.md.
    Reference: docs/equations.md, section 4.2.

    w = `positive_weight` weighs the positive targets (1 = not at all): a number, or one for each of the M columns.
    From probabilities the same loss overflows: that is why it takes logits and no Sigmoid layer stands before it.
    """

    recordable = True

    def __init__(self, positive_weight: float | np.ndarray | Sequence[float] = 1.0, reduction: str = "mean"):
        super().__init__(reduction)
        who, name, hint = "SigmoidBinaryCrossEntropy", "positive_weight", "Try negatives / positives."
        self.positive_weight: float | np.ndarray
        if isinstance(positive_weight, np.ndarray | list | tuple):
            self.positive_weight = real_array(who, name, positive_weight).astype(np.float64)
            if self.positive_weight.ndim != 1:
                raise ConfigError(
                    f"{who}: expected {name} as one number, or as one for each column, got "
                    f"{shown(self.positive_weight)}. {hint}"
                )
            for w in self.positive_weight.tolist():
                number(who, name, w, 0.0, hint=hint)
        else:
            self.positive_weight = number(who, name, positive_weight, 0.0, hint=hint)

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_sigmoid_binary_cross_entropy(
            H,
            y,
            positive_weight=self.positive_weight,
            sample_weight=call.sample_weight,
            reduction=self.reduction,
            who="SigmoidBinaryCrossEntropy",
        )
        return value

    def check_targets(self, y, output_shape):
        check_entries("SigmoidBinaryCrossEntropy", y, output_shape, 0.0, 1.0)

    def config(self):
        w = self.positive_weight
        return {"positive_weight": w.tolist() if isinstance(w, np.ndarray) else w, **super().config()}
