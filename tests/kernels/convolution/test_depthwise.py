"""Depthwise convolutions against the general kernels, channel by channel."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.convolution import depthwise
from tests.kernels.convolution.configurations import CONFIGURATIONS, arrays, convolution, dtypes
from tests.kernels.linear_algebra import integers

WIDE = ((2, 9, 7, 40), (40, 5, 3, 1), (3, 2), (4, 1), (1, 2), 40)  # more channels than two vectors hold
SMALL_IMAGES = ((17, 4, 3, 10), (10, 3, 2, 1), 2, 1, 1, 10)
channelwise = pytest.mark.parametrize("configuration", [CONFIGURATIONS[3], CONFIGURATIONS[4], WIDE, SMALL_IMAGES])


@dtypes
@channelwise
def test_each_channel_is_a_convolution_of_its_own(configuration, dtype, rng):
    X, K, bias, G = arrays(lambda s: integers(rng, s, dtype), configuration)
    *rest, groups = configuration[2:]
    Y, gX = k.conv2d(X, K, bias, *rest, groups), k.conv2d_input_gradient(G, K, X.shape, *rest, groups)
    gK = k.conv2d_weight_gradient(X, G, K.shape, *rest, groups)
    for c in range(groups):
        one = slice(c, c + 1)
        x, g = np.ascontiguousarray(X[..., one]), np.ascontiguousarray(G[..., one])
        np.testing.assert_array_equal(Y[..., one], k.conv2d(x, K[one], bias[one], *rest))
        np.testing.assert_array_equal(gX[..., one], k.conv2d_input_gradient(g, K[one], x.shape, *rest))
        np.testing.assert_array_equal(gK[one], k.conv2d_weight_gradient(x, g, K[one].shape, *rest))


@dtypes
@channelwise
@pytest.mark.parametrize("gradient", [False, True])
def test_packed_weights(configuration, gradient, dtype, rng):
    _, K, _, _ = arrays(lambda s: integers(rng, s, dtype), configuration)
    own = convolution(*configuration, dtype=dtype)
    sizes, phases, _ = own.plan(gradient, True)
    T = np.full(sizes[0].packed_size, np.nan, dtype)
    depthwise.pack_channels(K.reshape(-1), T, sizes, phases)
    for f in phases:
        rows = f.kernel_row + np.arange(f.taps) * f.kernel_row_step
        taps = f.kernel_column + np.arange(f.taps_per_row) * f.kernel_column_step
        expected = K[:, rows][:, :, taps, 0].transpose(1, 2, 0)
        np.testing.assert_array_equal(T[f.weights : f.weights + expected.size].reshape(expected.shape), expected)


@dtypes
def test_pieces_add_up(dtype, rng):
    configuration = SMALL_IMAGES
    X, K, bias, G = arrays(lambda s: integers(rng, s, dtype), configuration)
    own = convolution(*configuration, dtype=dtype)
    sizes, tables = own.weight_plan
    sizes = sizes.copy()
    p = sizes[0]
    p.chunks = 3
    cuts = [0, 2, 2, p.blocks]
    D = np.full(3 * p.partial_size + 64, np.nan, dtype)
    for c in range(3):
        depthwise.channel_piece(
            X.reshape(-1), G.reshape(-1), D, c * p.partial_size, sizes, tables, cuts[c], cuts[c + 1], 1
        )
    gK, gbias = np.ones(K.size, dtype), np.ones_like(bias)
    depthwise.fold_channels(D, sizes, gK, gbias, 1, 0)
    expected = k.conv2d_weight_gradient(X, G, K.shape, *configuration[2:])
    np.testing.assert_array_equal(gK.reshape(K.shape), 1 + expected)
    np.testing.assert_array_equal(gbias, G.sum(axis=(0, 1, 2)))
