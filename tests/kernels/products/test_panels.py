"""Products with packed panels, against NumPy: edges of tiles and panels, both ways to pack, strides, accumulation."""

import numpy as np
import pytest

from nnmat_kernels.products import panels
from nnmat_kernels.runtime.target import NR_BYTES
from tests.kernels.linear_algebra import DTYPES, integers

SIZES = [(1, 1, 1), (4, 3, 5), (12, 32, 7), (13, 33, 8), (25, 70, 17), (5, 0, 3), (0, 4, 3), (7, 20, 0)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("rows", "columns", "inner"), SIZES)
def test_products(rows, columns, inner, transposed, dtype, rng):
    width = NR_BYTES // np.dtype(dtype).itemsize
    A, C = integers(rng, (rows, inner), dtype), integers(rng, (rows, columns), dtype)
    S = np.full(-(-max(1, columns) // width) * width * (inner + width), np.nan, dtype)
    if transposed:
        B = integers(rng, (columns, inner + 2), dtype)
        panels.pack_columns(S, B.reshape(-1), 1, inner + 2, columns, inner, dtype(2))
        right = 2 * B[:, 1 : inner + 1].T
    else:
        B = integers(rng, (inner, columns + 3), dtype)
        panels.pack_rows(S, B.reshape(-1), 2, columns + 3, columns, inner)
        right = B[:, 2 : columns + 2]
    for keep in (0, 1):
        out = C.copy().reshape(-1) if C.size else np.zeros(1, dtype)
        panels.times_panels(
            A.reshape(-1), 0, inner, 1, S, 0, inner * width, out, 0, columns, rows, columns, inner, keep
        )  # fmt: skip
        expected = (C if keep else 0 * C) + A @ right
        np.testing.assert_array_equal(out[: C.size].reshape(C.shape), expected)
    flipped = np.ascontiguousarray(A.T).reshape(-1)
    out = np.zeros(max(1, C.size), dtype)
    panels.times_panels(flipped, 0, 1, rows, S, 0, inner * width, out, 0, columns, rows, columns, inner, 0)
    np.testing.assert_array_equal(out[: C.size].reshape(C.shape), A @ right)


def test_the_address_is_kept():
    assert panels.times_panels_at(np.dtype(np.float32)) == panels.times_panels_at(np.dtype(np.float32))
