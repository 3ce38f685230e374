"""Binary cross-entropy of the sigmoid by its equations, and where the naive ones overflow."""

import math

import numpy as np
import pytest

from nnmat import SigmoidBinaryCrossEntropy


@pytest.mark.parametrize("w", [1.0, 0.0, 2.5])
def test_value_and_gradient(w, rng):
    H, Y, s = rng.standard_normal((5, 3)), rng.random((5, 3)), rng.random(5)
    P, loss = 1 / (1 + np.exp(-H)), SigmoidBinaryCrossEntropy(positive_weight=w)
    entries = -w * Y * np.log(P) - (1 - Y) * np.log(1 - P)
    assert loss.forward(H, Y, s) == pytest.approx((s[:, None] * entries).sum() / (3 * s.sum()), rel=1e-13)
    gradient = s[:, None] * ((1 - Y) * P - w * Y * (1 - P)) / (3 * s.sum())
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-12, atol=1e-15)


def test_large_logits_do_not_overflow():
    loss = SigmoidBinaryCrossEntropy()
    H, Y = np.array([[1000.0, -1000.0, 1000.0, -1000.0]]), np.array([[1, 0, 0, 1]])
    assert loss.forward(H, Y) == 500.0
    np.testing.assert_array_equal(loss.backward(), [[0, 0, 0.25, -0.25]])
    assert loss.forward(np.zeros((1, 1)), np.ones(1)) == pytest.approx(math.log(2))
