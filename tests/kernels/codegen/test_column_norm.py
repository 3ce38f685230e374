"""Passes over columns against their plain twins: every width round a vector and a block, NaN beside the columns."""

import numpy as np
import pytest

from nnmat_kernels.codegen import column_norm
from nnmat_kernels.runtime.config import exact_jit
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import GUARD, buried

WIDTHS = [1, 3, 8, 15, 16, 17, 31, 33, 47, 48, 63, 64, 65, 131]


@exact_jit
def column_sums(X, x, step, rows, n, S):
    column_norm.column_sums(X, x, step, rows, n, S)


@exact_jit
def column_differences(X, x, step, rows, n, m, S):
    column_norm.column_differences(X, x, step, rows, n, m, S)


@exact_jit
def column_products(G, X, x, step, rows, n, m, S):
    column_norm.column_products(G, X, x, step, rows, n, m, S)


@exact_jit
def scale_columns(X, x, step, rows, n, C, Y):
    column_norm.scale_columns(X, x, step, rows, n, C, Y)


@exact_jit
def column_gradients(G, X, x, step, rows, n, C, Y):
    column_norm.column_gradients(G, X, x, step, rows, n, C, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 3, column_norm.RUN_ROWS + 1])
def test_passes(rows, n, dtype, rng):
    step = n + 2
    X, x = buried(rng.standard_normal((rows, step)).astype(dtype))
    G, _ = buried(rng.standard_normal((rows, step)).astype(dtype))
    for i in range(rows):  # nothing between two rows is read
        X[x + i * step + n : x + (i + 1) * step] = G[x + i * step + n : x + (i + 1) * step] = np.nan
    where, m, C = (x, step, rows, n), rng.standard_normal(n).astype(dtype), rng.standard_normal((4, n)).astype(dtype)
    for kernel, arrays, last in (
        (column_sums, (X,), ()),
        (column_differences, (X,), (m,)),
        (column_products, (G, X), (m,)),
    ):
        results = []
        for pass_ in (kernel, getattr(column_norm, f"plain_{kernel.__name__}")):
            S = np.full((3, n + 16), 5.0)
            pass_(*arrays, *where, *last, S)
            results.append(S.astype(dtype))
        assert_close(*results, dtype, factor=20 + rows)
    for kernel, arrays, last in ((scale_columns, (X,), C[:3].copy()), (column_gradients, (G, X), C)):
        results = []
        for pass_ in (kernel, getattr(column_norm, f"plain_{kernel.__name__}")):
            Y = np.full(X.size, 5, dtype)
            pass_(*arrays, *where, last, Y)
            results.append(Y)
        assert_close(*results, dtype, factor=40)
        assert (results[0][:GUARD] == 5).all()
