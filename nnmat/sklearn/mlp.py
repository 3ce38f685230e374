"""Fully connected networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import flag
from .base import Estimator
from .kinds import Classifier, Regressor
from .networks import perceptron


@dataclass(eq=False, repr=False)
class Perceptron(Estimator):
    """The options of a fully connected network."""

    hidden_layer_sizes: Sequence[int] | int = (100,)
    activation: Any = "relu"
    dropout: Any = 0.0
    batch_norm: bool = False

    def _network(self, features, outputs):
        norm = flag(self._who, "batch_norm", self.batch_norm)
        return perceptron(self._who, outputs, self.hidden_layer_sizes, self.activation, self.dropout, norm)


@dataclass(eq=False, repr=False)
class MLPClassifier(Classifier, Perceptron):
    """A fully connected network that tells classes: one of several, or several labels (y of 0 and 1, a column each).

    hidden_layer_sizes: units of each hidden layer. activation: a name, or one for each hidden layer. dropout: the share
    of units left out after each hidden layer, or one for each. batch_norm: a BatchNorm1d before each activation.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.

        MLPClassifier((100, 50), ["gelu", "tanh"], dropout=0.2, early_stopping=True).fit(X, y).predict_proba(X)
    """


@dataclass(eq=False, repr=False)
class MLPRegressor(Regressor, Perceptron):
    """A fully connected network that tells numbers: y (n,) or (n, K).

    hidden_layer_sizes: units of each hidden layer. activation: a name, or one for each hidden layer. dropout: the share
    of units left out after each hidden layer, or one for each. batch_norm: a BatchNorm1d before each activation.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.

        MLPRegressor((100, 50), ["gelu", "tanh"], dropout=0.2, early_stopping=True).fit(X, y).predict(X)
    """
