"""The absolute error and Huber's function against their twins, at their kinks, and where squares overflow."""

import itertools

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import LabelError
from nnmat_kernels.losses.distances import weighted_huber_loss, weighted_l1_loss
from nnmat_kernels.reference.losses import distances as twin
from tests.kernels.losses.measures import TOLERANCE, differences, error

LOSSES = [
    (k.l1_loss, twin.l1_loss, {}),
    (k.huber_loss, twin.huber_loss, {}),
    (k.huber_loss, twin.huber_loss, {"delta": 0.3, "scale": 1 / 0.3}),
]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("size", [(1, 1), (5, 1), (6, 4), (129, 10), (3, 600)])
@pytest.mark.parametrize(("kernel", "reference", "options"), LOSSES)
def test_distances_equal_their_twins(rng, kernel, reference, options, size, dtype):
    H, Y = (2 * rng.normal(size=(2, *size))).astype(dtype)
    weights = None, rng.uniform(0, 2, size[0]), rng.uniform(0, 2, size)
    for s, reduction in itertools.product(weights, ("mean", "sum", "none")):
        value, G = kernel(H, Y, sample_weight=s, reduction=reduction, **options)
        expected = reference(H, Y, sample_weight=s, reduction=reduction, **options)
        assert (G.dtype, G.shape) == (dtype, H.shape)
        assert error(value, expected[0]) < TOLERANCE[dtype]
        assert error(G, expected[1]) < TOLERANCE[dtype]


@pytest.mark.parametrize(("kernel", "reference", "options"), LOSSES)
def test_gradients_are_slopes(rng, kernel, reference, options):
    H, Y, s = 2 * rng.normal(size=(4, 3)), 2 * rng.normal(size=(4, 3)), rng.uniform(0, 2, 4)
    G = kernel(H, Y, sample_weight=s, **options)[1]
    assert error(G, differences(lambda H: kernel(H, Y, sample_weight=s, **options)[0], H)) < 1e-9


@dtypes
def test_kinks_and_infinities(dtype):
    H, Y = np.array([[0, 2, -2, np.inf, -np.inf, 1e30]], dtype), np.zeros((1, 6), dtype)
    np.testing.assert_array_equal(k.l1_loss(H, Y, reduction="none")[0], abs(H))
    np.testing.assert_array_equal(k.l1_loss(H, Y, reduction="none")[1], np.sign(H))
    np.testing.assert_array_equal(k.huber_loss(H, Y, 2.0, reduction="none")[1], [[0, 2, -2, 2, -2, 2]])
    np.testing.assert_allclose(k.huber_loss(H, Y, 2.0, reduction="none")[0], [[0, 2, 2, np.inf, np.inf, 2e30]])
    for loss in (k.l1_loss, k.huber_loss):
        value, G = loss(np.array([[np.nan]], dtype), np.zeros((1, 1), dtype))
        assert np.isnan(value)
        assert np.isnan(G).all()


def test_divisor_and_errors():
    H, s = np.zeros((3, 2)), np.array([0, 0.5, 1])
    assert weighted_l1_loss(H, H + 1, s)[::2] == (1.0, 1.5)
    assert weighted_huber_loss(H, H + 1, sample_weight=s, reduction="sum")[::2] == (1.5, 1.0)
    for option, bad in itertools.product(("delta", "scale"), (0, -1.0, np.inf, np.nan, None, "1")):
        with pytest.raises(ValueError, match=rf"^huber_loss: expected {option} finite in float64 and above 0, got "):
            k.huber_loss(H, H, **{option: bad})
    with pytest.raises(LabelError, match="^l1_loss: expected finite targets, got nan in row 0, column 0"):
        k.l1_loss(H, np.full((3, 2), np.nan))
