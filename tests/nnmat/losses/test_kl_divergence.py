"""The divergence by its equations, and beside the cross-entropy of logits."""

import numpy as np
import pytest

from nnmat import KLDivergence, LogSoftmax, SoftmaxCrossEntropy
from nnmat.errors import ConfigError, LabelError


def test_value_and_gradient(rng):
    P, Q, s = rng.dirichlet(np.ones(4), 5), rng.dirichlet(np.ones(4), 5), rng.random(5)
    for loss, y in ((KLDivergence(), P), (KLDivergence(log_target=True), np.log(P))):
        divergence = (P * np.log(P / Q)).sum(axis=1)
        assert loss.forward(np.log(Q), y, s) == pytest.approx((s * divergence).sum() / s.sum(), rel=1e-13)
        np.testing.assert_allclose(loss.backward(), -s[:, None] * P / s.sum(), rtol=1e-13)


def test_behind_a_softmax_its_gradient_is_that_of_the_cross_entropy(rng):
    H, P = rng.standard_normal((5, 4)), rng.dirichlet(np.ones(4), 5)
    layer, loss, other = LogSoftmax().build((4,), dtype=np.float64), KLDivergence(), SoftmaxCrossEntropy()
    value = loss.forward(layer.forward(H, training=True), P)
    assert value == pytest.approx(other.forward(H, P) + (P * np.log(P)).sum(axis=1).mean(), rel=1e-12)
    np.testing.assert_allclose(layer.backward(loss.backward()), other.backward(), rtol=1e-10, atol=1e-14)


def test_one_hot_targets_and_excluded_classes():
    H, Y = np.log([[0.25, 0.75], [1.0, 1e-300]]), np.array([[1.0, 0], [1, 0]])
    H[1, 1] = -np.inf
    loss = KLDivergence(reduction="none")
    np.testing.assert_allclose(loss.forward(H, Y), [[np.log(4), 0], [0, 0]], rtol=1e-15)
    np.testing.assert_array_equal(loss.backward(np.ones((2, 2))), -Y)


def test_options_and_targets():
    with pytest.raises(
        ConfigError, match="^KLDivergence: expected reduction .* The mean is over rows: write reduction='mean'"
    ):
        KLDivergence(reduction="batchmean")
    with pytest.raises(ConfigError, match="^KLDivergence: expected log_target as True or False, got 1"):
        KLDivergence(log_target=1)
    with pytest.raises(LabelError, match="^KLDivergence: expected finite targets from 0, got -0.5"):
        KLDivergence().check_targets(np.array([[0.5, -0.5]]), (2,))
    KLDivergence(log_target=True).check_targets(np.array([[0.0, -np.inf]]), (2,))
    assert KLDivergence(True, "sum").config() == {"log_target": True, "reduction": "sum"}
