"""Panels of operands against their plain twins, from operands between NaN into a room between guards."""

import numpy as np
import pytest

from nnmat_kernels.codegen.packing import pack, pack_transposed, plain_pack, plain_pack_transposed
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import MR, NR, VECTOR_BYTES
from tests.kernels.guards import GUARD, buried
from tests.kernels.linear_algebra import DTYPES, integers

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def packed(vectors_of_a, transposed, S, s, B, b, row_b, n, k):
    if vectors_of_a:
        if transposed:
            pack_transposed(0, S, s, B, b, row_b, n, k)
        else:
            pack(0, S, s, B, b, row_b, n, k)
    elif transposed:
        pack_transposed(NR, S, s, B, b, row_b, n, k)
    else:
        pack(NR, S, s, B, b, row_b, n, k)


@dtypes
@pytest.mark.parametrize("of_a", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_packing(dtype, of_a, transposed, rng):
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    width = -(-MR // lanes) * lanes if of_a else NR * lanes
    for n in range(1, (MR if of_a else width) + 1):
        for k in range(21):
            shape = (n, k) if transposed else (k, n)
            wide = np.full((shape[0], shape[1] + 1), np.nan, dtype)
            wide[:, :-1] = integers(rng, shape, dtype)
            B, b = buried(wide)
            room = -(-k // lanes) * lanes * width
            S = np.full(room + 2 * GUARD, 7, dtype)
            twin = S.copy()
            packed(of_a, transposed, S, GUARD, B, b, shape[1] + 1, n, k)
            plain = plain_pack_transposed if transposed else plain_pack
            plain(0 if of_a else NR, twin, GUARD, B, b, shape[1] + 1, n, k)
            end = GUARD + k * width
            np.testing.assert_array_equal(S[GUARD:end], twin[GUARD:end])
            assert (S[:GUARD] == 7).all()
            assert (S[GUARD + room :] == 7).all(), "wrote behind its room"
