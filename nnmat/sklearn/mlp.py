"""Fully connected networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import flag
from .kinds import Classifier, Regressor
from .networks import perceptron


@dataclass(eq=False, repr=False)
class MLPClassifier(Classifier):
    """A fully connected network that tells classes.

    TEXT
    """

    hidden_layer_sizes: Sequence[int] | int = (100,)
    activation: Any = "relu"
    dropout: Any = 0.0
    batch_norm: bool = False

    def _network(self, features, outputs):
        norm = flag(self._who, "batch_norm", self.batch_norm)
        return perceptron(self._who, outputs, self.hidden_layer_sizes, self.activation, self.dropout, norm)


@dataclass(eq=False, repr=False)
class MLPRegressor(Regressor):
    """A fully connected network that tells numbers.

    TEXT
    """

    hidden_layer_sizes: Sequence[int] | int = (100,)
    activation: Any = "relu"
    dropout: Any = 0.0
    batch_norm: bool = False

    def _network(self, features, outputs):
        norm = flag(self._who, "batch_norm", self.batch_norm)
        return perceptron(self._who, outputs, self.hidden_layer_sizes, self.activation, self.dropout, norm)
