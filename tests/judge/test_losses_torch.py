"""Losses against PyTorch in float64: values and gradients to 1e-11 by norm."""

import itertools

import numpy as np
import pytest
import torch

from nnmat import (
    L1,
    AdversarialLoss,
    GaussianNegativeLogLikelihood,
    Huber,
    KLDivergence,
    MeanSquaredError,
    PoissonNegativeLogLikelihood,
    SigmoidBinaryCrossEntropy,
    SmoothL1,
    SoftmaxCrossEntropy,
)

TOLERANCE = 1e-11
SIZES = [(1, 2), (7, 5), (64, 10), (300, 60)]


def compare(loss, oracle, H, y=None, sample_weight=None):
    """`oracle(H, y)` is a torch scalar; `oracle(H)` for a loss of outputs alone."""
    value, G = loss.forward(H, y, sample_weight), loss.backward()
    h = torch.tensor(H, requires_grad=True)
    expected = oracle(h) if y is None else oracle(h, torch.tensor(y))
    expected.backward()
    assert abs(value - expected.item()) <= TOLERANCE * abs(expected.item())
    assert np.linalg.norm(G - h.grad.numpy()) <= TOLERANCE * np.linalg.norm(h.grad.numpy())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 1])
def test_labels(rng, size, smoothing, weighted, ignored):
    B, M = size
    H, y = 3 * rng.normal(size=size), rng.integers(0, M, B)
    y[0] = 0  # at least one row counts
    w = rng.uniform(0.5, 2, M) if weighted else None
    oracle = torch.nn.CrossEntropyLoss(
        weight=None if w is None else torch.tensor(w),
        ignore_index=-100 if ignored is None else ignored,
        label_smoothing=smoothing,
    )
    compare(SoftmaxCrossEntropy(smoothing, ignored, w), oracle, H, y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_targets_of_any_row_sums(rng, size, smoothing):
    oracle = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    compare(SoftmaxCrossEntropy(smoothing), oracle, 3 * rng.normal(size=size), rng.uniform(0, 2, size))


@pytest.mark.parametrize("size", SIZES)
def test_targets_with_class_weights(rng, size):
    """PyTorch divides by the number of rows here; our divisor makes one-hot rows agree with labels."""
    H, Y, w = rng.normal(size=size), rng.uniform(0, 1, size), rng.uniform(0.5, 2, size[1])
    divisor = (Y @ w / Y.sum(axis=1)).sum()
    summed = torch.nn.CrossEntropyLoss(weight=torch.tensor(w), reduction="sum")
    compare(SoftmaxCrossEntropy(class_weight=w), lambda h, y: summed(h, y) / divisor, H, Y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sample_weights(rng, size, smoothing):
    H, y, s = rng.normal(size=size), rng.integers(0, size[1], size[0]), rng.uniform(0.1, 2, size[0])
    rows = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")
    oracle = lambda h, y: (torch.tensor(s) * rows(h, y)).sum() / s.sum()  # noqa: E731
    compare(SoftmaxCrossEntropy(smoothing), oracle, H, y, s)


@pytest.mark.parametrize(("size", "weight"), list(itertools.product([*SIZES, (2, 3, 4)], [1.0, 2.5])))
def test_binary(rng, size, weight):
    oracle = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight, dtype=torch.float64))
    compare(SigmoidBinaryCrossEntropy(weight), oracle, 5 * rng.normal(size=size), rng.uniform(0, 1, size))


REDUCED = ["sum", "none"]


def compare_values(loss, oracle, H, y, sample_weight=None):
    """The values, or their sum, and the gradient for a random cotangent; `oracle` as the loss."""
    value = loss.forward(H, y, sample_weight)
    h = torch.tensor(H, requires_grad=True)
    expected = oracle(h, torch.tensor(y))
    assert np.shape(value) == tuple(expected.shape)
    if loss.reduction == "none":
        C = np.random.default_rng(0).normal(size=value.shape)
        expected.backward(torch.tensor(C))
        G = loss.backward(C)
    else:
        expected.backward()
        G = loss.backward()
    expected = expected.detach().numpy()
    assert np.linalg.norm(value - expected) <= TOLERANCE * np.linalg.norm(expected)
    assert np.linalg.norm(G - h.grad.numpy()) <= TOLERANCE * np.linalg.norm(h.grad.numpy())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reduction", REDUCED)
def test_labels_reduced(rng, size, reduction):
    H, y, w = 3 * rng.normal(size=size), rng.integers(0, size[1], size[0]), rng.uniform(0.5, 2, size[1])
    oracle = torch.nn.CrossEntropyLoss(torch.tensor(w), ignore_index=1, label_smoothing=0.1, reduction=reduction)
    compare_values(SoftmaxCrossEntropy(0.1, 1, w, reduction), oracle, H, y)
    oracle = torch.nn.CrossEntropyLoss(reduction=reduction)
    compare_values(SoftmaxCrossEntropy(reduction=reduction), oracle, H, rng.uniform(0, 2, size))


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
def test_binary_with_weights_of_entries(rng, size, reduction):
    """PyTorch's mean divides by the number of entries, ours by the sum of their weights."""
    H, y, s, w = rng.normal(size=size), rng.uniform(0, 1, size), rng.uniform(0, 2, size), rng.uniform(0, 3, size[-1])
    s[0] = 0 if len(s) > 1 else 1
    oracle = torch.nn.BCEWithLogitsLoss(torch.tensor(s), pos_weight=torch.tensor(w), reduction=reduction)
    factor = s.mean() if reduction == "mean" else 1.0
    loss = SigmoidBinaryCrossEntropy(w, reduction)
    compare_values(loss, lambda h, y: oracle(h, y) / factor, H, y, s)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", REDUCED)
def test_squares_reduced(rng, size, reduction):
    H, y = rng.normal(size=(2, *size))
    compare_values(MeanSquaredError(reduction=reduction), torch.nn.MSELoss(reduction=reduction), H, y)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
def test_distances(rng, size, reduction):
    H, y, options = *rng.normal(size=(2, *size)), {"reduction": reduction}
    y[..., 0] = H[..., 0]  # at the kink
    compare_values(L1(**options), torch.nn.L1Loss(**options), H, y)
    compare_values(Huber(0.6, **options), torch.nn.HuberLoss(delta=0.6, **options), H, y)
    compare_values(SmoothL1(0.6, **options), torch.nn.SmoothL1Loss(beta=0.6, **options), H, y)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
@pytest.mark.parametrize("log_target", [False, True])
def test_divergence(rng, size, reduction, log_target):
    """PyTorch's "batchmean" divides by the first axis, our mean by the number of rows."""
    H, y = np.log(rng.dirichlet(np.ones(size[-1]), size[:-1])), rng.dirichlet(np.ones(size[-1]), size[:-1])
    if not log_target:
        y[0, ..., 0] = 0
    kind = "batchmean" if reduction == "mean" else reduction
    oracle = torch.nn.KLDivLoss(reduction=kind, log_target=log_target)
    factor = np.prod(size[1:-1]) if reduction == "mean" else 1
    loss = KLDivergence(log_target, reduction)
    compare_values(loss, lambda h, y: oracle(h, y) / factor, H, np.log(y) if log_target else y)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
@pytest.mark.parametrize(("log_input", "full"), list(itertools.product([False, True], repeat=2)))
def test_counts(rng, size, reduction, log_input, full):
    H, y = rng.uniform(0.1, 3, size), rng.poisson(1.5, size).astype(float)
    oracle = torch.nn.PoissonNLLLoss(log_input=log_input, full=full, reduction=reduction)
    compare_values(PoissonNegativeLogLikelihood(log_input, full, reduction=reduction), oracle, H, y)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
@pytest.mark.parametrize("covariance", ["diagonal", "spherical"])
def test_gaussians(rng, size, reduction, covariance):
    """PyTorch takes means and variances apart; some variances lie below eps."""
    M = size[-1]
    y, means = rng.normal(size=(2, *size))
    variances = rng.uniform(0, 2, size if covariance == "diagonal" else (*size[:-1], 1))
    for full in (False, True):
        oracle = torch.nn.GaussianNLLLoss(full=full, eps=0.1, reduction=reduction)
        loss = GaussianNegativeLogLikelihood(covariance, 0.1, full, reduction)
        H = np.concatenate([means, variances], axis=-1)
        compare_values(loss, lambda h, y, oracle=oracle: oracle(h[..., :M], y, h[..., M:]), H, y)


@pytest.mark.parametrize("M", [1, 2, 5])
@pytest.mark.parametrize("reduction", ["mean", *REDUCED])
def test_gaussians_of_a_covariance(rng, M, reduction):
    """The distribution of PyTorch, with its factor of a positive diagonal."""
    rows, columns = np.tril_indices(M)
    L = rng.normal(size=(6, len(rows)))
    L[:, rows == columns] = rng.uniform(0.5, 2, (6, M))
    H, y = np.concatenate([rng.normal(size=(6, M)), L], axis=1), rng.normal(size=(6, M))

    def oracle(h, y):
        factor = torch.zeros(6, M, M, dtype=torch.float64)
        factor[:, rows, columns] = h[:, M:]
        losses = -torch.distributions.MultivariateNormal(h[:, :M], scale_tril=factor).log_prob(y)
        return {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]

    compare_values(GaussianNegativeLogLikelihood("cholesky", full=True, reduction=reduction), oracle, H, y)


@pytest.mark.parametrize("size", [*SIZES, (2, 3, 4)])
def test_squares(rng, size):
    compare(MeanSquaredError(), torch.nn.MSELoss(), rng.normal(size=size), rng.normal(size=size))


def test_large_logits(rng):
    H, y = 300 * rng.normal(size=(50, 9)), rng.integers(0, 9, 50)
    compare(SoftmaxCrossEntropy(), torch.nn.CrossEntropyLoss(), H, y)


@pytest.mark.parametrize("size", [(1, 1), (64, 1), (5, 3)])
@pytest.mark.parametrize("kind", ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"])
def test_the_losses_of_a_gan(rng, kind, size):
    """Real and made scores; binary cross-entropy of PyTorch where the discriminator's is one."""
    log, relu = torch.nn.functional.logsigmoid, torch.relu
    cross_entropy = torch.nn.BCEWithLogitsLoss()
    real, fake, generator = {
        "minimax": (
            lambda s: cross_entropy(s, torch.ones_like(s)),
            lambda s: cross_entropy(s, torch.zeros_like(s)),
            lambda s: log(-s).mean(),
        ),
        "non_saturating": (lambda s: -log(s).mean(), lambda s: -log(-s).mean(), lambda s: -log(s).mean()),
        "least_squares": (
            lambda s: ((s - 1) ** 2).mean() / 2,
            lambda s: (s**2).mean() / 2,
            lambda s: ((s - 1) ** 2).mean() / 2,
        ),
        "hinge": (lambda s: relu(1 - s).mean(), lambda s: relu(1 + s).mean(), lambda s: -s.mean()),
        "wasserstein": (lambda s: -s.mean(), lambda s: s.mean(), lambda s: -s.mean()),
    }[kind]
    loss, S = AdversarialLoss(kind), 4 * rng.normal(size=size)
    compare(loss.discriminator_real, real, S)
    compare(loss.discriminator_fake, fake, S)
    compare(loss.generator, generator, S)
