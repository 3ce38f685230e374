"""Pooling to a given size: what the sweep over all layers does not cover."""

import numpy as np
import pytest

from nnmat import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, ConfigError, GlobalAvgPool2d, MaxPool2d, ShapeError
from tests.nnmat.layers.pooling.passes import run

ADAPTIVE = pytest.mark.parametrize("kind", [AdaptiveAvgPool2d, AdaptiveMaxPool2d])


def test_global_average(rng):
    X, G = rng.standard_normal((2, 4, 6, 3)), rng.standard_normal((2, 1, 1, 3))
    Y, gX = run(AvgPool2d((4, 6)), X, G)
    np.testing.assert_allclose(Y[:, 0, 0], X.mean(axis=(1, 2)), rtol=1e-14)
    np.testing.assert_allclose(gX, np.broadcast_to(G / 24, X.shape), rtol=1e-14)
    Z, gZ = run(GlobalAvgPool2d(), X, G[:, 0, 0])
    assert np.array_equal(Z, Y[:, 0, 0])
    assert np.array_equal(gZ, gX)
    np.testing.assert_allclose(run(AdaptiveAvgPool2d(1), X, G)[0], Y, rtol=1e-14)


@pytest.mark.parametrize(("kind", "windows"), [(AdaptiveAvgPool2d, AvgPool2d), (AdaptiveMaxPool2d, MaxPool2d)])
def test_bins_of_equal_size_are_windows(kind, windows, rng):
    X, G = rng.standard_normal((2, 6, 8, 3)), rng.standard_normal((2, 3, 2, 3))
    ours, theirs = run(kind((3, 2)), X, G), run(windows((2, 4)), X, G)
    for A, B in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(A, B, rtol=0, atol=1e-15)


@ADAPTIVE
def test_sizes(kind):
    assert kind((3, None)).output_shape((7, 5, 2)) == (3, 5, 2)
    assert kind(4).output_shape((7, 5, 2)) == (4, 4, 2)
    assert kind(**kind((None, 2)).config()).output_size == (None, 2)


@ADAPTIVE
def test_more_bins_than_pixels(kind, rng):
    X = rng.standard_normal((1, 1, 1, 3))
    Y, gX = run(kind((20, 15)), X)
    assert (Y == X).all()
    np.testing.assert_allclose(gX, 300)


@ADAPTIVE
def test_refuses(kind):
    name = kind.__name__
    with pytest.raises(ConfigError, match=rf"^{name}: expected output_size as an integer >= 1, got 0"):
        kind((1, 0))
    with pytest.raises(ConfigError, match=rf"^{name}: expected output_size as an integer or a pair .* got \(1, 2, 3\)"):
        kind((1, 2, 3))
    with pytest.raises(ShapeError, match=rf"^{name}: expected images"):
        kind(2).build((5,))
    with pytest.raises(ShapeError, match=r"^GlobalAvgPool2d: expected images"):
        GlobalAvgPool2d().build((5, 4))
