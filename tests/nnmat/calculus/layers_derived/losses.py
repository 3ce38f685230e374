"""Each loss as an expression of its outputs H and targets Y: the value, and the gradient with respect to H.

5 rows of 3 entries, so that a mean over entries divides by 15. What does not depend on H is a constant matrix.
"""

from typing import NamedTuple

import numpy as np

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

rng = np.random.default_rng(7)
REAL, TARGETS = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
SHARES, COUNTS, LABELS = rng.dirichlet(np.ones(3), 5), rng.poisson(2.0, (5, 3)).astype(float), np.array([0, 2, 1, 1, 2])
VARIANCES, FACTOR = rng.uniform(0.5, 2, (5, 3)), np.array([[1.5, 0, 0], [0.3, -1, 0], [0.2, 0.4, 0.8]])
WEIGHTS = rng.uniform(0.5, 2, (5, 3))
LOWER = np.tril_indices(3)
SMOOTH = 0.9 * np.eye(3)[LABELS] + 0.1 / 3


class Expressed(NamedTuple):
    """A loss of H and y, and the same in the calculus: constants by name, and by what its text is derived.

    `parts`: of each symbol its array, and how its gradient is read from that of H.
    """

    loss: Loss
    H: np.ndarray
    y: np.ndarray | None
    text: str
    constants: dict
    parts: dict
    weight: np.ndarray | None = None


def whole(loss, y, text, H=REAL, weight=None, **constants) -> Expressed:
    """A loss of entries or rows of H."""
    if y is not None and "Y" not in constants:
        constants["Y"] = y
    return Expressed(loss, H, y, text, constants, {"H": (H, lambda G: G)}, weight)


def _gaussian() -> Expressed:
    H = np.hstack([REAL, VARIANCES])
    parts = {"U": (REAL, lambda G: G[:, :3]), "V": (VARIANCES, lambda G: G[:, 3:])}
    text = "sum(log(V) + (U - Y) ** 2 / V) / 30"
    return Expressed(GaussianNegativeLogLikelihood(), H, TARGETS, text, {"Y": TARGETS}, parts)


def _one_gaussian() -> Expressed:
    """Of all rows: the source's example EX-2-3."""
    H = np.tile(np.concatenate([REAL[0], FACTOR[LOWER]]), (5, 1))

    def factor(G):
        found = np.zeros((3, 3))
        found[LOWER] = G.sum(axis=0)[3:]
        return found

    parts = {"u": (REAL[0], lambda G: G.sum(axis=0)[:3]), "L": (FACTOR, factor)}
    constants = {"Y": TARGETS, "o": np.ones(5)}
    S = "(tril(L) @ tril(L).T)"
    text = f"(5 * logdet({S}) + trace((Y - o @ u.T) @ inv({S}) @ (Y - o @ u.T).T)) / 2"
    return Expressed(GaussianNegativeLogLikelihood("cholesky", reduction="sum"), H, TARGETS, text, constants, parts)


BINARY = "sum(P * Y * softplus(-H) + (1 - Y) * softplus(H))"
EXPRESSED = {
    "squares": whole(MeanSquaredError(), TARGETS, "sum((H - Y) ** 2) / 15"),
    "squares, weighted": whole(
        MeanSquaredError(), TARGETS, "sum(S * (H - Y) ** 2) / sum(S)", weight=WEIGHTS, S=WEIGHTS
    ),
    "squares, sum": whole(MeanSquaredError(reduction="sum"), TARGETS, "sum((H - Y) ** 2)"),
    "absolute": whole(L1(), TARGETS, "sum(abs(H - Y)) / 15"),
    "huber": whole(Huber(0.7), TARGETS, "sum((H - Y) ** 2 - relu(H - Y - 0.7) ** 2 - relu(Y - H - 0.7) ** 2) / 30"),
    "smooth": whole(SmoothL1(0.5), TARGETS, "sum((H - Y) ** 2 - relu(H - Y - 0.5) ** 2 - relu(Y - H - 0.5) ** 2) / 15"),
    "binary": whole(SigmoidBinaryCrossEntropy(), SHARES, f"{BINARY} / 15", P=np.ones((5, 3))),
    "binary, columns": whole(
        SigmoidBinaryCrossEntropy([1, 2, 0.5]), SHARES, f"{BINARY} / 15", P=np.tile([1, 2, 0.5], (5, 1))
    ),
    "labels": whole(SoftmaxCrossEntropy(), LABELS, "-sum(Y * log_softmax_rows(H)) / 5", Y=np.eye(3)[LABELS]),
    "labels, smooth": whole(SoftmaxCrossEntropy(0.1), LABELS, "-sum(Y * log_softmax_rows(H)) / 5", Y=SMOOTH),
    "divergence": whole(KLDivergence(), SHARES, "sum(Y * (log(Y) - H)) / 5"),
    "divergence of logarithms": whole(KLDivergence(True), np.log(SHARES), "sum(exp(Y) * (Y - H)) / 5"),
    "counts": whole(PoissonNegativeLogLikelihood(), COUNTS, "sum(exp(H) - Y * H) / 15"),
    "rates": whole(
        PoissonNegativeLogLikelihood(False, eps=0.1), COUNTS, "sum(H - Y * log(H + 0.1)) / 15", H=np.exp(REAL)
    ),
    "gaussian": _gaussian(),
    "one gaussian": _one_gaussian(),
}
for _kind, _texts in {
    "minimax": ("softplus(-H)", "softplus(H)", "-softplus(H)"),
    "non_saturating": ("softplus(-H)", "softplus(H)", "softplus(-H)"),
    "least_squares": ("(H - 1) ** 2 / 2", "H ** 2 / 2", "(H - 1) ** 2 / 2"),
    "hinge": ("relu(1 - H)", "relu(1 + H)", "-H"),
    "wasserstein": ("-H", "H", "-H"),
}.items():
    for _part, _text in zip(("discriminator_real", "discriminator_fake", "generator"), _texts, strict=True):
        EXPRESSED[f"{_kind}, {_part}"] = whole(getattr(AdversarialLoss(_kind), _part), None, f"sum({_text}) / 15")
