"""The block loops of one thread on parts of arrays between NaN: every way to pack, blocks of every kind."""

import numpy as np
import pytest

from nnmat_kernels.codegen.builder import NONE, RELU
from nnmat_kernels.products.macrokernel import (
    KC,
    MC_BYTES,
    gemm,
    gemm_one_block,
    is_one_block,
    scratch_for,
    small_tiles_pay,
)
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import MR, MR_SMALL
from tests.kernels.guards import buried
from tests.kernels.linear_algebra import DTYPES, integers

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def product(A, a, row_a, step_a, B, b, ldb, transpose_b, C, c, ldc, M, N, K, keep, bias, bias_at, f):
    S = scratch_for(M, N, K, row_a, step_a, transpose_b, A)
    if is_one_block(M, N, K, row_a, step_a, A.itemsize):
        gemm_one_block(
            S, A, a, row_a, step_a, B, b, ldb, transpose_b, C, c, ldc, M, N, K, keep, bias, bias_at, f
        )  # fmt: skip
    else:
        gemm(S, A, a, row_a, step_a, B, b, ldb, transpose_b, C, c, ldc, M, N, K, keep, bias, bias_at, f)


SHAPES = [
    (1, 1, 1),
    (13, 5, 40),
    (41, 33, 9),  # B is packed
    (7, 70, KC + 9),  # the sum is cut
    (MC_BYTES // 4 + 5, 20, 17),  # two blocks of rows
    (70, 130, 1050),  # A is packed
]


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_products_of_parts_of_arrays(shape, transpose_a, transpose_b, dtype, rng):
    M, N, K = shape
    keep, with_bias, f = rng.integers(0, 2), rng.integers(0, 2), rng.choice([NONE, RELU])
    left, right, before, terms = (integers(rng, s, dtype) for s in ((M, K), (K, N), (M, N), N))
    (A, a), (B, b) = buried(left.T if transpose_a else left), buried(right.T if transpose_b else right)
    (C, c), (bias, bias_at) = buried(np.pad(before, ((0, 0), (0, 3)), constant_values=np.nan)), buried(terms)
    row_a, step_a = (1, M) if transpose_a else (K, 1)
    product(
        A, a, row_a, step_a, B, b, K if transpose_b else N, int(transpose_b),
        C, c, N + 3, M, N, K, int(keep), bias, bias_at if with_bias else -1, int(f),
    )  # fmt: skip
    expected = left.astype(float) @ right + keep * before + with_bias * terms
    inside = C[c : c + M * (N + 3)].reshape(M, N + 3)[:, :N]
    np.testing.assert_array_equal(inside, np.maximum(expected, 0) if f == RELU else expected)
    inside[...] = np.nan
    assert np.isnan(C).all(), "wrote outside its rows and columns"


@jit
def pays(left):
    return small_tiles_pay(left)


def test_small_tiles_pay_where_they_compute_fewer_rows():
    for left in range(1, 3 * MR):
        small = -(-left // MR_SMALL) * MR_SMALL
        mixed = MR + -(-max(left - MR, 0) // MR_SMALL) * MR_SMALL
        assert pays(left) == (left < 2 * MR and small < mixed)
    assert all(pays(left) for left in range(1, MR_SMALL + 1))
    assert not pays(MR)
