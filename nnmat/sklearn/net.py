"""Any network, by a function that builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import shown
from ..errors import ConfigError
from ..layers import Layer
from .base import Estimator
from .kinds import Classifier, Regressor
from .networks import perceptron


@dataclass(eq=False, repr=False)
class Net(Estimator):
    """The options of a network of one's own."""

    model: Callable[..., Any] | None = None
    model_options: Mapping[str, Any] | None = None

    def _network(self, features, outputs):
        if self.model is None:
            return perceptron(self._who, outputs, (), "relu", 0.0, False)
        return [built_by(self._who, self.model, features, outputs, self.model_options)]


@dataclass(eq=False, repr=False)
class NetClassifier(Classifier, Net):
    """A network of your own that tells classes.

    model: a function (features, outputs, **model_options) that returns a layer, not built, from rows of `features`
    numbers to rows of `outputs` numbers; None: one Linear. A layer that is built keeps its values, whatever
    random_state says.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.
    """


@dataclass(eq=False, repr=False)
class NetRegressor(Regressor, Net):
    """A network of your own that tells numbers.

    model: a function (features, outputs, **model_options) that returns a layer, not built, from rows of `features`
    numbers to rows of `outputs` numbers; None: one Linear. A layer that is built keeps its values, whatever
    random_state says.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.
    """


def built_by(who: str, function: Any, features: int, outputs: int, options: Mapping[str, Any] | None) -> Layer:
    """The model that a function makes; ConfigError if it makes none."""
    make: Callable[..., Any] = function
    if not callable(function) or isinstance(function, Layer):
        raise ConfigError(
            f"{who}: expected model as a function (features, outputs) -> Layer, got {shown(function)}. Try "
            "model=lambda features, outputs: nnmat.Linear(features, outputs)."
        )
    found = make(features, outputs, **dict(options or {}))
    if not isinstance(found, Layer):
        raise ConfigError(f"{who}: expected model(features, outputs) to return a Layer, got {shown(found)}.")
    return found
