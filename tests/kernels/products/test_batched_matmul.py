"""Products of stacks of matrices against their naive twin: broadcasting, transposes, few large and many small ones."""

import re

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.products import batched_matmul as naive
from tests.kernels.guards import awkward_layouts, guarded
from tests.kernels.linear_algebra import DTYPES, integers, same_bits_for_any_threads, within_rounding

dtypes = pytest.mark.parametrize("dtype", DTYPES)
LEADS = [
    ((), ()),
    ((3,), (3,)),
    ((), (4,)),
    ((2, 1), (3,)),
    ((2, 3), (2, 3)),
    ((1, 5), (2, 1)),
    ((0,), (1,)),
    ((2, 0), ()),
]
SIZES = [(1, 1, 1), (3, 5, 2), (4, 9, 40), (9, 4, 40), (9, 40, 8), (0, 3, 2), (3, 0, 2), (3, 2, 0)]
SIZES += [(9, 16, 7), (17, 8, 3), (2, 4, 9), (8, 2, 5), (3, 16, 0), (0, 16, 3)]  # one register of columns somewhere


def operands(make, leads, size, transpose_a, transpose_b):
    M, N, K = size
    return make((*leads[0], *((K, M) if transpose_a else (M, K)))), make(
        (*leads[1], *((N, K) if transpose_b else (K, N)))
    )


@dtypes
@pytest.mark.parametrize("leads", LEADS)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_value_is_exact_on_whole_numbers(leads, transpose_a, transpose_b, dtype, rng):
    for size in SIZES:
        A, B = operands(lambda s: integers(rng, s, dtype), leads, size, transpose_a, transpose_b)
        saved = A.copy(), B.copy()
        expected = naive.batched_matmul(A, B, transpose_a, transpose_b)
        C = k.batched_matmul(A, B, transpose_a, transpose_b)
        assert C.dtype == dtype
        assert C.shape == (*np.broadcast_shapes(*leads), *size[:2])
        np.testing.assert_array_equal(C, expected, err_msg=str(size))
        out, intact = guarded(C.shape, dtype)
        assert k.batched_matmul(A, B, transpose_a, transpose_b, out=out) is out
        np.testing.assert_array_equal(out, expected, err_msg=str(size))
        intact()
        np.testing.assert_array_equal(A, saved[0])
        np.testing.assert_array_equal(B, saved[1])


# Many small products, shared among threads; and few large ones, each shared among threads.
@pytest.mark.slow
@dtypes
@pytest.mark.parametrize(("leads", "size"), [(((10, 1), (7,)), (13, 17, 40)), (((2,), ()), (130, 140, 120))])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_parallel_products(leads, size, transpose_a, transpose_b, dtype, rng):
    A, B = operands(lambda s: rng.standard_normal(s).astype(dtype), leads, size, transpose_a, transpose_b)
    exact = naive.batched_matmul(A, B, transpose_a, transpose_b)
    magnitude = naive.batched_matmul(abs(A), abs(B), transpose_a, transpose_b)
    within_rounding(k.batched_matmul(A, B, transpose_a, transpose_b), exact, magnitude, size[2], dtype)
    same_bits_for_any_threads(lambda: k.batched_matmul(A, B, transpose_a, transpose_b))


@dtypes
def test_layouts(dtype, rng):
    A, B = integers(rng, (4, 6, 8), dtype), integers(rng, (4, 8, 2), dtype)
    expected = naive.batched_matmul(A, B)
    for layout, given in awkward_layouts(A).items():
        np.testing.assert_array_equal(k.batched_matmul(given, awkward_layouts(B)[layout]), expected, err_msg=layout)


A, B = np.ones((2, 3, 4), np.float32), np.ones((2, 4, 5), np.float32)
WRONG = [
    (
        lambda: k.batched_matmul(A[0, 0], B),
        ShapeError,
        "expected A and B with at least 2 dimensions, got (4,) and (2, 4, 5)",
    ),
    (
        lambda: k.batched_matmul(A, B.astype(float)),
        DtypeError,
        "expected arrays of one dtype, got A float32, B float64",
    ),
    (
        lambda: k.batched_matmul(A, B, transpose_a=True),
        ShapeError,
        "expected equal inner sizes of op(A) and op(B), got op(A) (..., 4, 3) and op(B) (..., 4, 5). Try transpose_a",
    ),
    (
        lambda: k.batched_matmul(A, np.ones((3, 4, 5), np.float32)),
        ShapeError,
        "expected leading axes that broadcast, got A (2, 3, 4) and B (3, 4, 5). Try reshaping one of them.",
    ),
    (lambda: k.batched_matmul(A, B, out=np.ones((2, 5, 3), np.float32)), ShapeError, "expected out of shape (2, 3, 5)"),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_was_expected(call, error, text):
    with pytest.raises(error, match=re.escape(f"batched_matmul: {text}")):
        call()


def test_out_may_not_overlap_an_input(rng):
    A = integers(rng, (2, 4, 4), np.float32)
    with pytest.raises(ValueError, match="batched_matmul: out shares memory with an input"):
        k.batched_matmul(A, A.copy(), out=A)
