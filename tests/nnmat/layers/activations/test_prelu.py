"""The rectifier whose slopes are learned: its equations, one slope or many, and options."""

import numpy as np
import pytest

from nnmat import SGD, ConfigError, LeakyReLU, Linear, PReLU, Sequential, ShapeError


@pytest.mark.parametrize(("channels", "shape"), [(1, ()), (1, (5,)), (5, (5,)), (None, (3, 5)), (1, (3, 5))])
def test_equations(channels, shape, rng):
    layer = PReLU(channels).build(shape, dtype=np.float64)
    a = layer.slope.value[...] = rng.standard_normal(layer.slope.shape)
    X, G = rng.standard_normal((2, 4, *shape))
    np.testing.assert_array_equal(layer.forward(X, training=True), np.where(X > 0, X, a * X))
    np.testing.assert_array_equal(layer.backward(G), np.where(X > 0, G, a * G))
    P = G * np.minimum(X, 0)
    expected = P.reshape(-1, 5).sum(axis=0) if layer.slope.size > 1 else [P.sum()]
    np.testing.assert_allclose(layer.slope.grad, expected, rtol=1e-13)


def test_it_begins_as_a_leaky_relu(rng):
    X = rng.standard_normal((4, 5)).astype(np.float32)
    for options in ({}, {"initial": 0.1}):
        leaky = LeakyReLU(options.get("initial", 0.25)).build((5,))
        np.testing.assert_array_equal(PReLU(**options).build((5,)).forward(X), leaky.forward(X))


def test_slopes():
    assert PReLU().build((3, 4)).slope.shape == (1,)
    assert PReLU(None).build((3, 4)).slope.shape == (4,)
    assert PReLU(4).build((3, 4)).slope.shape == (4,)
    assert PReLU(**PReLU(None, -0.5).config()).config() == {"channels": None, "initial": -0.5}


def test_slopes_have_no_weight_decay(rng):
    model = Sequential([Linear(5, 5), PReLU(5)], input_shape=(5,), dtype=np.float64)
    model.forward(rng.standard_normal((3, 5)), training=True)
    model.backward(np.zeros((3, 5)))
    SGD(model, lr=1.0, weight_decay=0.5).step()
    np.testing.assert_array_equal(model[1].slope.value, np.full(5, 0.25))


def test_errors():
    with pytest.raises(ConfigError, match="^PReLU: expected channels as an integer >= 1, got 0"):
        PReLU(0)
    with pytest.raises(ConfigError, match=r"^PReLU: expected initial as a finite number, got nan\. Try 0\.25"):
        PReLU(initial=np.nan)
    with pytest.raises(ShapeError, match=r"a last axis of 3, got shape \(B, 4, 5\)\. Give channels=None to infer"):
        PReLU(3).build((4, 5))
    with pytest.raises(ShapeError, match=r"^PReLU: expected input of shape \(B, \.\.\., N\), got \(B,\)\. Give"):
        PReLU(None).build(())
    with pytest.raises(ShapeError, match=r"a last axis of 3, got shape \(B,\)"):
        PReLU(3).build(())
