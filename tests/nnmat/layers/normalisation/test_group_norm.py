"""Group norm: its groups, and what it is at both ends."""

import numpy as np
import pytest

from nnmat import ConfigError, GroupNorm, LayerNorm, ShapeError


def test_one_group_is_a_layer_norm_of_the_sample(rng):
    X = rng.standard_normal((3, 4, 2, 6))
    Y = GroupNorm(1).build((4, 2, 6), dtype=np.float64).forward(X)
    flat = LayerNorm().build((48,), dtype=np.float64).forward(X.reshape(3, 48))
    np.testing.assert_allclose(Y.reshape(3, 48), flat, rtol=1e-12, atol=1e-13)


def test_each_group_has_mean_zero_and_variance_one(rng):
    Y = GroupNorm(3).build((5, 6), dtype=np.float64).forward(2 + rng.standard_normal((4, 5, 6)))
    groups = Y.reshape(4, 5, 3, 2)
    np.testing.assert_allclose(groups.mean(axis=(1, 3)), 0, atol=1e-13)
    np.testing.assert_allclose(groups.var(axis=(1, 3)), 1, rtol=1e-4)


def test_groups_must_divide_the_channels():
    with pytest.raises(ConfigError, match=r"^GroupNorm: channels = 5 is not a multiple of groups = 2"):
        GroupNorm(2, 5)
    with pytest.raises(ShapeError, match=r"expected channels that are a multiple of groups = 2, got shape \(B, 3, 5\)"):
        GroupNorm(2).build((3, 5))
    with pytest.raises(ConfigError, match="expected groups as an integer >= 1"):
        GroupNorm(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_groups_of_one_number_have_no_gradient(dtype, rng):
    layer = GroupNorm(5).build((5,), dtype=dtype)
    layer.gamma.value = rng.standard_normal(5)
    X, G = (300 * rng.standard_normal((4, 5)).astype(dtype) for _ in range(2))
    assert not layer.forward(X, training=True).any()
    assert not layer.backward(G).any()
    assert not layer.gamma.grad.any()
    assert layer.beta.grad.any()
