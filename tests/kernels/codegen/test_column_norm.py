"""The passes back through a norm of columns against their plain twins: every length round a vector, NaN beside it."""

import numpy as np
import pytest

from nnmat_kernels.codegen import column_norm
from nnmat_kernels.codegen.column_norm import GIVEN, PLAIN, VALUES
from nnmat_kernels.runtime.config import exact_jit
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import GUARD, buried

LENGTHS = [0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 65, 131]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@exact_jit
def plain_sums(G, X, Y, H, x, width, n, V, S):
    column_norm.sums_of_columns(PLAIN, G, X, Y, H, x, width, n, V, S)


@exact_jit
def sums_by_values(G, X, Y, H, x, width, n, V, S):
    column_norm.sums_of_columns(VALUES, G, X, Y, H, x, width, n, V, S)


@exact_jit
def sums_by_output(G, X, Y, H, x, width, n, V, S):
    column_norm.sums_of_columns(GIVEN, G, X, Y, H, x, width, n, V, S)


@exact_jit
def plain_gradients(G, X, x, width, n, V, C, gX):
    column_norm.gradients_of_columns(PLAIN, G, X, x, width, n, V, C, gX)


@exact_jit
def gradients_by_values(G, X, x, width, n, V, C, gX):
    column_norm.gradients_of_columns(VALUES, G, X, x, width, n, V, C, gX)


@dtypes
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("mode", [PLAIN, VALUES, GIVEN])
def test_sums(mode, n, dtype, rng):
    width = n + 2
    (X, x), (G, _), (Y, _) = (buried(rng.standard_normal(n).astype(dtype)) for _ in range(3))
    V, begun = rng.standard_normal((3, width)).astype(dtype), rng.standard_normal((2, width)).astype(dtype)
    found = []
    for kernel in ([plain_sums, sums_by_values, sums_by_output][mode], None):
        H, S = np.full_like(X, GUARD), begun.copy()
        arguments = (G, X, Y, H, x, width, n, V, S)
        if kernel is None:
            column_norm.plain_sums_of_columns(mode, *arguments)
        else:
            kernel(*arguments)
        found.append((S, H))
    assert_close(found[0][0], found[1][0], dtype, factor=20)
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_array_equal(found[0][0][:, n:], begun[:, n:])


@dtypes
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("mode", [PLAIN, VALUES])
def test_gradients(mode, in_place, n, dtype, rng):
    width = n + 2
    (X, x), (G, _) = (buried(rng.standard_normal(n).astype(dtype)) for _ in range(2))
    V, C = rng.standard_normal((3, width)).astype(dtype), rng.standard_normal((4, width)).astype(dtype)
    V[0] = C[0]  # the mean
    expected, own = np.full_like(G, GUARD), G.copy()
    column_norm.plain_gradients_of_columns(mode, G, X, x, width, n, V, C, expected)
    found = own if in_place else np.full_like(G, GUARD)
    [plain_gradients, gradients_by_values][mode](own, X, x, width, n, V, C, found)
    assert_close(found[x : x + n], expected[x : x + n], dtype, factor=20)
    outside = np.r_[0:x, x + n : X.size]
    np.testing.assert_array_equal(found[outside], (G if in_place else expected)[outside])


def test_nan_and_zero_are_where_a_relu_has_them():
    """What comes from NaN passes, what comes from 0 does not."""
    Y, G = np.array([np.nan, 0.0, -0.0, 1.0, -1.0]), np.arange(1.0, 6.0)
    H, S, V = np.empty(5), np.zeros((2, 5)), np.zeros((3, 5))
    sums_by_output(G, np.ones(5), Y, H, 0, 5, 5, V, S)
    np.testing.assert_array_equal(H, [1, 0, 0, 4, 0])
    np.testing.assert_array_equal(S, [H, H])
