"""The kernels that are made of a function of one entry: sums, weights, pieces."""

import numpy as np
import pytest

from nnmat_kernels.errors import DataError
from nnmat_kernels.losses.adversarial import linear_score, softplus_score
from nnmat_kernels.losses.elementwise_losses import binary_entry, squared_entry
from nnmat_kernels.losses.entry_losses import entry_loss_unchecked, entry_values_unchecked, reduced_entry_loss
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import same_bits_for_any_threads


def mean_over_entries(who, loss, H, Y, s, a, b, G):
    return entry_loss_unchecked(H, None, loss, a, b, s, G=G, who=who)


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
    entries = rng.random(H.size)
    same_bits_for_any_threads(
        lambda: [
            *mean_over_entries("f", softplus_score, H, H, s, 1.0, 1.0, None)[:2],
            *mean_over_entries("f", softplus_score, H, H, entries, 1.0, 1.0, None)[:2],
            *entry_values_unchecked(H, H, squared_entry, 0.0, 0.0, s)[:2],
        ]
    )


@dtypes
@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (70, 9), (3, 700)])
def test_sums_and_values(shape, dtype, rng):
    H, Y = rng.standard_normal((2, *shape)).astype(dtype)
    for s in (None, rng.random(shape[0]), rng.random(shape)):
        each = np.ones(shape) if s is None else np.broadcast_to(s.reshape(shape[0], -1), shape)
        entries, slopes = each * (H - Y) ** 2, each * 2 * (H - Y)
        L, G, divisor = reduced_entry_loss("f", squared_entry, H, Y, 0.0, 0.0, s, "none", None)
        assert (L.dtype, L.shape, divisor) == (dtype, shape, 1.0)
        np.testing.assert_allclose(L, entries, rtol=1e-6)
        np.testing.assert_allclose(G, slopes, rtol=1e-6)
        value, G, divisor = reduced_entry_loss("f", squared_entry, H, Y, 0.0, 0.0, s, "sum", None)
        assert (value, divisor) == (pytest.approx(entries.sum(), rel=1e-5), 1.0)
        np.testing.assert_allclose(G, slopes, rtol=1e-6)
        value, G, divisor = reduced_entry_loss("f", squared_entry, H, Y, 0.0, 0.0, s, "mean", None)
        assert value == pytest.approx(entries.sum() / each.sum(), rel=1e-5)
        assert divisor == pytest.approx(each.sum() / shape[1], rel=1e-12)
        np.testing.assert_allclose(G, slopes / each.sum(), rtol=1e-5, atol=1e-7 if dtype == np.float32 else 0)


@dtypes
@pytest.mark.parametrize("shape", [(1, 3), (500, 3), (2, 700)])
def test_an_option_for_each_column(shape, dtype, rng):
    H, Y = rng.random((2, *shape)).astype(dtype)
    a = rng.random(shape[1])
    whole = entry_values_unchecked(H, Y, binary_entry, a, 1.0)
    for c in range(0, shape[1], 100):
        H1, Y1 = H[:, c : c + 1].copy(), Y[:, c : c + 1].copy()
        for part, one in zip(whole, entry_values_unchecked(H1, Y1, binary_entry, a[c], 1.0)[:2], strict=False):
            np.testing.assert_allclose(part[:, c : c + 1], one, rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_left_out_entries_may_hold_anything(reduction):
    H, Y, s = np.array([[np.nan, 1.0], [3.0, np.inf]]), np.zeros((2, 2)), np.array([[0, 1.0], [1.0, 0]])
    value, G, _ = reduced_entry_loss("f", squared_entry, H, Y, 0.0, 0.0, s, reduction, None)
    share = 0.5 if reduction == "mean" else 1.0
    np.testing.assert_array_equal(G, share * np.array([[0, 2], [6, 0]]))
    np.testing.assert_array_equal(value, {"mean": 5.0, "sum": 10.0, "none": [[0, 1], [9, 0]]}[reduction])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_no_rows_in_every_reduction(reduction):
    value, G, _ = reduced_entry_loss("f", squared_entry, *[np.empty((0, 3))] * 2, 0.0, 0.0, None, reduction, None)
    assert G.shape == (0, 3)
    assert value.shape == (0, 3) if reduction == "none" else value == 0.0


@pytest.mark.parametrize("reduction", ["batchmean", None, 1, ""])
def test_another_reduction_is_refused(reduction):
    with pytest.raises(ValueError, match=r"^f: expected reduction as one of 'mean', 'sum', 'none', got "):
        reduced_entry_loss("f", squared_entry, *[np.ones((2, 3))] * 2, 0.0, 0.0, None, reduction, None)
