"""Rows with integer labels: narrow and wide ones against the twin, and labels that are no classes."""

import numpy as np
import pytest

from nnmat_kernels.losses.label_cross_entropy import rows, rows_parallel
from nnmat_kernels.reductions.row_tiles import NARROW_COLUMNS
from nnmat_kernels.reference.losses import softmax_cross_entropy as twin
from tests.kernels.guards import guarded
from tests.kernels.losses.measures import TOLERANCE, error

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", [(1, 1), (5, 3), (33, NARROW_COLUMNS), (40, NARROW_COLUMNS + 1), (3, 600)])


@dtypes
@shapes
@pytest.mark.parametrize("slots", [0, 1, 4])
def test_value_and_gradient(shape, slots, dtype, rng):
    H, y = 3 * rng.standard_normal(shape).astype(dtype), rng.integers(0, shape[1], shape[0])
    value, gradient = twin.softmax_cross_entropy(H, y)
    G, intact = guarded(shape, dtype)
    if slots:
        sums = np.full(slots, np.nan)
        assert rows_parallel(H, y, G, sums) == (0.0, -1)
        mean = sums.sum() / shape[0]
    else:
        mean, wrong = rows(H, y, G)
        assert wrong == -1
    assert error(mean, value) < TOLERANCE[dtype]
    assert error(G, gradient) < 2 * TOLERANCE[dtype]
    intact()


@dtypes
def test_a_wrong_label_is_found_before_anything_is_written(dtype):
    H, y, G = np.zeros((4, 3), dtype), np.array([0, 1, 3, -1]), np.full((4, 3), 7, dtype)
    assert rows(H, y, G) == (0.0, 2)
    assert rows_parallel(H, y, G, np.zeros(2)) == (0.0, 2)
    assert (G == 7).all()


@dtypes
@pytest.mark.parametrize("columns", [2, 100])
def test_a_sure_and_right_row_keeps_its_tiny_loss(columns, dtype):
    H, G = np.full((1, columns), -50, dtype), np.empty((1, columns), dtype)
    H[0, 1] = 0
    value, _ = rows(H, np.array([1]), G)
    assert value == pytest.approx((columns - 1) * np.exp(-50.0), rel=1e-6)
    assert G[0, 1] == pytest.approx(-(columns - 1) * np.exp(-50.0), rel=1e-6)
