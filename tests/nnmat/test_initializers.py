"""Initial values and their variances."""

import numpy as np
import pytest

import nnmat
from nnmat import Linear


@pytest.mark.parametrize("name", nnmat.initializers.BY_NAME)
def test_initializers(name):
    layer = Linear(300, 200, weight_initializer=name).build((300,), rng=0)
    W = layer.weight.value
    variance = {"glorot": 2 / 500, "he": 2 / 300, "lecun": 1 / 300, "zeros": 0}[name.partition("_")[0]]
    assert abs(W.mean()) < 1e-3
    np.testing.assert_allclose(W.var(), variance, rtol=0.05)
    if name.endswith("uniform"):
        assert np.abs(W).max() <= np.sqrt(3 * variance)
