"""Losses against PyTorch in float64: values and gradients to 1e-11 by norm."""

import itertools

import numpy as np
import pytest
import torch

from nnmat import AdversarialLoss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy

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
