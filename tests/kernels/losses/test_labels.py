"""The first label that is no class, and the first target that is no number, wherever they stand."""

import numpy as np
import pytest

from nnmat_kernels.losses.labels import wrong_label, wrong_target


@pytest.mark.parametrize("size", [0, 1, 7, 64, 1000])
def test_all_labels_are_right(size, rng):
    assert wrong_label(rng.integers(0, 5, size), 5) == -1


@pytest.mark.parametrize("label", [-1, 5, 2**62, -(2**63)])
@pytest.mark.parametrize("place", [0, 13, 99])
def test_the_first_wrong_label(label, place, rng):
    y = rng.integers(0, 5, 100)
    y[place] = label
    assert wrong_label(y, 5) == place
    y[-1] = -9
    assert wrong_label(y, 5) == place


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.5, -0.5])
def test_the_first_wrong_target(dtype, wrong, rng):
    Y, limits = rng.random((20, 7)).astype(dtype), (dtype(0), dtype(1))
    Y[0, 0], Y[-1, -1] = 0, 1
    assert wrong_target(Y, *limits) == (0.0, -1)
    assert wrong_target(Y[:0], *limits) == (0.0, -1)
    Y[13, 2] = Y[17, 1] = wrong
    assert wrong_target(Y, *limits) == (0.0, 13)
    largest = np.finfo(dtype).max
    assert wrong_target(Y, -largest, largest)[1] == (-1 if np.isfinite(wrong) else 13)
