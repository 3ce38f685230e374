"""How much each column matters: how much worse the model is when the column's entries are shuffled."""

import numpy as np

from ...layers.base import Layer
from ..learning.recipes import TableRecipe
from ..learning.scores import ClassScores, outputs, scores_of

SHUFFLES = 5
MOST = 2000  # rows that are looked at


def importances(
    model: Layer, recipe: TableRecipe, X: np.ndarray, y: np.ndarray, guess: float, seed: int
) -> list[tuple[str, float]]:
    """The columns and the accuracy lost without them, or the rise of the RMSE, the largest first."""
    X, y = X[:MOST], y[:MOST]
    rng = np.random.default_rng(seed)

    def badness(A: np.ndarray) -> float:
        scores = scores_of(outputs(model, A, True, "measuring"), y, recipe, guess)
        return -scores.accuracy if isinstance(scores, ClassScores) else scores.rmse

    before = badness(X)
    found = []
    for name, place in recipe.places:
        total = 0.0
        for _ in range(SHUFFLES):
            A = X.copy()
            A[:, place] = A[rng.permutation(len(A)), place]
            total += badness(A) - before
        found.append((name, total / SHUFFLES))
    return sorted(found, key=lambda entry: -entry[1])
