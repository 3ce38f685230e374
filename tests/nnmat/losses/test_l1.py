"""The absolute error by its equations."""

import numpy as np
import pytest

from nnmat import L1
from nnmat.errors import ConfigError, LabelError


def test_value_and_gradient(rng):
    H, Y, s = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), rng.random(5)
    H[0, 0] = Y[0, 0]
    loss = L1()
    assert loss.forward(H, Y) == pytest.approx(np.abs(H - Y).mean(), rel=1e-14)
    np.testing.assert_allclose(loss.backward(), np.sign(H - Y) / 15, rtol=1e-14)
    assert loss.forward(H, Y, s) == pytest.approx((s * np.abs(H - Y).mean(axis=1)).sum() / s.sum(), rel=1e-14)
    np.testing.assert_allclose(loss.backward(), s[:, None] * np.sign(H - Y) / (3 * s.sum()), rtol=1e-14)


def test_targets_and_options():
    with pytest.raises(LabelError, match="^L1: expected finite targets, got inf"):
        L1().forward(np.zeros((1, 1)), np.array([np.inf]))
    with pytest.raises(LabelError, match="^L1: expected finite targets, got nan in row 1"):
        L1().check_targets(np.array([0, np.nan]), (1,))
    with pytest.raises(ConfigError, match="^L1: expected reduction as one of"):
        L1(reduction="all")
    assert L1(reduction="sum").config() == {"reduction": "sum"}
    assert repr(L1()) == "L1()"
