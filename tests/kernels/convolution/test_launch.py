"""The kernels as functions for one dtype: each is made once, and threads change no bit."""

import numpy as np
import pytest

from nnmat_kernels.convolution import launch
from tests.kernels.convolution.configurations import CONFIGURATIONS, arrays, convolution, dtypes


@dtypes
@pytest.mark.parametrize("by_channels", [False, True])
def test_one_thread_and_all_give_the_same_bits(by_channels, dtype, rng):
    configuration = CONFIGURATIONS[3 if by_channels else 2]
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    own, results = convolution(*configuration, dtype=dtype), []
    for parallel in (False, True):
        product = launch.product(np.dtype(dtype), by_channels, parallel)
        weights = launch.weights(np.dtype(dtype), by_channels, parallel)
        assert launch.product(np.dtype(dtype), by_channels, parallel) is product
        Y, gX, gK, gbias = np.empty_like(G), np.empty_like(X), np.empty_like(K), np.empty_like(bias)
        assert product(X, K, bias, Y, *own.plan(False, True), 0)
        assert product(G, K, bias[:0], gX, *own.plan(True, True), 0)
        weights(X, G, gK, gbias, *own.weight_plan, 0, 0)
        results.append([A.tobytes() for A in (Y, gX, gK, gbias)])
    assert results[0] == results[1]
