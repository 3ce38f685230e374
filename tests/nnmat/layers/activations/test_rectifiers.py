"""Rectifiers: kinks and slopes."""

import numpy as np
import pytest

from nnmat import ConfigError, LeakyReLU, ReLU

X = np.array([[-1000.0, -2.0, 0.0, 0.5, 1000.0]])
G = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])


def run(layer):
    layer.build((5,), dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(G)


def test_relu_has_derivative_zero_at_the_kink():
    Y, gX = run(ReLU())
    np.testing.assert_array_equal(Y, [[0, 0, 0, 0.5, 1000]])
    np.testing.assert_array_equal(gX, [[0, 0, 0, 4, 5]])


@pytest.mark.parametrize("slope", [0.01, 0.5, 0, -1, 2])
def test_leaky_relu_has_its_slope_at_the_kink(slope):
    Y, gX = run(LeakyReLU(slope))
    np.testing.assert_array_equal(Y, [[-1000 * slope, -2 * slope, 0, 0.5, 1000]])
    np.testing.assert_array_equal(gX, [[slope, 2 * slope, 3 * slope, 4, 5]])


def test_leaky_relu_default_and_config():
    assert LeakyReLU().config() == {"negative_slope": 0.01}
    assert LeakyReLU(**LeakyReLU(0.3).config()).negative_slope == 0.3


@pytest.mark.parametrize("slope", [np.nan, np.inf, "0.1", None, True, [0.1]])
def test_leaky_relu_refuses(slope):
    with pytest.raises(
        ConfigError, match=r"^LeakyReLU: expected negative_slope as a finite number, got .*\. Try 0\.01"
    ):
        LeakyReLU(slope)
