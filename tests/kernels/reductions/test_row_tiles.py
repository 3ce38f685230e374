"""Rows for vector instructions: tiles are transposes, and maxima are those of NumPy."""

import numpy as np
import pytest

from nnmat_kernels.reductions.row_tiles import NARROW_COLUMNS, SUM_RUN, TILE_ROWS, fill_tile, row_maximum, tile_maximum

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("columns", [1, 10, NARROW_COLUMNS])
@pytest.mark.parametrize("n", [1, 7, TILE_ROWS])
def test_a_tile_is_the_transpose_and_repeats_the_last_row(columns, n, dtype, rng):
    H, tile, m = rng.standard_normal((50, columns)).astype(dtype), np.empty((columns, TILE_ROWS), dtype), None
    fill_tile(H, 11, n, tile)
    np.testing.assert_array_equal(tile[:, :n], H[11 : 11 + n].T)
    np.testing.assert_array_equal(tile[:, n:], np.repeat(H[10 + n, :, None], TILE_ROWS - n, axis=1))
    m = np.empty(TILE_ROWS, dtype)
    tile_maximum(tile, m)
    np.testing.assert_array_equal(m, tile.max(axis=0))


@dtypes
@pytest.mark.parametrize("size", [1, 2, 33, SUM_RUN + 1])
def test_the_maximum_of_a_row(size, dtype, rng):
    h = rng.standard_normal(size).astype(dtype)
    assert row_maximum(h) == h.max()
    for place in (0, size // 2, size - 1):
        with_nan = h.copy()
        with_nan[place] = np.nan
        assert np.isnan(row_maximum(with_nan))
        tile, m = np.full((size, 4), 0, dtype), np.empty(4, dtype)
        tile[place, 2] = np.nan
        tile_maximum(tile, m)
        np.testing.assert_array_equal(m, [0, 0, np.nan, 0])
