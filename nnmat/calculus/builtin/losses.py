"""Losses of outputs H (B, M) and targets Y, each with its divisor."""

from collections.abc import Mapping

from .description import Description

PAIR, ENTRIES = {"H": "B, M"}, "(dim(B) * dim(M))"
SHARES = "B, M, positive, sums_to_one"


def _loss(
    name: str,
    text: str,
    targets: str = "B, M",
    inputs: Mapping[str, str] = PAIR,
    more: Mapping[str, str] | None = None,
    **words: str,
) -> Description:
    constants = {"Y": targets, **(more or {})}
    return Description(name, f"f = {text}", inputs, {}, constants, words, scalar=True)


LABELS = "a row for each sample: a one at its label, or shares where labels are smoothed"
LOSSES = [
    _loss("MeanSquaredError", f"sum((H - Y) ** 2) / {ENTRIES}"),
    _loss(
        "MeanSquaredError-weighted",
        "sum(S * (H - Y) ** 2) / sum(S)",
        more={"S": "B, M, positive"},
        S="the weights of the samples",
    ),
    _loss("MeanSquaredError-sum", "sum((H - Y) ** 2)"),
    _loss("L1", f"sum(abs(H - Y)) / {ENTRIES}"),
    _loss(
        "Huber",
        f"c ** 2 * sum(huber((H - Y) / c)) / {ENTRIES}",
        more={"c": "1, positive"},
        c="delta: where it bends",
    ),
    _loss("SmoothL1", f"c * sum(huber((H - Y) / c)) / {ENTRIES}", more={"c": "1, positive"}, c="beta: where it bends"),
    _loss("SigmoidBinaryCrossEntropy", f"sum(softplus(H) - Y * H) / {ENTRIES}"),
    _loss(
        "SigmoidBinaryCrossEntropy-weighted",
        f"sum((Y * softplus(-H)) @ Diag(p) + (1 - Y) * softplus(H)) / {ENTRIES}",
        more={"p": "M, positive"},
        p="positive_weight, a number for each column",
    ),
    _loss("SoftmaxCrossEntropy", "-sum(Y * log_softmax_rows(H)) / dim(B)", targets=SHARES, Y=LABELS),
    _loss("KLDivergence", "sum(Y * (log(Y) - H)) / dim(B)", targets="B, M, positive", H="logarithms of shares"),
    _loss("KLDivergence-logarithms", "sum(exp(Y) * (Y - H)) / dim(B)", H="logarithms of shares"),
    _loss("PoissonNegativeLogLikelihood", f"sum(exp(H) - Y * H) / {ENTRIES}", H="logarithms of rates"),
    _loss(
        "PoissonNegativeLogLikelihood-rates",
        f"sum(H - Y * log(H + e)) / {ENTRIES}",
        inputs={"H": "B, M, positive"},
        more={"e": "1, positive"},
        H="rates",
        e="eps, which keeps the logarithm from 0",
    ),
    _loss(
        "GaussianNegativeLogLikelihood",
        "sum(log(V) + (U - Y) ** 2 / V) / (2 * dim(B) * dim(M))",
        inputs={"U": "B, M", "V": "B, M, positive"},
        U="means, the first half of the outputs",
        V="variances, the second half",
    ),
    Description(
        "GaussianNegativeLogLikelihood-cholesky",
        """
        C = tril(L) @ tril(L).T
        R = Y - ones(B) @ u.T
        f = (dim(B) * logdet(C) + trace(R @ inv(C) @ R.T)) / 2""",
        {"u": "M", "L": "M, M, invertible"},
        {},
        {"Y": "B, M"},
        {
            "u": "the mean of all samples",
            "L": "a factor of their covariance, of which what is below the diagonal counts, and the diagonal",
        },
        scalar=True,
    ),
]
SCORES = {
    "S": "of real samples",
    "F": "of made samples, for the discriminator",
    "H": "of made samples, for the generator",
}
for _kind, *_texts in (
    ("minimax", "softplus(-S)", "softplus(F)", "-softplus(H)"),
    ("non_saturating", "softplus(-S)", "softplus(F)", "softplus(-H)"),
    ("least_squares", "(S - 1) ** 2 / 2", "F ** 2 / 2", "(H - 1) ** 2 / 2"),
    ("hinge", "relu(1 - S)", "relu(1 + F)", "-H"),
    ("wasserstein", "-S", "F", "-H"),
):
    LOSSES.append(
        Description(
            f"AdversarialLoss-{_kind}",
            "\n".join(f"{part} = sum({text}) / {ENTRIES}" for part, text in zip("rmg", _texts, strict=True))
            + "\nf = r + m + g",
            dict.fromkeys(SCORES, "B, M"),
            words={name: f"scores {text}" for name, text in SCORES.items()},
            scalar=True,
        )
    )
