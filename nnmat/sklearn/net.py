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

    TEXT
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

    TEXT
    """

    model: Callable[..., Any] | None = None
    model_options: Mapping[str, Any] | None = None

    def _network(self, features, outputs):
        if self.model is None:
            return perceptron(self._who, outputs, (), "relu", 0.0, False)
        return [built_by(self._who, self.model, features, outputs, self.model_options)]
