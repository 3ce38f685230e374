"""What the sweep over all layers does not cover of the maximum: ties, padding, dilation."""

import numpy as np
import pytest

from nnmat import ConfigError, MaxPool1d, MaxPool2d, ShapeError
from tests.nnmat.layers.pooling.passes import run


def test_ties_go_to_the_first_in_row_major_order():
    X = np.array([[1.0, 1, 3, 0], [1, 0, 3, 3]]).reshape(1, 2, 4, 1)
    Y, gX = run(MaxPool2d(2), X)
    np.testing.assert_array_equal(Y.ravel(), [1, 3])
    np.testing.assert_array_equal(gX.reshape(2, 4), [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_up():
    X = np.zeros((1, 3, 3, 1))
    X[0, 1, 1] = 5
    Y, gX = run(MaxPool2d(2, stride=1), X)
    assert (Y == 5).all()
    assert gX[0, 1, 1] == 4
    assert gX.sum() == 4


def test_padding_of_the_maximum_is_never_chosen():
    Y, gX = run(MaxPool2d(3, stride=2, padding=1), -np.ones((2, 5, 5, 2)))
    np.testing.assert_array_equal(Y, -1)
    assert gX.sum() == Y.size


def test_dilation_of_the_maximum():
    X = np.arange(25.0).reshape(1, 5, 5, 1)
    Y, gX = run(MaxPool2d(2, stride=1, dilation=3), X)
    np.testing.assert_array_equal(Y.ravel(), [18, 19, 23, 24])
    assert gX.sum() == 4
    assert MaxPool2d(**MaxPool2d(2, dilation=(1, 3)).config()).dilation == (1, 3)
    with pytest.raises(ConfigError, match=r"^MaxPool2d: expected dilation of at least 1, got 0"):
        MaxPool2d(2, dilation=0)
    with pytest.raises(ShapeError, match=r"^MaxPool2d: expected windows that hold a pixel each, .* Try less padding"):
        MaxPool2d((2, 1), 1, (1, 0), 2).build((1, 4, 1))


def test_a_sequence_is_an_image_of_one_row(rng):
    X, G = rng.standard_normal((2, 9, 3)), rng.standard_normal((2, 4, 3))
    Y, gX = run(MaxPool1d(3, 2, 1, 2), X, G)
    image, gimage = run(MaxPool2d((1, 3), (1, 2), (0, 1), (1, 2)), X[:, None], G[:, None])
    assert np.array_equal(Y, image[:, 0])
    assert np.array_equal(gX, gimage[:, 0])
