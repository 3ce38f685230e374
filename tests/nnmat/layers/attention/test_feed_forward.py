"""The gated half of a Transformer."""

import numpy as np
import pytest

from nnmat import ConfigError, GatedFeedForward, ShapeError


def test_values(rng):
    layer = GatedFeedForward(4, 6).build((3, 4), dtype=np.float64)
    X = rng.standard_normal((2, 3, 4))
    A, B = X @ layer.gate.weight.value.T, X @ layer.up.weight.value.T
    right = (A / (1 + np.exp(-A)) * B) @ layer.out.weight.value.T
    np.testing.assert_allclose(layer.forward(X), right, rtol=1e-12, atol=1e-14)
    assert len(layer.parameters()) == 3
    assert len(GatedFeedForward(4, 6, bias=True).parameters()) == 6


def test_what_is_refused():
    with pytest.raises(ConfigError, match="expected hidden as an integer >= 1"):
        GatedFeedForward(4, 0)
    with pytest.raises(ShapeError, match="expected inputs of width 4"):
        GatedFeedForward(4, 6).build((3, 5))
