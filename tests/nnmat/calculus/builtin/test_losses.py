"""Each loss beside its description: the value, and the gradient with respect to H, are those that are compiled.

5 rows of 3 entries. What does not depend on H is a constant matrix.
"""

from typing import NamedTuple

import numpy as np
import pytest

from nnmat import (
    L1,
    AdversarialLoss,
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
from nnmat.calculus import compile
from nnmat.calculus.builtin.catalogue import DESCRIPTIONS

rng = np.random.default_rng(7)
REAL, TARGETS = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
SHARES, COUNTS, LABELS = rng.dirichlet(np.ones(3), 5), rng.poisson(2.0, (5, 3)).astype(float), np.array([0, 2, 1, 1, 2])
VARIANCES, FACTOR = rng.uniform(0.5, 2, (5, 3)), np.array([[1.5, 0, 0], [0.3, -1, 0], [0.2, 0.4, 0.8]])
WEIGHTS = rng.uniform(0.5, 2, (5, 3))
LOWER = np.tril_indices(3)
SMOOTH = 0.9 * np.eye(3)[LABELS] + 0.1 / 3


class Case(NamedTuple):
    """A loss of H and y, and arrays for the symbols of its description.

    `parts`: of each symbol its array, and how its gradient is read from that of H.
    """

    name: str
    loss: Loss
    H: np.ndarray
    y: np.ndarray | None
    constants: dict
    parts: dict
    weight: np.ndarray | None = None


def whole(name, loss, y, H=REAL, weight=None, **constants) -> Case:
    """A loss of entries or rows of H."""
    return Case(name, loss, H, y, {"Y": y, **constants}, {"H": (H, lambda G: G)}, weight)


def gaussian() -> Case:
    H = np.hstack([REAL, VARIANCES])
    parts = {"U": (REAL, lambda G: G[:, :3]), "V": (VARIANCES, lambda G: G[:, 3:])}
    return Case("GaussianNegativeLogLikelihood", GaussianNegativeLogLikelihood(), H, TARGETS, {"Y": TARGETS}, parts)


def one_gaussian() -> Case:
    """Of all rows: the source's example EX-2-3."""
    H = np.tile(np.concatenate([REAL[0], FACTOR[LOWER]]), (5, 1))

    def factor(G):
        found = np.zeros((3, 3))
        found[LOWER] = G.sum(axis=0)[3:]
        return found

    parts = {"u": (REAL[0], lambda G: G.sum(axis=0)[:3]), "L": (FACTOR, factor)}
    loss = GaussianNegativeLogLikelihood("cholesky", reduction="sum")
    return Case("GaussianNegativeLogLikelihood-cholesky", loss, H, TARGETS, {"Y": TARGETS}, parts)


CASES = [
    whole("MeanSquaredError", MeanSquaredError(), TARGETS),
    whole("MeanSquaredError-weighted", MeanSquaredError(), TARGETS, weight=WEIGHTS, S=WEIGHTS),
    whole("MeanSquaredError-sum", MeanSquaredError(reduction="sum"), TARGETS),
    whole("L1", L1(), TARGETS),
    whole("Huber", Huber(0.7), TARGETS, c=0.7),
    whole("SmoothL1", SmoothL1(0.5), TARGETS, c=0.5),
    whole("SigmoidBinaryCrossEntropy", SigmoidBinaryCrossEntropy(), SHARES),
    whole(
        "SigmoidBinaryCrossEntropy-weighted",
        SigmoidBinaryCrossEntropy([1, 2, 0.5]),
        SHARES,
        p=np.array([1, 2, 0.5]),
    ),
    whole("SoftmaxCrossEntropy", SoftmaxCrossEntropy(), LABELS, Y=np.eye(3)[LABELS]),
    whole("SoftmaxCrossEntropy", SoftmaxCrossEntropy(0.1), LABELS, Y=SMOOTH),
    whole("KLDivergence", KLDivergence(), SHARES),
    whole("KLDivergence-logarithms", KLDivergence(True), np.log(SHARES)),
    whole("PoissonNegativeLogLikelihood", PoissonNegativeLogLikelihood(), COUNTS),
    whole(
        "PoissonNegativeLogLikelihood-rates",
        PoissonNegativeLogLikelihood(False, eps=0.1),
        COUNTS,
        H=np.exp(REAL),
        e=0.1,
    ),
    gaussian(),
    one_gaussian(),
]
GAMES = [name for name in DESCRIPTIONS if name.startswith("AdversarialLoss-")]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.name} {at}" for at, case in enumerate(CASES)])
def test_compiled_gradients_are_those_of_losses(case):
    about = DESCRIPTIONS[case.name]
    arrays = {**case.constants, **{symbol: A for symbol, (A, _) in case.parts.items()}}
    compiled = compile(about.function, about.wrt)
    value, gradients = compiled(**arrays)
    ours = case.loss.forward(case.H, case.y, case.weight)
    assert abs(value - ours) <= 1e-12 * max(1, abs(ours))
    G = case.loss.backward()
    assert list(case.parts) == about.wrt
    for symbol, (_, of) in case.parts.items():
        assert gradients[symbol].shape == of(G).shape
        assert np.abs(gradients[symbol] - of(G)).max() <= 1e-10 * max(1.0, np.abs(G).max())


@pytest.mark.parametrize("name", GAMES)
def test_compiled_gradients_are_those_of_the_losses_of_scores(name):
    about = DESCRIPTIONS[name]
    game = AdversarialLoss(name.partition("-")[2])
    parts = {"S": game.discriminator_real, "F": game.discriminator_fake, "H": game.generator}
    scores = {symbol: np.vstack([[1.0, -1.0, 0.0], rng.standard_normal((4, 3))]) for symbol in parts}  # where it bends
    value, gradients = compile(about.function, about.wrt)(**scores)
    assert abs(value - sum(loss.forward(scores[s]) for s, loss in parts.items())) <= 1e-12
    for s, loss in parts.items():
        assert np.abs(gradients[s] - loss.backward()).max() <= 1e-10


def test_every_loss_is_held():
    held = {case.name for case in CASES} | set(GAMES)
    assert held == {name for name, d in DESCRIPTIONS.items() if d.scalar}
