"""Huber's function by its equations, with both names of its parameter."""

import numpy as np
import pytest

from nnmat import L1, Huber, MeanSquaredError, SmoothL1
from nnmat.errors import ConfigError, LabelError


def test_value_and_gradient(rng):
    H, Y = 2 * rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    r, d = H - Y, 0.8
    entries = np.where(np.abs(r) <= d, r**2 / 2, d * np.abs(r) - d**2 / 2)
    loss = Huber(delta=d)
    assert loss.forward(H, Y) == pytest.approx(entries.mean(), rel=1e-14)
    np.testing.assert_allclose(loss.backward(), np.clip(r, -d, d) / 18, rtol=1e-13)
    loss = SmoothL1(beta=d)
    assert loss.forward(H, Y) == pytest.approx(entries.mean() / d, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), np.clip(r, -d, d) / d / 18, rtol=1e-13)


def test_its_two_ends(rng):
    """Half the square for a large delta, the absolute error for a small beta."""
    H, Y = rng.standard_normal((2, 6, 3))
    assert Huber(1e3).forward(H, Y) == pytest.approx(MeanSquaredError().forward(H, Y) / 2, rel=1e-14)
    assert SmoothL1(1e-9).forward(H, Y) == pytest.approx(L1().forward(H, Y), rel=1e-7)


def test_options_and_targets():
    for make, text in [
        (lambda: Huber(0), "^Huber: expected delta as a finite number > 0, got 0"),
        (lambda: Huber(delta="1"), "^Huber: expected delta as a finite number, got '1'"),
        (lambda: SmoothL1(beta=0.0), r"^SmoothL1: expected beta as a finite number > 0, got 0.0. .* write L1\(\)\."),
        (lambda: Huber(reduction="no"), "^Huber: expected reduction as one of"),
    ]:
        with pytest.raises(ConfigError, match=text):
            make()
    for loss in (Huber(), SmoothL1()):
        with pytest.raises(LabelError, match="got nan in row 1"):
            loss.check_targets(np.array([0, np.nan]), (1,))
    assert Huber(2).config() == {"delta": 2.0}
    assert SmoothL1(2, "none").config() == {"beta": 2.0, "reduction": "none"}


def test_a_beta_whose_slope_float32_does_not_hold_is_refused():
    with pytest.raises(ConfigError, match=r"SmoothL1: expected beta >= 1e-38, got 1e-40. With 0 .* write L1\(\)"):
        SmoothL1(1e-40)
