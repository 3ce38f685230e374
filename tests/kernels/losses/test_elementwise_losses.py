"""Binary cross-entropy and the squared error against their twins, their slopes, and at large logits."""

import itertools

import numpy as np
import pytest

from nnmat_kernels.losses.elementwise_losses import (
    mean_squared_error,
    sigmoid_binary_cross_entropy,
    weighted_mean_squared_error,
    weighted_sigmoid_binary_cross_entropy,
)
from nnmat_kernels.reference.losses import elementwise_losses as elementwise_twin
from tests.kernels.losses.measures import TOLERANCE, differences, error

SIZES = [(1, 1), (1, 7), (5, 1), (6, 4), (3, 33), (129, 10), (60, 300), (3, 6000)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_elementwise_losses_equal_their_twins(rng, size, dtype):
    H, Y = (3 * rng.normal(size=size)).astype(dtype), rng.uniform(0, 1, size).astype(dtype)
    for s, reduction in itertools.product(
        (None, rng.uniform(0, 2, size[0]), rng.uniform(0, 2, size)), ("mean", "sum", "none")
    ):
        for kernel, reference, options in [
            (sigmoid_binary_cross_entropy, elementwise_twin.sigmoid_binary_cross_entropy, {"positive_weight": 2.5}),
            (
                sigmoid_binary_cross_entropy,
                elementwise_twin.sigmoid_binary_cross_entropy,
                {"positive_weight": rng.uniform(0, 3, size[1])},
            ),
            (sigmoid_binary_cross_entropy, elementwise_twin.sigmoid_binary_cross_entropy, {}),
            (mean_squared_error, elementwise_twin.mean_squared_error, {}),
        ]:
            value, G = kernel(H, Y, sample_weight=s, reduction=reduction, **options)
            expected = reference(H, Y, sample_weight=s, reduction=reduction, **options)
            assert reduction == "none" or isinstance(value, float)
            assert G.dtype == dtype
            assert G.shape == H.shape
            assert error(value, expected[0]) < TOLERANCE[dtype]
            assert error(G, expected[1]) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_at_large_logits(dtype):
    H = np.array([[-800, 800, 40, np.inf, -np.inf]], dtype)
    value, G = sigmoid_binary_cross_entropy(H, np.array([[1, 0, 0, 1, 0]], dtype))
    assert value == pytest.approx((800 + 800 + 40) / 5, rel=1e-6)
    np.testing.assert_allclose(5 * G, [[-1, 1, 1, 0, 0]], rtol=1e-6)
    value, G = sigmoid_binary_cross_entropy(np.array([[40]], dtype), np.array([[1]], dtype))
    assert value == pytest.approx(np.exp(-40.0), rel=1e-6)  # 1 - σ(40) is 0 in rounded numbers
    np.testing.assert_allclose(G, [[-np.exp(-40.0)]], rtol=1e-6)


def test_squares_overflow_no_sum():
    H, Y = np.array([[1e30, 1e-30]], np.float32), np.zeros((1, 2), np.float32)
    assert mean_squared_error(H, Y)[0] == pytest.approx(5e59, rel=1e-6)
    assert mean_squared_error(H, Y, np.array([0.5]))[0] == pytest.approx(5e59, rel=1e-6)
    assert mean_squared_error(H[:, 1:], Y[:, 1:])[0] == pytest.approx(1e-60, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_slopes(weighted, rng):
    H, Y, s = 2 * rng.normal(size=(4, 3)), rng.uniform(0, 1, (4, 3)), rng.uniform(0, 2, 4) if weighted else None
    G = sigmoid_binary_cross_entropy(H, Y, 2.0, s)[1]
    assert error(G, differences(lambda H: sigmoid_binary_cross_entropy(H, Y, 2.0, s)[0], H)) < 1e-9
    G = mean_squared_error(H, Y, s)[1]
    assert error(G, differences(lambda H: mean_squared_error(H, Y, s)[0], H)) < 1e-9


def test_the_divisor_is_the_sum_of_the_weights(rng):
    H, Y, s = rng.normal(size=(4, 3)), rng.uniform(0, 1, (4, 3)), np.array([0, 1, 0.5, 2])
    for function in (weighted_sigmoid_binary_cross_entropy, weighted_mean_squared_error):
        assert function(H, Y)[2] == 4
        value, G, divisor = function(H, Y, sample_weight=s)
        assert divisor == 3.5
        assert (G[0] == 0).all()
        H[0] = np.nan  # a row of weight 0 is not read
        assert function(H, Y, sample_weight=s)[0] == value
        H[0] = 0
