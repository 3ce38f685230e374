"""The squared error by its equations."""

import numpy as np
import pytest

from nnmat import MeanSquaredError
from nnmat.errors import LabelError, ShapeError


def test_value_and_gradient(rng):
    H, Y, s = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), rng.random(5)
    loss = MeanSquaredError()
    assert loss.forward(H, Y) == pytest.approx(((H - Y) ** 2).sum() / 15, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), 2 * (H - Y) / 15, rtol=1e-14)
    assert loss.divisor == 5
    assert loss.forward(H, Y, s) == pytest.approx((s * ((H - Y) ** 2).mean(axis=1)).sum() / s.sum(), rel=1e-14)
    np.testing.assert_allclose(loss.backward(), 2 * s[:, None] * (H - Y) / (3 * s.sum()), rtol=1e-14)
    assert loss.divisor == pytest.approx(s.sum(), rel=1e-14)


def test_targets_without_the_last_axis(rng):
    H, y = rng.standard_normal((5, 1)), rng.standard_normal(5)
    assert MeanSquaredError().forward(H, y) == MeanSquaredError().forward(H, y[:, None])
    with pytest.raises(ShapeError, match="^MeanSquaredError: expected"):
        MeanSquaredError().forward(H, y[:4])


def test_a_target_that_is_not_finite_leaves_no_gradient(rng):
    loss, H = MeanSquaredError(), rng.standard_normal((2, 2))
    loss.forward(H, H)
    with pytest.raises(LabelError, match="^MeanSquaredError: "):
        loss.forward(H, np.array([[0, np.nan], [0, 0]]))
    with pytest.raises(RuntimeError, match="backward needs the gradient of a forward"):
        loss.backward()
