"""Any network, by a function that builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .base import built_by
from .kinds import Classifier, Regressor
from .networks import perceptron


@dataclass(eq=False, repr=False)
class NetClassifier(Classifier):
    """A network of your own that tells classes.

    model: a function (features, outputs, **model_options) that returns a layer, not built, from rows of `features`
    numbers to rows of `outputs` numbers; None: one Linear. A layer that is built keeps its values, whatever
    random_state says.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.
    """

    model: Callable[..., Any] | None = None
    model_options: Mapping[str, Any] | None = None

    def _network(self, features, outputs):
        if self.model is None:
            return perceptron(self._who, outputs, (), "relu", 0.0, False)
        return [built_by(self._who, self.model, features, outputs, self.model_options)]


@dataclass(eq=False, repr=False)
class NetRegressor(Regressor):
    """A network of your own that tells numbers.

    model: a function (features, outputs, **model_options) that returns a layer, not built, from rows of `features`
    numbers to rows of `outputs` numbers; None: one Linear. A layer that is built keeps its values, whatever
    random_state says.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.
    """

    model: Callable[..., Any] | None = None
    model_options: Mapping[str, Any] | None = None

    def _network(self, features, outputs):
        if self.model is None:
            return perceptron(self._who, outputs, (), "relu", 0.0, False)
        return [built_by(self._who, self.model, features, outputs, self.model_options)]
