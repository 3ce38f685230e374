"""What the sweep over all layers does not cover of the activations: exact values, kinks, options."""

import math

import numpy as np
import pytest

from nnmat import GELU, ConfigError, LeakyReLU, ReLU, Sigmoid, Tanh

X = np.array([[-1000.0, -2.0, 0.0, 0.5, 1000.0]])
G = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])


def run(layer):
    layer.build((5,), dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(G)


def test_sigmoid():
    with np.errstate(over="raise"):
        Y, gX = run(Sigmoid())
    np.testing.assert_allclose(Y, [[0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-0.5), 1]], rtol=1e-15)
    np.testing.assert_allclose(gX, G * Y * (1 - Y), rtol=1e-15)


def test_tanh():
    Y, gX = run(Tanh())
    np.testing.assert_allclose(Y, np.tanh(X), rtol=1e-15)
    np.testing.assert_allclose(gX, G / np.cosh(np.clip(X, -300, 300)) ** 2, rtol=1e-13, atol=1e-200)


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


def test_gelu_keeps_its_digits_far_to_the_left():
    Y, gX = run(GELU())
    phi = np.array([math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in X[0]])
    Phi = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in X[0]])
    np.testing.assert_allclose(Y[0], X[0] * Phi, rtol=1e-13)
    np.testing.assert_allclose(gX[0], G[0] * (Phi + X[0] * phi), rtol=1e-13)
    far = GELU().build((1,), dtype=np.float64).forward(np.array([[-9.0], [-37.0]]))
    np.testing.assert_allclose(far, [[-1.015729565358458e-18], [-37 * 0.5 * math.erfc(37 / math.sqrt(2))]], rtol=1e-12)
