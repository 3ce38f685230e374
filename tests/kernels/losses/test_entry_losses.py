"""The kernels that are made of a function of one entry: sums, weights, pieces."""

import numpy as np
import pytest

from nnmat_kernels.errors import DataError
from nnmat_kernels.losses.adversarial import linear_score, softplus_score
from nnmat_kernels.losses.entry_losses import mean_over_entries
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_the_mean_of_entries(rows, dtype):
    H = np.arange(3 * rows, dtype=dtype).reshape(rows, 3)
    value, G, divisor = mean_over_entries("f", linear_score, H, H, None, 2.0, 0.0, None)
    assert (value, divisor) == (H.size - 1.0, rows)
    np.testing.assert_array_equal(G, np.full(H.shape, dtype(2) * dtype(1 / H.size)))


def test_an_entry_of_weight_0_is_not_read():
    H, s = np.array([[np.nan, np.inf], [1.0, 3.0]]), np.array([0.0, 0.5])
    value, G, divisor = mean_over_entries("f", softplus_score, H, H, s, 1.0, 1.0, None)
    expected, slopes, _ = mean_over_entries("f", softplus_score, H[1:], H[1:], None, 1.0, 1.0, None)
    assert (value, divisor) == (expected, 0.5)
    np.testing.assert_array_equal(G, np.concatenate([np.zeros((1, 2)), slopes]))
    value, G, divisor = mean_over_entries("f", softplus_score, H, H, 0 * s, 1.0, 1.0, None)
    assert (value, divisor, G.any()) == (0.0, 0.0, False)


def test_no_rows():
    value, G, divisor = mean_over_entries("f", linear_score, *[np.empty((0, 3))] * 2, None, 1.0, 0.0, None)
    assert (value, G.shape, divisor) == (0.0, (0, 3), 0.0)


def test_a_wrong_weight_is_refused():
    with pytest.raises(DataError, match=r"^f: expected sample_weight finite and not negative, got -1\.0 at position 1"):
        mean_over_entries("f", linear_score, np.ones((2, 1)), np.ones((2, 1)), np.array([1.0, -1]), 1.0, 0.0, None)


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
@dtypes
def test_the_number_of_threads_changes_no_bit(dtype, rng):
    H = rng.standard_normal((PARALLEL_SIZE // 3 + 7, 3)).astype(dtype)
    s = rng.random(len(H))
    same_bits_for_any_threads(lambda: mean_over_entries("f", softplus_score, H, H, s, 1.0, 1.0, None)[:2])
