"""Cross-entropy of the softmax: labels and targets, ignored rows."""

import numpy as np
import pytest

from nnmat import SoftmaxCrossEntropy


def test_one_hot_targets_agree_with_labels(rng):
    H, y = rng.normal(size=(9, 4)), rng.integers(0, 4, 9)
    for options in (
        {},
        {"label_smoothing": 0.1},
        {"class_weight": [1, 2, 3, 4]},
        {"label_smoothing": 0.1, "class_weight": [1, 2, 3, 4]},
    ):
        loss = SoftmaxCrossEntropy(**options)
        value, divisor = loss.forward(H, y), loss.divisor
        G = loss.backward()
        assert loss.forward(H, np.eye(4)[y]) == pytest.approx(value, rel=1e-14)
        assert loss.divisor == pytest.approx(divisor, rel=1e-14)
        np.testing.assert_allclose(loss.backward(), G, rtol=1e-13, atol=1e-17)


def test_gradient_rows_of_softmax_add_up_to_zero(rng):
    loss = SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=[1, 2, 3, 4, 5])
    loss.forward(rng.normal(size=(9, 5)), rng.uniform(0, 1, (9, 5)))
    assert np.abs(loss.backward().sum(axis=1)).max() < 1e-16


def test_all_rows_ignored():
    loss = SoftmaxCrossEntropy(ignore_index=-100)
    assert loss.forward(np.full((2, 3), np.nan), np.full(2, -100)) == 0.0
    assert not loss.backward().any()
    assert loss.divisor == 0.0
