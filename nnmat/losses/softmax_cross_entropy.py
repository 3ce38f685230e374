"""Cross-entropy of the softmax, from logits."""

from collections.abc import Sequence

import numpy as np

from nnmat_kernels import unchecked
from nnmat_kernels.losses.softmax_cross_entropy import weighted_softmax_cross_entropy
from nnmat_kernels.losses.targets import as_array_of_targets, as_labels, as_targets, labels_only

from ..calls import loss_equations
from ..checks import are_logits_and_labels, number
from ..errors import ConfigError
from .base import Loss, output_rows


class SoftmaxCrossEntropy(Loss):
    """Mean cross-entropy between targets and softmax(H), computed from the logits H.

    Forward, for row b with target y_b (one-hot from a label, or given), over M classes
        t_bc   = w_c ((1 - eps) y_bc + eps/M)
        loss_b = (1ᵀt_b) lse(h_b) - t_bᵀ h_b        lse(h) = log 1ᵀ exp(h)
        value  = (1/D) Σ_b s_b loss_b
    Backward
        G_b = (s_b/D) ((1ᵀt_b) softmax(h_b) - t_b)          (softmax(h_b) - y_b holds only if 1ᵀt_b = 1)
    Divisor: labels: D = Σ_b s_b w_{y_b} over the rows that are not ignored, so without weights the number of those
        rows. Float targets: D = Σ_b s_b (y_bᵀw)/(y_bᵀ1), which agrees with labels for one-hot rows, and without
        class weights is the number of rows, whatever their sums. All rows ignored: value 0.0, zero gradient, D = 0.
    Shapes: H (..., M) float32 or float64; y integer labels of shape (...) or float targets (..., M) with any row
        sums; s = `sample_weight` of shape (...); G as H.
    Errors: LabelError (label out of range, NaN among the targets), ShapeError, DtypeError (`ignore_index` with float
        targets, which have no labels), ConfigError (options),
        StateError (backward before forward).
    Reference: docs/equations.md, sections 4.1 and 2.5 (the source's example EX-4-1).

    eps = `label_smoothing` from 0 to 1; `ignore_index`: rows with this label are left out (they may hold NaN);
    w = `class_weight`, one number >= 0 per class. A class whose logit is -inf is excluded: it gets no smoothing mass,
    which is spread over the other classes, so the loss stays finite unless the label itself is excluded. NaN logits
    give a NaN loss.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        class_weight: np.ndarray | Sequence[float] | None = None,
    ):
        super().__init__()
        who = "SoftmaxCrossEntropy"
        self.label_smoothing = number(who, "label_smoothing", label_smoothing, 0.0, 1.0, "Common values: 0 and 0.1.")
        if ignore_index is not None and (
            isinstance(ignore_index, bool) or not isinstance(ignore_index, int | np.integer)
        ):
            raise ConfigError(f"{who}: expected ignore_index as an integer or None, got {ignore_index!r}. Try -100.")
        self.ignore_index = None if ignore_index is None else int(ignore_index)
        self.class_weight = None if class_weight is None else _class_weights(who, class_weight)
        self._plain = self.label_smoothing == 0.0 and ignore_index is None and class_weight is None

    @loss_equations
    def forward(self, H, y, call):
        if self._plain and call.sample_weight is None and are_logits_and_labels(H, y):  # the usual case
            call.G, call.divisor = np.empty(H.shape, H.dtype), float(len(y))
            value = unchecked.softmax_cross_entropy(H, y, call.G, "SoftmaxCrossEntropy")
        else:
            value, call.G, call.divisor = weighted_softmax_cross_entropy(
                H,
                y,
                label_smoothing=self.label_smoothing,
                ignore_index=self.ignore_index,
                class_weight=self.class_weight,
                sample_weight=call.sample_weight,
                who="SoftmaxCrossEntropy",
            )
        return value

    def check_targets(self, y, output_shape):
        who = "SoftmaxCrossEntropy"
        y = as_array_of_targets(who, y)
        H_shape = output_rows(who, y, output_shape)
        if y.dtype.kind == "f":
            labels_only(who, self.ignore_index)
            as_targets(who, y, H_shape, y.dtype, low=None if self.class_weight is None else 0.0)
        else:
            as_labels(who, y, H_shape, self.ignore_index)

    def config(self):
        return {
            "label_smoothing": self.label_smoothing,
            "ignore_index": self.ignore_index,
            "class_weight": None if self.class_weight is None else self.class_weight.tolist(),
        }


def _class_weights(who: str, class_weight) -> np.ndarray:
    try:
        w = np.array(class_weight, np.float64)
    except (TypeError, ValueError):
        w = np.empty((0, 0))
    if w.ndim != 1 or not (np.isfinite(w) & (w >= 0)).all():
        raise ConfigError(
            f"{who}: expected class_weight as one finite number >= 0 per class, got {class_weight!r}. "
            "Try n / (M * np.bincount(y)) for balanced classes."
        )
    return w
