"""The passes over rows of a norm against their plain twins: every length round a vector, NaN beside the rows."""

import numpy as np
import pytest

from nnmat_kernels.codegen import row_norm
from nnmat_kernels.runtime.config import exact_jit
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import GUARD, buried

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 128, 131]


@exact_jit
def sums_of_rows(X, x, step, rows, n, T, t, apart, S):
    row_norm.sums_of_rows(X, x, step, rows, n, T, t, apart, S)


@exact_jit
def scale_rows(X, x, step, rows, n, T, t, apart, gamma, beta, Y):
    row_norm.scale_rows(X, x, step, rows, n, T, t, apart, gamma, beta, Y)


@exact_jit
def products_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, j, S):
    row_norm.products_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, j, S)


@exact_jit
def gradients_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, S, Y, sums):
    row_norm.gradients_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, S, Y, sums)


PASSES = {f.__name__: f for f in (sums_of_rows, scale_rows, products_of_rows, gradients_of_rows)}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_passes(rows, n, dtype, rng):
    step = n + 2
    X, x = buried(rng.standard_normal((3, step)).astype(dtype))
    G, _ = buried(rng.standard_normal((3, step)).astype(dtype))
    for i in range(3):  # nothing between two rows is read
        X[x + i * step + n : x + (i + 1) * step] = G[x + i * step + n : x + (i + 1) * step] = np.nan
    T, gamma, beta = (rng.standard_normal(size).astype(dtype) for size in (12, n + 1, n))
    where = x, step, rows, n, T, 1, 4
    means = rng.standard_normal(2 * 3).astype(dtype)
    for name, before, after in (
        ("sums_of_rows", (X,), ()),
        ("products_of_rows", (G, X), (gamma, 1)),
    ):
        results = []
        for kernel in (PASSES[name], getattr(row_norm, f"plain_{name}")):
            S = np.full(7, 5, dtype)
            kernel(*before, *where, *after, S)
            results.append(S)
        assert_close(*results, dtype, factor=20 + n)
    for name, before, after, sums in (
        ("scale_rows", (X,), (gamma[:n].copy(), beta), ()),
        ("gradients_of_rows", (G, X), (gamma[:n].copy(), means), (rng.standard_normal(2 * n + 1).astype(dtype),)),
    ):
        results = []
        for kernel in (PASSES[name], getattr(row_norm, f"plain_{name}")):
            Y, own = np.full(X.size, 5, dtype), [A.copy() for A in sums]
            kernel(*before, *where, *after, Y, *own)
            results.append(np.concatenate([Y, *own]))
        assert_close(*results, dtype, factor=40)
        assert (results[0][:GUARD] == 5).all()
