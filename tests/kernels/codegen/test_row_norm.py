"""Norms of some rows against their plain twins: every length round a vector, every number of rows, NaN beside them."""

import numpy as np
import pytest

from nnmat_kernels.codegen import row_norm
from nnmat_kernels.runtime.config import exact_jit
from nnmat_kernels.runtime.scratch import scratch
from nnmat_kernels.runtime.target import VECTOR_BYTES
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import GUARD, buried

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 128, 131, 1100]


@exact_jit
def normalise_rows(X, x, N, rows, gamma, beta, eps, centred, T, t, apart, Y, together):
    room = scratch(row_norm.room_of(VECTOR_BYTES // X.itemsize), X)
    row_norm.normalise_rows(X, x, N, rows, gamma, beta, eps, centred, T, t, apart, Y, room, together)


@exact_jit
def differentiate_rows(G, X, x, N, rows, gamma, centred, T, t, apart, Y, sums, second, together):
    room = scratch(row_norm.room_of(VECTOR_BYTES // X.itemsize), X)
    row_norm.differentiate_rows(G, X, x, N, rows, gamma, centred, T, t, apart, Y, sums, second, room, together)


def plain(name):
    """The twin, which needs no room."""
    twin = getattr(row_norm, f"plain_{name}")
    return lambda *arguments: twin(*arguments[:-1], None, arguments[-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N", LENGTHS)
@pytest.mark.parametrize("rows", [1, 3, row_norm.ROWS * VECTOR_BYTES // 8])
@pytest.mark.parametrize("centred", [True, False])
def test_rows(centred, rows, N, dtype, rng):
    X, x = buried(rng.standard_normal((rows, N)).astype(dtype))
    G, _ = buried(rng.standard_normal((rows, N)).astype(dtype))
    apart = rows + 2
    T = rng.uniform(0.5, 1.5, 3 * apart + 1).astype(dtype)
    gamma, beta, begun = (rng.standard_normal(size).astype(dtype) for size in (N, N, 2 * N + 3))
    where = x, N, rows
    for together in (1, 2, 64):
        results = []
        for kernel in (normalise_rows, plain("normalise_rows")):
            Y, own = np.full(X.size, 5, dtype), np.full(3 * apart + 1, 5, dtype)
            kernel(X, *where, gamma, beta, 1e-2, centred, own, 1, apart, Y, together)
            results.append(np.concatenate([Y, own]))
        assert_close(*results, dtype, factor=40)
        assert (results[0][:GUARD] == 5).all()
        results = []
        for kernel in (differentiate_rows, plain("differentiate_rows")):
            Y, own = np.full(X.size, 5, dtype), begun.copy()
            kernel(G, X, *where, gamma, centred, T, 1, apart, Y, own, N + 1, together)
            results.append(np.concatenate([Y, own]))
        assert_close(*results, dtype, factor=40)
        assert (results[0][:GUARD] == 5).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_wherever_it_stands(dtype, rng):
    row, N, most = rng.standard_normal(1100).astype(dtype), 1100, row_norm.ROWS * VECTOR_BYTES // 8
    gamma, beta = rng.standard_normal((2, N)).astype(dtype)
    expected = np.empty(N, dtype)
    normalise_rows(row, 0, N, 1, gamma, beta, 1e-5, True, np.empty(3, dtype), 0, 1, expected, 1)
    for rows in (2, most):
        X, Y = np.tile(row, rows), np.empty(rows * N, dtype)
        normalise_rows(X, 0, N, rows, gamma, beta, 1e-5, True, np.empty(3 * rows, dtype), 0, rows, Y, 16)
        np.testing.assert_array_equal(Y, np.tile(expected, rows))
