"""Largest entries of rows, labels as rows of zeros and a one, and a number taken out of an array."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.errors import LabelError
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE

LARGE = (3, 4) if settings.DISABLE_JIT else (PARALLEL_SIZE // 50, 60)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (2, 200), LARGE])
def test_row_maxima(shape, dtype):
    A = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    assert np.array_equal(k.row_maxima(A), A.max(axis=1))
    A[-1, -1] = np.nan
    assert np.isnan(k.row_maxima(A)[-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_hot(dtype):
    y = np.array([2, 0, 1, 2])
    assert np.array_equal(k.one_hot(y, 3, np.dtype(dtype)), np.eye(3, dtype=dtype)[y])
    assert k.one_hot(np.empty(0, np.int64), 3, np.dtype(dtype)).shape == (0, 3)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_label_out_of_range_is_named(wrong):
    with pytest.raises(LabelError, match=f"expected labels from 0 to 2, got {wrong} at index 1"):
        k.one_hot(np.array([0, wrong]), 3, np.dtype(np.float32))


def test_the_first_number():
    assert k.first_number(np.array([[1.5, 2.0]], np.float32)) == 1.5
