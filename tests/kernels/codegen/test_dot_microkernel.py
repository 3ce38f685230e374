"""A tile of dot products against NumPy, inside arrays of NaN."""

import numpy as np
import pytest

from nnmat_kernels.codegen.dot_microkernel import dot_microkernel
from nnmat_kernels.codegen.microkernel import row_places
from nnmat_kernels.runtime.config import jit
from tests.kernels.guards import GUARD, buried
from tests.kernels.linear_algebra import DTYPES, integers

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def dot_tile(m, n, k, A, a, lda, B, b, ldb, C, c, ldc, keep, bias, at, f):
    a_rows, c_rows, b_rows = row_places(2, a, lda, m), row_places(2, c, ldc, m), row_places(2, b, ldb, n)
    dot_microkernel(2, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f)


@dtypes
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("n", [1, 2])
def test_a_tile_of_dot_products(dtype, m, n, rng):
    for k in (*range(1, 40), 100):
        keep, with_bias, f = (int(x) for x in rng.integers(0, 2, 3))
        left, right = integers(rng, (m, k), dtype), integers(rng, (n, k), dtype)
        (A, a), (B, b) = (buried(np.hstack([x, np.full((len(x), 1), np.nan, dtype)])) for x in (left, right))
        before, terms = integers(rng, (m, n), dtype), integers(rng, n, dtype)
        C = np.full(2 * GUARD + m * (n + 3), np.nan, dtype)
        inside = C[GUARD : GUARD + m * (n + 3)].reshape(m, n + 3)[:, :n]
        if keep:
            inside[...] = before
        bias, at = buried(terms)
        dot_tile(m, n, k, A, a, k + 1, B, b, k + 1, C, GUARD, n + 3, keep, bias, at if with_bias else -1, f)
        expected = left @ right.T + keep * before + with_bias * terms
        np.testing.assert_array_equal(inside, np.maximum(expected, 0) if f else expected)
        inside[...] = np.nan
        assert np.isnan(C).all(), "wrote outside its rows and columns"
