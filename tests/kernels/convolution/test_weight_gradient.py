"""The weight gradient by pieces: what each adds up, how they are folded, what is added to."""

import numpy as np
import pytest

from nnmat_kernels.convolution import launch, weight_gradient
from nnmat_kernels.reference.convolution import conv2d as naive
from tests.kernels.convolution.configurations import CONFIGURATIONS, LARGE, arrays, convolution, dtypes
from tests.kernels.linear_algebra import integers


def test_a_plan_accumulates_each_gradient_as_asked(rng):
    X, K, bias, G = arrays(lambda s: integers(rng, s, np.float32), CONFIGURATIONS[0])
    own = convolution(X.shape, K.shape)
    gK, gbias = np.ones_like(K), np.ones_like(bias)
    own.weight_gradient(X, G, gK, True, gbias, False)
    np.testing.assert_array_equal(gK, 1 + naive.conv2d_weight_gradient(X, G, K.shape))
    np.testing.assert_array_equal(gbias, G.sum(axis=(0, 1, 2)))
    own.weight_gradient(X, G, gK, False, gbias, True)
    np.testing.assert_array_equal(gK, naive.conv2d_weight_gradient(X, G, K.shape))
    np.testing.assert_array_equal(gbias, 2 * G.sum(axis=(0, 1, 2)))


@dtypes
@pytest.mark.parametrize(
    "configuration", [CONFIGURATIONS[0], CONFIGURATIONS[2], CONFIGURATIONS[9], LARGE[1], LARGE[11]]
)
def test_pieces_add_up(configuration, dtype, rng):
    """A piece without blocks gives zeros; the others the sums of their blocks, those of G in the row of ones."""
    X, K, bias, G = arrays(lambda s: integers(rng, s, dtype), configuration)
    own = convolution(*configuration, dtype=dtype)
    sizes, tables = own.weight_plan
    sizes = sizes.copy()
    p = sizes[0]
    p.chunks = 3
    cuts = [0, 1, 1, p.blocks]
    D = np.full(3 * p.partial_size + 64, np.nan, dtype)
    for c in range(3):
        weight_gradient.weights_piece(
            X.reshape(-1), G.reshape(-1), D, c * p.partial_size, sizes, tables, cuts[c], cuts[c + 1], 1
        )
    assert (D[p.partial_size : 2 * p.partial_size] == 0).all()
    gK, gbias = np.ones(K.size, dtype), np.ones_like(bias)
    weight_gradient.fold_weights(D, sizes, gK, gbias, 0, 1)
    np.testing.assert_array_equal(gK.reshape(K.shape), naive.conv2d_weight_gradient(X, G, K.shape, *configuration[2:]))
    np.testing.assert_array_equal(gbias, 1 + G.sum(axis=(0, 1, 2)))


@dtypes
def test_an_empty_bias_gradient_is_left_out(dtype, rng):
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), CONFIGURATIONS[0])
    own = convolution(X.shape, K.shape, dtype=dtype)
    weights = launch.weights(np.dtype(dtype), False, False)
    gK, alone = np.empty_like(K), np.empty_like(K)
    weights(X, G, gK, bias, *own.weight_plan, 0, 0)
    weights(X, G, alone, np.empty(0, dtype), *own.weight_plan, 0, 0)
    assert gK.tobytes() == alone.tobytes()


@dtypes
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[0], CONFIGURATIONS[2], LARGE[1], LARGE[11]])
def test_sums_of_many_blocks(configuration, dtype, rng):
    """A chunk of more than `blocks_per_sum` blocks adds up partial sums; the last one may be short."""
    X, K, bias, G = arrays(lambda s: integers(rng, s, dtype), configuration)
    own = convolution(*configuration, dtype=dtype)
    sizes, tables = own.weight_plan
    sizes = sizes.copy()
    sizes[0].chunks = 1
    exact = naive.conv2d_weight_gradient(X, G, K.shape, *configuration[2:])
    for some in (1, 2, 3, 10**6):
        sizes[0].blocks_per_sum = some
        gK, gbias = np.empty_like(K), np.empty_like(bias)
        launch.weights(np.dtype(dtype), own._by_channels, False)(X, G, gK, gbias, sizes, tables, 0, 0)
        np.testing.assert_array_equal(gK, exact)
        np.testing.assert_array_equal(gbias, G.sum(axis=(0, 1, 2)))
