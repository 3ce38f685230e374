"""Windows from a list: the maxima of each, against NumPy."""

import numpy as np
import pytest

from nnmat_kernels.pooling.listed_windows import bin_windows, dilated_windows, listed_max
from tests.kernels.guards import guarded
from tests.kernels.linear_algebra import DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("floor", [-np.inf, 0.0])
def test_maxima_and_places(dtype, floor, rng):
    rows, columns = np.array([(0, 2, 3), (1, 1, 1), (2, 2, 2)]), np.array([(4, 1, 1), (0, 3, 2)])
    X = rng.integers(-3, 4, (2, 5, 5, 6)).astype(dtype)  # equal numbers: the first one counts
    X[0, 2, 2, 0] = np.nan
    Y, intact = guarded((2, 3, 2, 6), dtype)
    places, alone = guarded(Y.shape, np.int32)
    listed_max(X, rows, columns, dtype(floor), Y, places)
    intact()
    alone()
    for b, i, j, c in np.ndindex(Y.shape):
        at = [(h, w) for h in _taps(rows[i]) for w in _taps(columns[j])]
        values = np.array([X[b, h, w, c] for h, w in at])
        best = int(values.argmax())
        if np.isnan(values[best]) or values[best] > floor:
            h, w = at[best]
            assert places[b, i, j, c] == 5 * h + w
            np.testing.assert_array_equal(Y[b, i, j, c], values[best])
        else:
            assert Y[b, i, j, c] == floor


def _taps(window):
    first, count, step = window
    return range(first, first + count * step, step)


def test_lists():
    assert dilated_windows(3, 5, 2, 2, 1, 2).tolist() == [[1, 1, 2], [1, 2, 2], [3, 1, 2]]
    assert bin_windows(5, 3).tolist() == [[0, 2, 1], [1, 3, 1], [3, 2, 1]]
