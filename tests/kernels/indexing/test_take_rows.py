"""Rows in any order, against NumPy's own."""

import numpy as np
import pytest

from nnmat_kernels.indexing import take_rows as module
from nnmat_kernels.indexing.take_rows import take_rows
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads

LARGE = (300, 16, 33)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (3, 40_000), LARGE])
@pytest.mark.parametrize("count", [0, 1, 7, 160])
def test_value(shape, dtype, count, rng):
    A, rows = rng.integers(0, 99, shape).astype(dtype), rng.integers(0, shape[0], count)
    taken = take_rows(A, rows)
    assert taken.dtype == A.dtype
    np.testing.assert_array_equal(taken, A[rows])
    assert not np.shares_memory(taken, A)


def test_all_threads_take_large_arrays_and_numpy_what_kernels_cannot(rng, monkeypatch):
    A, rows, calls = rng.standard_normal(LARGE), rng.permutation(300), []
    kernel = module.take_rows_parallel
    monkeypatch.setattr(module, "take_rows_parallel", lambda *arguments: calls.append(kernel(*arguments)))
    np.testing.assert_array_equal(take_rows(A, rows), A[rows])
    assert len(calls) == 1
    for layout, B in awkward_layouts(A).items():
        np.testing.assert_array_equal(take_rows(B, rows), A[rows], err_msg=layout)
    np.testing.assert_array_equal(take_rows(A, rows[::2]), A[rows[::2]])
    assert len(calls) == 1


def test_threads(rng):
    A, rows = rng.standard_normal(LARGE), rng.permutation(300)
    same_bits_for_any_threads(lambda: take_rows(A, rows))
