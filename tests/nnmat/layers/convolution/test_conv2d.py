"""The convolution layer's shapes and fans."""

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d


def test_a_kernel_larger_than_the_image():
    with pytest.raises(
        nnmat.ShapeError, match=r"^Conv2d: expected a window that fits .* \(5, 5\) .* image of \(4, 4\)"
    ):
        Conv2d(1, 1, 5).build((4, 4, 1))


def test_convolution_fans():
    layer = Conv2d(8, 4, (3, 5), groups=2, weight_initializer=lambda rng, shape, i, o: np.full(shape, 1000 * i + o))
    layer.build((9, 9, 8))
    assert (layer.weight.value == 1000 * (3 * 5 * 4) + 3 * 5 * 2).all()
