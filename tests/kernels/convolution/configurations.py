"""What the tests of the convolutions share: shapes and options, arrays for them, plans."""

import numpy as np
import pytest

from nnmat_kernels.convolution.conv2d import Convolution, checked_window
from nnmat_kernels.reference.convolution import conv2d as naive
from tests.kernels.linear_algebra import DTYPES

dtypes = pytest.mark.parametrize("dtype", DTYPES)
CONFIGURATIONS = [
    # input shape, weight shape, stride, padding, dilation, groups
    ((2, 5, 6, 3), (4, 2, 3, 3), 1, 0, 1, 1),
    ((1, 7, 5, 1), (6, 3, 3, 1), (2, 1), (1, 2), 1, 1),
    ((3, 6, 9, 4), (6, 3, 2, 2), (1, 3), (2, 0), (1, 2), 2),
    ((2, 5, 4, 6), (6, 3, 3, 1), 1, 1, 1, 6),  # depthwise
    ((2, 5, 6, 5), (5, 2, 3, 1), (2, 1), (0, 2), (2, 1), 5),  # depthwise
    ((2, 4, 4, 3), (6, 3, 3, 1), 1, 1, 1, 3),  # two filters for each channel
    ((3, 4, 5, 7), (3, 1, 1, 7), 1, 0, 1, 1),  # a matrix product
    ((3, 4, 5, 7), (3, 1, 1, 7), 2, 0, 1, 1),
    ((3, 4, 5, 7), (3, 1, 1, 7), 1, 1, 3, 1),
    ((2, 6, 9, 1), (8, 3, 2, 1), 1, 0, 1, 1),  # few channels: pixels of the target are taken together, 2, 4, 8
    ((2, 6, 12, 2), (4, 3, 5, 2), 1, 2, 1, 1),
    ((3, 5, 8, 10), (2, 2, 3, 10), 1, 1, 1, 1),
    ((2, 5, 16, 3), (1, 3, 4, 3), (1, 2), (1, 2), (2, 1), 1),
    ((2, 5, 16, 1), (1, 2, 3, 1), 1, (0, 1), (1, 2), 1),
    ((0, 4, 5, 2), (3, 2, 2, 2), 1, 0, 1, 1),
    ((2, 4, 5, 0), (3, 2, 2, 0), 1, 0, 1, 1),
    ((2, 4, 5, 2), (0, 2, 2, 2), 1, 0, 1, 1),
    ((0, 4, 5, 2), (2, 2, 2, 1), 1, 0, 1, 2),
    ((0, 4, 5, 2), (3, 1, 1, 2), 1, 0, 1, 1),
    ((2, 4, 5, 0), (3, 1, 1, 0), 1, 0, 1, 1),
    ((2, 4, 5, 2), (0, 1, 1, 2), 1, 0, 1, 1),
    ((3, 7, 8, 6), (4, 1, 1, 3), (2, 3), 0, 1, 2),  # pixels apart
]
# Above the threshold for threads: several bands per image, groups, depthwise, a product.
LARGE = [
    ((3, 20, 21, 8), (16, 3, 5, 8), (1, 1), (1, 2), 1, 1),
    ((2, 40, 40, 16), (20, 3, 3, 16), 1, 0, 1, 1),
    ((5, 13, 12, 16), (24, 3, 3, 8), (2, 1), 1, 1, 2),
    ((20, 16, 17, 24), (24, 3, 3, 1), 1, 1, 1, 24),
    ((20, 16, 17, 12), (24, 1, 1, 12), 1, 0, 1, 1),
    ((67, 4, 3, 9), (20, 3, 3, 9), 1, 1, 1, 1),  # several images in a block, and a last one with fewer
    ((70, 7, 5, 10), (10, 3, 2, 1), 2, 1, 1, 10),  # the same, depthwise
    ((2, 9, 9, 130), (17, 3, 3, 130), 1, 2, 2, 1),  # kernel rows one after the other
    ((1, 61, 67, 33), (8, 3, 3, 33), 2, 1, 1, 1),  # bands of one image
    ((2, 33, 9, 40), (40, 5, 3, 1), (3, 2), (4, 1), (1, 2), 40),
    ((20, 28, 28, 1), (8, 5, 5, 1), 1, 0, 1, 1),  # pixels of the target are taken together
    ((20, 12, 12, 8), (5, 5, 5, 8), 1, 2, 1, 1),
    ((40, 14, 14, 16), (32, 1, 1, 16), 2, 0, 1, 1),  # pixels apart
    ((3, 41, 40, 17), (20, 1, 1, 17), (3, 2), 0, 1, 1),
    ((20, 15, 12, 8), (8, 1, 1, 1), 2, 0, 1, 8),
]


def arrays(make, configuration):
    """X, K, bias and an upstream gradient G."""
    shape, weights, *rest = configuration
    X, K = make(shape), make(weights)
    return X, K, make(weights[0]), make(naive.conv2d(X, K, None, *rest).shape)


def convolution(shape, weights, stride=1, padding=0, dilation=1, groups=1, dtype=np.float32):
    """The plan of a convolution."""
    w = checked_window("Convolution", "images", shape, weights, stride, padding, dilation, groups)
    return Convolution(w, weights[0], groups, dtype)
