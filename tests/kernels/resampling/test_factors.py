"""The sparse matrices of the axes, against their definitions, entry by entry."""

import numpy as np
import pytest

from nnmat_kernels.resampling import factors
from nnmat_kernels.resampling.factors import Factor, bin_means, linear, nearest, padded, window_means


def test_a_factor_is_its_matrix(rng):
    R = rng.standard_normal((4, 6)) * (rng.random((4, 6)) < 0.4)
    R[2] = 0
    found = Factor.of(R)
    assert np.array_equal(found.dense(), R)
    assert np.array_equal(found.T.dense(), R.T)
    assert found.most == (R != 0).sum(axis=1).max()
    assert repr(found) == f"Factor(shape=(4, 6), entries={np.count_nonzero(R)})"
    twice = Factor((1, 2), [0, 0, 0], [1, 1, 0], [2.0, 3.0, 0.0])  # entries of one place add up, zeros are none
    assert np.array_equal(twice.dense(), [[0, 5]])
    assert twice.most == 2


def test_nearest():
    assert np.array_equal(nearest(3, 6).dense(), np.kron(np.eye(3), [[1], [1]]))
    assert nearest(5, 3).places.tolist() == [0, 1, 3]
    assert nearest(3, 5).places.tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(("size", "outputs"), [(1, 4), (3, 6), (4, 7), (7, 4), (5, 1), (5, 5)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_linear_is_exact_for_lines(size, outputs, align_corners):
    """Of the numbers 0, 1, 2, ... it makes the places themselves, cut off at both ends."""
    R = linear(size, outputs, align_corners).dense()
    i = np.arange(outputs)
    at = i * (size - 1) / max(outputs - 1, 1) if align_corners else (i + 0.5) * size / outputs - 0.5
    np.testing.assert_allclose(R @ np.arange(size), np.clip(at, 0, size - 1), atol=1e-12)
    np.testing.assert_allclose(R.sum(axis=1), 1, atol=1e-15)


@pytest.mark.parametrize(("size", "outputs"), [(6, 3), (7, 3), (5, 5), (3, 7), (4, 1)])
def test_bins(size, outputs):
    R = bin_means(size, outputs).dense()
    for i in range(outputs):
        own = [m for m in range(size) if m + 1 > i * size / outputs and m < (i + 1) * size / outputs]
        expected = np.zeros(size)
        expected[own] = 1 / len(own)
        np.testing.assert_allclose(R[i], expected, atol=1e-15)


@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize("count_padding", [True, False])
def test_windows(count_padding, ceil_mode):
    R = window_means(6, 3, 2, 1, ceil_mode, count_padding).dense()
    assert R.shape == (4 if ceil_mode else 3, 6)
    first, last = (3, 2) if count_padding else (2, 1)
    np.testing.assert_allclose(R[0], [1 / first, 1 / first, 0, 0, 0, 0])
    np.testing.assert_allclose(R[1], [0, 1 / 3, 1 / 3, 1 / 3, 0, 0])
    if ceil_mode:  # the places 5, 6, of which 6 is padding; 7 lies beyond it
        np.testing.assert_allclose(R[3], [0, 0, 0, 0, 0, 1 / last])
    sums = window_means(6, 3, 2, 1, ceil_mode, count_padding, divide=False).dense()
    assert np.array_equal(sums, R > 0)


@pytest.mark.parametrize("mode", factors.PAD_MODES)
@pytest.mark.parametrize("ends", [(0, 0), (2, 1), (0, 3), (3, 0)])
def test_padding(mode, ends):
    numpy_mode = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    x = np.arange(1.0, 5.0)
    assert np.array_equal(padded(4, *ends, mode).dense() @ x, np.pad(x, ends, mode=numpy_mode))
