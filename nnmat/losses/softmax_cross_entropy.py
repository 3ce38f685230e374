"""Cross-entropy of the softmax, from logits."""

import warnings
from collections.abc import Sequence

import numpy as np

from nnmat_kernels import unchecked
from nnmat_kernels.losses.softmax_cross_entropy import weighted_softmax_cross_entropy
from nnmat_kernels.losses.targets import as_array_of_targets, as_labels, as_targets, labels_only

from ..calls import loss_equations
from ..checks import are_logits_and_labels, number, real_array
from ..errors import ConfigError, ShapeError
from .base import Loss, output_rows


class SoftmaxCrossEntropy(Loss):
    """Mean cross-entropy between targets and softmax(H), computed from the logits H.

    Forward, for row b with target y_b (one-hot from a label, or given), over M classes
        t_bc   = w_c ((1 - eps) y_bc + eps/M)
        loss_b = (1ᵀt_b) lse(h_b) - t_bᵀ h_b        lse(h) = log 1ᵀ exp(h)
        value  = (1/D) Σ_b s_b loss_b               `reduction="sum"`: D = 1; "none": the s_b loss_b, of shape (...)
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
    Derivation: docs/derivations/SoftmaxCrossEntropy.md.
    Reference: docs/equations.md, sections 4.1 and 2.5 (the source's example EX-4-1).

    eps = `label_smoothing` from 0 to 1; `ignore_index`: rows with this label are left out (they may hold NaN);
    w = `class_weight`, one number >= 0 per class. A class whose logit is -inf is excluded: it gets no smoothing mass,
    which is spread over the other classes, so the loss stays finite unless the label itself is excluded. NaN logits
    give a NaN loss. A first batch that looks like probabilities is warned of.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        class_weight: np.ndarray | Sequence[float] | None = None,
        reduction: str = "mean",
    ):
        super().__init__(reduction)
        who = "SoftmaxCrossEntropy"
        self.label_smoothing = number(who, "label_smoothing", label_smoothing, 0.0, 1.0, "Common values: 0 and 0.1.")
        if ignore_index is not None and (
            isinstance(ignore_index, bool) or not isinstance(ignore_index, int | np.integer)
        ):
            raise ConfigError(f"{who}: expected ignore_index as an integer or None, got {ignore_index!r}. Try -100.")
        self.ignore_index = None if ignore_index is None else int(ignore_index)
        self.class_weight = None if class_weight is None else _class_weights(who, class_weight)
        self._plain = (
            reduction == "mean" and self.label_smoothing == 0.0 and ignore_index is None and class_weight is None
        )
        self.looked = False  # whether the first logits were looked at, or somebody has said what is to be said

    labels = True
    recordable = True

    @loss_equations
    def forward(self, H, y, call):
        usual = self._plain and call.sample_weight is None and are_logits_and_labels(H, y)
        if not (usual and self.looked and H.shape[1] > 1):
            self._look(H)
        if usual:
            call.divisor = float(len(y))
            value, call.G = unchecked.softmax_cross_entropy(H, y, who="SoftmaxCrossEntropy")
        else:
            value, call.G, call.divisor = weighted_softmax_cross_entropy(
                H,
                y,
                label_smoothing=self.label_smoothing,
                ignore_index=self.ignore_index,
                class_weight=self.class_weight,
                sample_weight=call.sample_weight,
                reduction=self.reduction,
                who="SoftmaxCrossEntropy",
            )
        return value

    def _look(self, H) -> None:
        """At the shape of unusual logits, and at the numbers of the first ones."""
        if not isinstance(H, np.ndarray):
            return  # the kernel says so
        _refuse_one_column(H.shape)
        if not self.looked and H.dtype.kind == "f" and H.ndim > 1:
            _warn_of_probabilities(H)
            self.looked = True

    def check_targets(self, y, output_shape):
        who = "SoftmaxCrossEntropy"
        y = as_array_of_targets(who, y)
        H_shape = output_rows(who, y, output_shape)
        _refuse_one_column(H_shape)
        if y.dtype.kind == "f":
            labels_only(who, self.ignore_index)
            as_targets(who, y, H_shape, y.dtype, low=None if self.class_weight is None else 0.0, labels=True)
        else:
            as_labels(who, y, H_shape, self.ignore_index)

    def config(self):
        return {
            "label_smoothing": self.label_smoothing,
            "ignore_index": self.ignore_index,
            "class_weight": None if self.class_weight is None else self.class_weight.tolist(),
            **super().config(),
        }


def _refuse_one_column(H_shape: tuple) -> None:
    if len(H_shape) > 1 and H_shape[-1] == 1:
        raise ShapeError(
            f"SoftmaxCrossEntropy: expected H with a column for each class, got shape {H_shape}: of one class the loss "
            "is always 0. For two classes and one logit use SigmoidBinaryCrossEntropy, or give the model two outputs."
        )


def _warn_of_probabilities(H: np.ndarray) -> None:
    """Logits whose rows all add up to 1, none of them below 0 and not all of them 0 or 1, are none."""
    if H.size and H.min() >= 0 and ((H > 0) & (H < 1)).any() and np.allclose(H.sum(axis=-1), 1, rtol=0, atol=1e-4):
        warnings.warn(
            "SoftmaxCrossEntropy: expected logits H, got rows that add up to 1, which look like probabilities. The "
            "softmax is a part of the loss: leave out the Softmax before it.",
            UserWarning,
            stacklevel=5,
        )


def _class_weights(who: str, class_weight) -> np.ndarray:
    rule = f"{who}: expected class_weight as one finite number >= 0 per class"
    remedy = "Try n / (M * np.bincount(y)) for balanced classes."
    if isinstance(class_weight, dict):
        raise ConfigError(f"{rule}, got a dict. Give a list: [class_weight.get(c, 1.0) for c in range(M)].")
    if isinstance(class_weight, str):
        raise ConfigError(f"{rule}, got {class_weight!r}. {remedy}")
    w = real_array(who, "class_weight", class_weight).astype(np.float64)
    if w.ndim == 1 and np.isinf(w).any():
        remedy = "For classes without a sample: n / (M * np.maximum(np.bincount(y, minlength=M), 1))."
    elif w.ndim == 1 and not w.any():
        remedy = "With all of them 0 there is nothing to learn."
    if w.ndim != 1 or not (np.isfinite(w) & (w >= 0)).all() or not w.any():
        raise ConfigError(f"{rule}, got {class_weight!r:.200}. {remedy}")
    return w
