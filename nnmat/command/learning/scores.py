"""How good a model is, beside the simplest guess: the most frequent class, or the mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import NonFiniteError
from ...layers.base import Layer
from ...losses import SoftmaxCrossEntropy
from ...metrics import confusion_matrix
from ...training.evaluation import predict, probabilities
from .recipes import Recipe

BATCH = 256
Row = list[str]


@dataclass(frozen=True)
class ClassScores:
    """Of a classifier: counts (M, M), true classes downwards; `guess`: the class that a guess without looking says."""

    confusion: np.ndarray
    loss: float
    labels: tuple[str, ...]
    guess: int

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return float(np.trace(self.confusion) / self.rows)

    @property
    def baseline(self) -> float:
        """The share that the guess has right."""
        return float(self.confusion[self.guess].sum() / self.rows)

    @property
    def order(self) -> tuple[float, float]:
        """Smaller is better."""
        return -self.accuracy, self.loss

    @property
    def lines(self) -> list[str]:
        """What is printed."""
        right = int(np.trace(self.confusion))
        return [
            f"accuracy {percent(self.accuracy)} ({right} of {self.rows} right)",
            f"baseline {percent(self.baseline)} (always {self.labels[self.guess]!r}, the most frequent class)",
        ]

    @property
    def better(self) -> bool:
        """Whether it is better than the guess."""
        return self.accuracy > self.baseline

    def table(self) -> tuple[Row, list[Row]]:
        """For each class how many there are, how many of them were found, and how many so called are right."""
        said = self.confusion.sum(axis=0)
        rows = []
        for i, label in enumerate(self.labels):
            own, right = int(self.confusion[i].sum()), int(self.confusion[i, i])
            found = percent(right / own) if own else "-"
            rows.append([label, str(own), found, percent(right / int(said[i])) if said[i] else "-"])
        return ["class", "number", "of them found", "so called and right"], rows

    def figures(self) -> dict[str, float]:
        """Numbers for files."""
        return {"accuracy": self.accuracy, "baseline": self.baseline, "loss": self.loss}


@dataclass(frozen=True)
class NumberScores:
    """Of a regression: what is `true` (n,), what was `said` (n,), and the `mean` that a guess without looking says."""

    true: np.ndarray
    said: np.ndarray
    mean: float

    @property
    def rmse(self) -> float:
        """The root of the mean squared error."""
        return float(np.sqrt(np.mean((self.said - self.true) ** 2)))

    @property
    def baseline(self) -> float:
        """The same of the guess."""
        return float(np.sqrt(np.mean((self.mean - self.true) ** 2)))

    @property
    def r2(self) -> float | None:
        """1 - Σ (said - true)² / Σ (true - their mean)²; None where all are equal."""
        spread = float(np.sum((self.true - self.true.mean()) ** 2))
        return 1.0 - float(np.sum((self.said - self.true) ** 2)) / spread if spread > 0 else None

    @property
    def order(self) -> tuple[float, float]:
        """Smaller is better."""
        return self.rmse, 0.0

    @property
    def lines(self) -> list[str]:
        """What is printed."""
        r2 = "not defined, all are equal" if self.r2 is None else f"{self.r2:.3f}"
        away = float(np.abs(self.said - self.true).mean())
        return [
            f"R² {r2}, RMSE {self.rmse:.4g}, on average {away:.4g} away",
            f"baseline RMSE {self.baseline:.4g} (always {self.mean:.4g}, the mean)",
        ]

    @property
    def better(self) -> bool:
        """Whether it is better than the guess."""
        return self.rmse < self.baseline

    def table(self) -> tuple[Row, list[Row]]:
        """Quantiles of the errors."""
        errors = np.abs(self.said - self.true)
        shares = (0.5, 0.9, 1.0)
        return ["of them", "away by at most"], [[percent(q), f"{np.quantile(errors, q):.4g}"] for q in shares]

    def figures(self) -> dict[str, float]:
        """Numbers for files."""
        return {"rmse": self.rmse, "baseline": self.baseline} | ({} if self.r2 is None else {"r2": self.r2})


Scores = ClassScores | NumberScores


def percent(share: float) -> str:
    """Such as 97.5 %."""
    return f"{100 * share:.1f} %"


def guess_of(train: Any, recipe: Recipe) -> float:
    """What says most without looking: the number of the most frequent class, or the mean in its unit."""
    if recipe.labels is not None:
        return float(np.bincount(train.y).argmax())
    return float(recipe.in_units(train.y).mean())


def outputs(model: Layer, X: np.ndarray, quiet: bool, what: str) -> np.ndarray:
    """Outputs (n, M) of a model."""
    return predict(what, model, X, BATCH, not quiet)


def probabilities_of(H: np.ndarray) -> np.ndarray:
    """Probabilities (n, M) of the outputs of a classifier."""
    return probabilities(SoftmaxCrossEntropy(), H)


def scores_of(H: np.ndarray, y: np.ndarray, recipe: Recipe, guess: float) -> Scores:
    """The scores of outputs H (n, M) for targets y. NonFiniteError for outputs that are not finite."""
    if not np.isfinite(H).all():
        raise NonFiniteError("expected finite outputs of the network, got others. Train it with a smaller --lr.")
    if recipe.labels is None:
        return NumberScores(recipe.in_units(y), recipe.in_units(H), guess)
    loss = SoftmaxCrossEntropy().forward(H, y)
    return ClassScores(confusion_matrix(H, y), float(loss), recipe.labels, int(guess))
