"""Flat views, and copies of short runs that may run over the end by less than a register."""

import numpy as np
import pytest

from nnmat_kernels.codegen.copies import copy_runs, flat
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import VECTOR_BYTES
from tests.kernels.linear_algebra import DTYPES, integers


@jit
def flattened(A):
    return flat(A)


def test_a_flat_view_shares_its_memory(rng):
    A = integers(rng, (3, 4, 5), np.float32)
    view = flattened(A)
    np.testing.assert_array_equal(view, A.reshape(-1))
    view[7] = 100
    assert A[0, 1, 2] == 100
    assert flattened(np.empty((0, 3), np.float32)).shape == (0,)


@jit
def copied(X, x, step, U, u, n, runs):
    copy_runs(X, x, step, U, u, n, runs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 3, 8, 17, 40])
@pytest.mark.parametrize("runs", [1, 2, 5])
def test_runs_follow_each_other(dtype, n, runs, rng):
    lanes, step = VECTOR_BYTES // np.dtype(dtype).itemsize, n + 2
    X, U = integers(rng, 7 + runs * step + lanes, dtype), np.full(5 + runs * n + lanes, 9, dtype)
    copied(X, 7, step, U, 5, n, runs)
    expected = np.stack([X[7 + a * step :][:n] for a in range(runs)]).reshape(-1)
    np.testing.assert_array_equal(U[5 : 5 + runs * n], expected)
    np.testing.assert_array_equal(U[:5], 9)
    assert U[-1] == 9, "wrote a whole register beyond the last run"
