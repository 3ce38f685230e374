"""What targets are as arrays for a loss, and what outputs say in terms of the targets."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from nnmat_kernels import sigmoid, softmax

from ..errors import ConfigError, DataError
from ..layers import Layer, LogSoftmax, Unflatten
from ..losses import (
    L1,
    GaussianNegativeLogLikelihood,
    Huber,
    KLDivergence,
    Loss,
    MeanSquaredError,
    PoissonNegativeLogLikelihood,
    SigmoidBinaryCrossEntropy,
    SmoothL1,
    SoftmaxCrossEntropy,
)
from .names import loss as new_loss
from .scaling import Scaling

DIFFERENCES = (MeanSquaredError, L1, Huber, SmoothL1)  # losses of h - y, which a scale and a shift do not harm


def checked_loss(who: str, given: Any, usual: type[Loss]) -> Loss:
    """The loss for "auto", a name, an expression or a Loss."""
    found = usual() if isinstance(given, str) and given == "auto" else new_loss(who, given)
    if not found.targets or isinstance(found, GaussianNegativeLogLikelihood):
        raise ConfigError(
            f"{who}: expected a loss of outputs and targets of one shape, got {found!r}. Use nnmat.Trainer."
        )
    return found


class Numbers:
    """Targets of a regression, (n,) or (n, K): moved to mean 0 and variance 1, where the loss is one of differences."""

    def __init__(self, who: str, y: np.ndarray, given: Any, weight: np.ndarray | None, scaled: bool):
        self.who = who
        self.loss = checked_loss(who, given, MeanSquaredError)
        self.single = y.ndim == 1
        Y = y.reshape(len(y), -1)
        self.outputs = Y.shape[1]
        self.scaling = Scaling(Y, weight) if scaled and isinstance(self.loss, DIFFERENCES) else None

    def encode(self, y: np.ndarray, dtype) -> np.ndarray:
        """Targets (n, K) for the loss."""
        Y = y.reshape(len(y), -1)
        if Y.shape[1] != self.outputs:
            raise DataError(f"{self.who}: expected y with {self.outputs} columns, as before, got {Y.shape[1]}.")
        return Y.astype(dtype) if self.scaling is None else self.scaling.forward(Y, dtype)

    def last_layers(self) -> list[Layer]:
        """What follows the network."""
        return []

    def predict(self, H: np.ndarray) -> np.ndarray:
        """Numbers (n,) or (n, K)."""
        if isinstance(self.loss, PoissonNegativeLogLikelihood) and self.loss.log_input:
            H = np.exp(H)
        if self.scaling is not None:
            H = self.scaling.backward(H)
        return H[:, 0] if self.single else H


class Classes:
    """Targets of a classification: one class for each sample, several independent labels, or several classes.

    `kind`: "classes", y (n,), one output for each class; "labels", y (n, L) of 0 and 1, one output for each label;
    "several", y (n, K), K groups of as many outputs as the largest of them has classes.
    """

    def __init__(self, who: str, y: np.ndarray, given: Any, classes: Any = None):
        self.who = who
        self.kind = "classes" if y.ndim == 1 else "several"
        groups = isinstance(classes, list) and np.ndim(classes[0]) == 1  # then y may be a part that looks like labels
        if not groups and type_of_target(y) == "multilabel-indicator":
            self.kind = "labels"
        usual = SigmoidBinaryCrossEntropy if self.kind == "labels" else SoftmaxCrossEntropy
        self.loss = checked_loss(who, given, usual)
        self.classes: Any
        if self.kind == "classes":
            self.classes = np.unique(y if classes is None else classes)
            self.outputs = len(self.classes)
            if self.outputs < 2:
                raise DataError(
                    f"{who}: expected at least two classes in y, got 1 class: {self.classes.tolist()[0]!r}."
                )
        elif self.kind == "labels":
            self.classes = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
            self.outputs = y.shape[1]
            if isinstance(self.loss, SoftmaxCrossEntropy | KLDivergence):
                raise ConfigError(
                    f"{who}: expected a loss for several labels of a sample, got {self.loss!r}, which is for one. "
                    "Write loss='sigmoid_binary_cross_entropy'."
                )
        else:
            if not isinstance(self.loss, SoftmaxCrossEntropy):
                raise ConfigError(f"{who}: for several classes of a sample the loss is softmax_cross_entropy.")
            self.classes = [np.unique(column) for column in y.T] if classes is None else list(classes)
            self.most = max(2, *map(len, self.classes))
            self.outputs = len(self.classes) * self.most

    def encode(self, y: np.ndarray, dtype) -> np.ndarray:
        """Targets for the loss: numbers of classes (n,) or (n, K), or rows of 0 and 1."""
        columns = 0 if self.kind == "classes" else len(self.classes)
        if (y.shape[1] if y.ndim == 2 else 0) != columns:
            one = f"{columns} columns" if columns else "one class for each sample"
            raise DataError(f"{self.who}: expected y with {one}, as before, got an array of shape {y.shape}.")
        if self.kind == "labels":
            return y.astype(dtype)
        if self.kind == "several":
            return np.stack([self._numbers(c, own) for c, own in zip(y.T, self.classes, strict=True)], axis=1)
        numbers = self._numbers(y, self.classes)
        return numbers if self.loss.labels else np.eye(self.outputs, dtype=dtype)[numbers]

    def _numbers(self, y: np.ndarray, classes: np.ndarray) -> np.ndarray:
        numbers = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        wrong = classes[numbers] != y
        if wrong.any():
            raise DataError(
                f"{self.who}: y has the class {y[wrong].tolist()[0]!r}, which is none of {classes.tolist()}. Fit "
                "anew, without warm_start, or tell the first partial_fit all of them: partial_fit(X, y, classes=...)."
            )
        return numbers.astype(np.int64)

    def last_layers(self) -> list[Layer]:
        """What follows the network: groups of outputs, for several classes; logarithms, where the loss takes them."""
        if isinstance(self.loss, KLDivergence):
            return [LogSoftmax()]
        return [Unflatten((len(self.classes), self.most))] if self.kind == "several" else []

    def predict(self, H: np.ndarray) -> np.ndarray:
        """Classes (n,) or (n, K), or labels (n, L) of 0 and 1."""
        if self.kind == "classes":
            return self.classes[H.argmax(axis=1)]
        if self.kind == "several":
            parts = [own[H[:, i, : len(own)].argmax(axis=1)] for i, own in enumerate(self.classes)]
            return np.stack(parts, axis=1)
        middle = 0.0 if isinstance(self.loss, SigmoidBinaryCrossEntropy) else 0.5
        return np.greater(H, middle).astype(np.int64)

    def decisions(self, H: np.ndarray) -> Any:
        """Outputs (n, M); of two classes the difference (n,)."""
        if self.kind == "several":
            return [H[:, i, : len(own)] for i, own in enumerate(self.classes)]
        return H[:, 1] - H[:, 0] if self.kind == "classes" and self.outputs == 2 else H

    @property
    def has_probabilities(self) -> bool:
        """Whether the loss says what the outputs mean."""
        return isinstance(self.loss, SoftmaxCrossEntropy | SigmoidBinaryCrossEntropy | KLDivergence)

    def probabilities(self, H: np.ndarray) -> Any:
        """P (n, M), the rows of which sum to 1, of labels each for itself; for several classes a list of such."""
        if self.kind == "several":
            return [softmax(np.ascontiguousarray(part)) for part in self.decisions(H)]
        if isinstance(self.loss, SigmoidBinaryCrossEntropy):
            return sigmoid(H) if self.kind == "labels" else softmax(-np.logaddexp(0, -H))  # σ(H)/Σ σ(H)
        return softmax(H)  # of logarithms too
