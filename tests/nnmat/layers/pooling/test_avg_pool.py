"""What the sweep over all layers does not cover of the mean: padding, divisors."""

import numpy as np
import pytest

from nnmat import AvgPool1d, AvgPool2d, ConfigError
from tests.nnmat.layers.pooling.passes import run


def test_padding_of_the_average():
    X = np.ones((1, 2, 2, 1))
    np.testing.assert_array_equal(
        run(AvgPool2d(2, 1, 1), X)[0].reshape(3, 3), [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    )
    Y, gX = run(AvgPool2d(2, 1, 1, count_padding=False), X)
    np.testing.assert_array_equal(Y, 1)
    np.testing.assert_array_equal(gX.reshape(2, 2), 2.25)  # 1 from the corner, 1/2 twice from the edges, 1/4


def test_count_padding_is_a_flag():
    with pytest.raises(ConfigError, match=r"^AvgPool2d: expected count_padding as True or False, got 1"):
        AvgPool2d(2, count_padding=1)


def test_a_divisor_of_ones_own(rng):
    X = rng.standard_normal((2, 5, 6, 3))
    Y, gX = run(AvgPool2d(2, divisor=3), X)
    np.testing.assert_allclose(Y, run(AvgPool2d(2), X)[0] * 4 / 3, rtol=1e-14)
    np.testing.assert_allclose(gX[:, :4], 1 / 3, rtol=1e-14)
    assert AvgPool2d(**AvgPool2d(2, divisor=3).config()).divisor == 3
    with pytest.raises(ConfigError, match=r"^AvgPool2d: expected divisor as an integer >= 1, got 0"):
        AvgPool2d(2, divisor=0)
    with pytest.raises(ConfigError, match=r"^AvgPool2d: expected arguments .* got divisor_override\. Write divisor\. "):
        AvgPool2d(2, divisor_override=3)


def test_a_sequence_is_an_image_of_one_row(rng):
    X, G = rng.standard_normal((2, 9, 3)), rng.standard_normal((2, 5, 3))
    for count in (True, False):
        Y, gX = run(AvgPool1d(3, 2, 1, count), X, G)
        image, gimage = run(AvgPool2d((1, 3), (1, 2), (0, 1), count), X[:, None], G[:, None])
        assert np.array_equal(Y, image[:, 0])
        assert np.array_equal(gX, gimage[:, 0])
