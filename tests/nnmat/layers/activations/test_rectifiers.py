"""Rectifiers: kinks and slopes."""

import numpy as np
import pytest

from nnmat import ELU, ConfigError, LeakyReLU, ReLU

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


@pytest.mark.parametrize("alpha", [1.0, 0.3, -1, 0])
def test_elu_is_continuous_and_has_its_slope_at_zero(alpha):
    Y, gX = run(ELU(alpha))
    left = np.minimum(X, 0)
    np.testing.assert_allclose(Y, np.where(X > 0, X, alpha * np.expm1(left)), rtol=1e-14)
    np.testing.assert_allclose(gX, G * np.where(X > 0, 1, alpha * np.exp(left)), rtol=1e-14)
    assert ELU(**ELU(alpha).config()).alpha == alpha


@pytest.mark.parametrize("alpha", [np.nan, np.inf, "1", None, True])
def test_elu_refuses(alpha):
    with pytest.raises(ConfigError, match=r"^ELU: expected alpha as a finite number, got .*\. Try 1\.0"):
        ELU(alpha)
