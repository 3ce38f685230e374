"""Upsampling: sizes, and its transpose that is a mean."""

import numpy as np
import pytest

from nnmat import AvgPool2d, ConfigError, Upsample


def test_nearest_is_the_transpose_of_the_mean(rng):
    """k² P_avgᵀ forward, k² P_avg backward."""
    X, G = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 6, 8, 5))
    layer, mean = Upsample(scale_factor=2).build((3, 4, 5), dtype=np.float64), AvgPool2d(2)
    mean.build((6, 8, 5), dtype=np.float64)
    assert np.array_equal(layer.forward(X, record=True), np.repeat(np.repeat(X, 2, axis=1), 2, axis=2))
    np.testing.assert_allclose(layer.backward(G), 4 * mean.forward(G, record=True), atol=1e-14)


def test_sizes():
    assert Upsample(scale_factor=(2, 3)).output_shape((4, 5, 6)) == (8, 15, 6)
    assert Upsample((9, 2), mode="bilinear").output_shape((4, 5, 6)) == (9, 2, 6)
    layer = Upsample(None, 3, "bilinear", True)
    assert Upsample(**layer.config()).config() == layer.config()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "expected size or scale_factor, and not both, got size=None and scale_factor=None"),
        ({"size": 3, "scale_factor": 2}, "expected size or scale_factor, and not both"),
        ({"scale_factor": 0}, "expected scale_factor of at least 1, got 0"),
        ({"scale_factor": 1.5}, "expected scale_factor to be an integer or a pair of integers, got 1.5"),
        ({"size": 3, "mode": "cubic"}, "unknown mode 'cubic'. Known: nearest, bilinear"),
        ({"size": 3, "align_corners": True}, 'expected align_corners=True with mode="bilinear" only'),
        ({"size": 3, "mode": "bilinear", "align_corners": 1}, "expected align_corners as True or False, got 1"),
    ],
)
def test_refuses(options, text):
    with pytest.raises(ConfigError) as raised:
        Upsample(**options)
    assert str(raised.value).startswith(f"Upsample: {text}")
