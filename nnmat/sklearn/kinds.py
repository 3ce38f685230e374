"""The two kinds of estimators: of classes, and of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d, validate_data

from ..errors import ConfigError
from .base import FLOATS, Estimator
from .targets import Classes, Numbers


def _has_probabilities(estimator) -> bool:
    """Whether `predict_proba` has a meaning; said of one that is not fitted, too, where the loss says it."""
    if hasattr(estimator, "_targets"):
        found = estimator._targets.has_probabilities
    else:
        probe = Classes(type(estimator).__name__, np.array([0, 1]), estimator.loss)
        found = probe.has_probabilities
    if not found:
        raise AttributeError(
            f"{type(estimator).__name__}: there are no probabilities with loss={estimator.loss!r}. "
            "decision_function(X) gives the outputs."
        )
    return True


@dataclass(eq=False, repr=False)
class Classifier(ClassifierMixin, Estimator):
    """What classifiers have beside the rest: `class_weight`, a dict or "balanced", as in scikit-learn; `classes_`."""

    class_weight: Mapping[Any, float] | str | list | None = field(default=None, kw_only=True)

    _stratifies = True

    def partial_fit(self, X, y, classes=None, sample_weight=None) -> Self:
        """One epoch on X and y. The first call needs `classes`, all there will be, unless y has all of them."""
        if classes is not None and len(classes) == 0:
            raise ConfigError(f"{self._who}: expected classes as all classes that y will have, got none.")
        return self._partial_fit(X, y, classes, sample_weight)

    def _checked(self, X, y, reset):
        X, y = validate_data(self, X, y, dtype=FLOATS, multi_output=True, reset=reset)
        if hasattr(y, "toarray"):
            y = y.toarray()
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _all_classes(self, y):
        check_classification_targets(y)
        if y.ndim == 1:
            return np.unique(y)
        return None if type_of_target(y) == "multilabel-indicator" else [np.unique(column) for column in y.T]

    def _new_targets(self, y, weight, classes):
        found = Classes(self._who, y, self.loss, classes)
        self.classes_ = found.classes
        self.n_outputs_ = found.outputs
        return found

    def _class_weights(self, y, whole):
        if self.class_weight is None:
            return None
        if not whole and isinstance(self.class_weight, str):
            raise ConfigError(
                f"{self._who}: expected class_weight as a dict for partial_fit, got {self.class_weight!r}: the numbers "
                "of all samples are not known."
            )
        return compute_sample_weight(self.class_weight, y)

    def decision_function(self, X):
        """The outputs (n, classes); of two classes their difference (n,), above 0 for the second one."""
        H = self._outputs(X)
        found, columns = self._targets.decisions(H), self._columns()
        if self._targets.kind == "classes" and found.ndim == 1:
            columns = [self.classes_[1]]
        return self._framed(X, found, columns)

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """The probabilities (n, classes); of several labels (n, labels), each for itself."""
        H = self._outputs(X)
        return self._framed(X, self._targets.probabilities(H), self._columns())

    def _columns(self) -> list | None:
        """The names of the columns of outputs: classes, or labels by their names, if they had some."""
        return self._target_names if self._targets.kind == "labels" else list(self.classes_)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """The logarithms of `predict_proba`."""
        P = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return [np.log(part) for part in P] if isinstance(P, list) else np.log(P)  # of a frame, a frame

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


@dataclass(eq=False, repr=False)
class Regressor(RegressorMixin, Estimator):
    """What regressors have beside the rest."""

    def partial_fit(self, X, y, sample_weight=None) -> Self:
        """One epoch on X and y."""
        return self._partial_fit(X, y, None, sample_weight)

    def _checked(self, X, y, reset):
        X, y = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True, reset=reset)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _new_targets(self, y, weight, classes):
        found = Numbers(self._who, y, self.loss, weight, self._standardizes())
        self.n_outputs_ = found.outputs
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
