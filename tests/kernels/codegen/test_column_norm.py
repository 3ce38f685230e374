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


@exact_jit
def join_columns(X, A, x, step, rows, n, C, Y, floor):
    column_norm.join_columns(X, A, x, step, rows, n, C, Y, floor, 0)


@exact_jit
def join_columns_and_sum(X, A, x, step, rows, n, C, Y, floor):
    column_norm.join_columns(X, A, x, step, rows, n, C, Y, floor, 1)


@exact_jit
def products_behind_relu(G, X, Y, H, x, step, rows, n, V, S):
    column_norm.products_behind_relu(G, X, Y, H, x, step, rows, n, V, S, 0)


@exact_jit
def products_behind_given_relu(G, X, Y, H, x, step, rows, n, V, S):
    column_norm.products_behind_relu(G, X, Y, H, x, step, rows, n, V, S, 1)


@exact_jit
def gradients_behind_relu(G, X, x, step, rows, n, V, C, Y):
    column_norm.gradients_behind_relu(G, X, x, step, rows, n, V, C, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_joined_passes(rows, n, dtype, rng):
    step = n + 2
    (X, x), (G, _), (A, _) = (buried(rng.standard_normal((rows, step)).astype(dtype)) for _ in range(3))
    for i in range(rows):
        X[x + i * step + n : x + (i + 1) * step] = G[x + i * step + n : x + (i + 1) * step] = np.nan
    where, V, C = (x, step, rows, n), *(rng.standard_normal((k, n)).astype(dtype) for k in (3, 4))
    C[0] = V[0]
    for added, kernel in enumerate((join_columns, join_columns_and_sum)):
        for floor in (dtype(0), dtype(np.nan)):
            Y, Z = np.full((2, X.size), 5, dtype)
            kernel(X, A, *where, V, Y, floor)
            column_norm.plain_join_columns(X, A, *where, V, Z, floor, added)
            assert_close(Y, Z, dtype, factor=40)
            own = A.copy()
            kernel(X, own, *where, V, own, floor)  # in place
            assert_close(own[x : x + rows * step], np.where(Z == 5, A, Z)[x : x + rows * step], dtype, factor=40)
    for given, kernel in enumerate((products_behind_relu, products_behind_given_relu)):
        results = []
        for pass_ in (kernel, lambda *a, given=given: column_norm.plain_products_behind_relu(*a, given)):
            S, H = np.full((3, n + 16), 5.0), np.full(X.size, 5, dtype)
            pass_(G, X, A, H, *where, V, S)
            results.append((S.astype(dtype), H))
        assert_close(results[0][0], results[1][0], dtype, factor=20 + rows)
        np.testing.assert_array_equal(results[0][1], results[1][1])
    Y, Z = np.full((2, X.size), 5, dtype)
    gradients_behind_relu(G, X, *where, V, C, Y)
    column_norm.plain_gradients_behind_relu(G, X, *where, V, C, Z)
    assert_close(Y, Z, dtype, factor=40)


def test_nan_and_zero_are_where_a_relu_has_them():
    """What comes from NaN passes, what comes from 0 does not."""
    Y, G = np.array([np.nan, 0.0, -0.0, 1.0, -1.0]), np.arange(1.0, 6.0)
    H, S, V = np.empty(5), np.zeros((2, 8)), np.zeros((1, 5))
    products_behind_given_relu(G, np.ones(5), Y, H, 0, 5, 1, 5, V, S)
    np.testing.assert_array_equal(H, [1, 0, 0, 4, 0])
    np.testing.assert_array_equal(S[:, :5], [H, H])
