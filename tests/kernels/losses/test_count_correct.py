"""Rows that are right, against the definition: argmax, and no NaN."""

import numpy as np
import pytest

from nnmat_kernels.losses.count_correct import count_correct

VALUES = [-np.inf, -1.0, 0.0, 1.0, np.inf]  # with many ties


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 2), (300, 3), (129, 33)])
def test_value(shape, dtype, rng):
    H, y = rng.choice(VALUES, shape).astype(dtype), rng.integers(0, shape[1], shape[0])
    assert count_correct(H, y) == np.count_nonzero(H.argmax(axis=1) == y)
    H[rng.random(shape) < 0.1] = np.nan
    right = (H.argmax(axis=1) == y) & ~np.isnan(H).any(axis=1)
    assert count_correct(H, y) == np.count_nonzero(right)
    assert count_correct(H, H.argmax(axis=1)) == np.count_nonzero(~np.isnan(H).any(axis=1))


@pytest.mark.parametrize("label", [-1, 3, np.iinfo(np.int64).min])
def test_a_label_out_of_range(label):
    assert count_correct(np.zeros((2, 3), np.float32), np.array([0, label])) == -1
