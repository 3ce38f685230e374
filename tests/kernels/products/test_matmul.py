"""The matrix product against its naive twin: all transposes, all the shapes at which blocks begin and end."""

import re

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.products.macrokernel import multiply_small, multiply_within
from nnmat_kernels.products.matmul import _inner_chunk, _task_size, fold
from nnmat_kernels.reference.products import matmul as naive
from nnmat_kernels.runtime.target import MR, VECTOR_BYTES
from tests.kernels.guards import awkward_layouts, guarded
from tests.kernels.linear_algebra import (
    DTYPES,
    integers,
    one_signature_per_dtype,
    same_bits_for_any_threads,
    within_rounding,
)

SMALL = [
    (0, 0, 0),
    (0, 3, 2),
    (3, 0, 2),
    (3, 2, 0),
    (1, 1, 1),
    (2, 3, 4),
    (5, 7, 9),
    (9, 33, 40),
    (3, 9, 70),
    (9, 8, 33),
    (7, 10, 64),  # dot products
    (4, 3, 77),
]
# Several blocks each way, a long row, a long inner size, one cut into chunks: above the threshold for threads.
LARGE = [(67, 81, 100), (131, 300, 33), (1, 700, 800), (5, 7, 16_500), (20, 300, 2_100), (90, 6, 1_100)]
transposes = pytest.mark.parametrize("transpose_b", [False, True])
dtypes = pytest.mark.parametrize("dtype", DTYPES)
every_product = [*SMALL, *(pytest.param(*[shape], marks=pytest.mark.slow) for shape in LARGE)]


def operands(make, M, N, K, transpose_a, transpose_b):
    return make((K, M) if transpose_a else (M, K)), make((N, K) if transpose_b else (K, N))


@dtypes
@pytest.mark.parametrize("shape", every_product)
@pytest.mark.parametrize("transpose_a", [False, True])
@transposes
def test_value_is_exact_on_whole_numbers(shape, transpose_a, transpose_b, dtype, rng):
    A, B = operands(lambda s: integers(rng, s, dtype), *shape, transpose_a, transpose_b)
    bias, before = integers(rng, shape[1], dtype), integers(rng, shape[:2], dtype)
    saved = A.copy(), B.copy(), bias.copy()
    C = k.matmul(A, B, transpose_a, transpose_b)
    assert C.dtype == dtype
    assert C.shape == shape[:2]
    np.testing.assert_array_equal(C, naive.matmul(A, B, transpose_a, transpose_b))
    out, intact = guarded(shape[:2], dtype)  # full of NaN: it must not be read
    assert k.matmul(A, B, transpose_a, transpose_b, out=out, bias=bias) is out
    np.testing.assert_array_equal(out, naive.matmul(A, B, transpose_a, transpose_b, bias=bias))
    intact()
    out[...] = before
    k.matmul(A, B, transpose_a, transpose_b, out=out, accumulate=True, bias=bias)
    np.testing.assert_array_equal(out, naive.matmul(A, B, transpose_a, transpose_b, before.copy(), True, bias))
    intact()
    for given, kept in zip((A, B, bias), saved, strict=True):
        np.testing.assert_array_equal(given, kept)


@dtypes
@pytest.mark.parametrize("shape", [(7, 13, 50), pytest.param((67, 300, 2_100), marks=pytest.mark.slow)])
@pytest.mark.parametrize("transpose_a", [False, True])
@transposes
def test_rounding_stays_within_its_bound(shape, transpose_a, transpose_b, dtype, rng):
    A, B = operands(lambda s: rng.standard_normal(s).astype(dtype), *shape, transpose_a, transpose_b)
    exact = naive.matmul(A, B, transpose_a, transpose_b)
    magnitude = naive.matmul(abs(A), abs(B), transpose_a, transpose_b)
    within_rounding(k.matmul(A, B, transpose_a, transpose_b), exact, magnitude, shape[2], dtype)


@dtypes
def test_layouts(dtype, rng):
    A, B = integers(rng, (6, 8), dtype), integers(rng, (8, 4), dtype)
    expected = naive.matmul(A, B)
    for layout, given in awkward_layouts(A).items():
        np.testing.assert_array_equal(k.matmul(given, awkward_layouts(B)[layout]), expected, err_msg=layout)
    packed = np.zeros(6, [("skip", "i1", 3), ("row", dtype, 8)])["row"]  # not aligned
    packed[...] = A
    np.testing.assert_array_equal(k.matmul(packed, B), expected)


@dtypes
@pytest.mark.parametrize("transpose_a", [False, True])
@transposes
def test_nan_and_inf_reach_exactly_the_entries_that_they_should(transpose_a, transpose_b, dtype, rng):
    A, B = operands(lambda s: integers(rng, s, dtype), 7, 41, 37, transpose_a, transpose_b)
    A[2, 3], A[4, 1], B[5, 6], B[1, 0], B[0, 2] = np.nan, np.inf, -np.inf, np.nan, 0
    with np.errstate(invalid="ignore"):
        C = k.matmul(A, B, transpose_a, transpose_b)
        expected = naive.matmul(A, B, transpose_a, transpose_b)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()
    np.testing.assert_array_equal(C, expected)


@pytest.mark.slow
@dtypes
@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("transpose_a", [False, True])
@transposes
def test_same_bits_for_any_number_of_threads(shape, transpose_a, transpose_b, dtype, rng):
    A, B = operands(lambda s: rng.standard_normal(s).astype(dtype), *shape, transpose_a, transpose_b)
    same_bits_for_any_threads(lambda: k.matmul(A, B, transpose_a, transpose_b))


@dtypes
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(
    "shape",
    [(7, 13, 50), (9, 10, 70), *(pytest.param(s, marks=pytest.mark.slow) for s in [(5, 7, 16_500), (67, 81, 100)])],
)
def test_a_fused_activation_has_the_bits_of_its_own_kernel(shape, activation, dtype, rng):
    M, N, K = shape
    A, B, bias = (rng.standard_normal(s).astype(dtype) for s in ((M, K), (N, K), (N,)))
    before = rng.standard_normal((M, N)).astype(dtype)
    linear = k.matmul(A, B, transpose_b=True, bias=bias, out=before.copy(), accumulate=True)
    expected = getattr(k, activation)(linear)
    out = k.matmul(A, B, transpose_b=True, bias=bias, out=before.copy(), accumulate=True, activation=activation)
    np.testing.assert_array_equal(out, expected)
    assert (out != linear).any()
    exact = naive.matmul(A, B, False, True, before.astype(float), True, bias, activation)
    np.testing.assert_allclose(out, exact, rtol=0, atol=(1e-5 if dtype == np.float32 else 1e-13) * abs(exact).max())


@pytest.mark.parametrize("tasks", [1, 2, 3, 8, 64])
def test_blocks_cover_the_work_and_share_it_fairly(tasks):
    width = 2 * (VECTOR_BYTES // 4)
    for M, N in [(512, 512), (128, 128), (100, 100), (8, 25), (1, 10_000), (100_000, 8), (1, 1)]:
        rows, columns = _task_size(M, N, tasks, width)
        down, across = -(-M // rows), -(-N // columns)
        assert 1 <= rows <= M
        assert 1 <= columns <= N
        assert 1 <= down * across <= tasks
        assert rows * columns <= max(2 * M * N / tasks, MR * width, 2 * width * M, 4 * MR * N)
    rows, columns = _task_size(1024, 1024, 2, width)
    assert rows * columns <= 1.02 * 1024 * 1024 / 2


def test_a_small_product_with_a_long_inner_size_is_cut_along_it():
    assert _inner_chunk(128, 128, 2047) == 2047
    assert _inner_chunk(512, 512, 4096) == 4096
    for K in (2048, 16_500, 100_000):
        assert 4 <= -(-K // _inner_chunk(8, 25, K)) <= 16
    assert _inner_chunk(8, 25, 0) == 1


def test_bodies_compile_once_per_dtype(rng):
    for dtype in DTYPES:
        A = integers(rng, (4, 4), dtype)
        k.matmul(A, A)
        k.batched_matmul(A[None], A[None], transpose_b=True)
        k.conv2d(A[None, :, :, None], A.reshape(4, 2, 2, 1))
        k.conv2d_input_gradient(integers(rng, (1, 3, 3, 4), dtype), A.reshape(4, 2, 2, 1), (1, 4, 4, 1))
        k.conv2d_weight_gradient(A[None, :, :, None], integers(rng, (1, 3, 3, 4), dtype), (4, 2, 2, 1))
    one_signature_per_dtype(fold, multiply_small, multiply_within)


A34, B45 = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
READ_ONLY = np.ones((3, 5), np.float32)
READ_ONLY.flags.writeable = False
WRONG = [
    (
        lambda: k.matmul([[1.0]], B45),
        DtypeError,
        "matmul: expected A to be a NumPy array, got list. Try np.asarray(A).",
    ),
    (lambda: k.matmul(A34, B45.astype(int)), DtypeError, "matmul: expected B of dtype float32 or float64, got int64."),
    (lambda: k.matmul(A34[0], B45), ShapeError, "matmul: expected A with 2 dimensions, got shape (4,)."),
    (lambda: k.matmul(A34, B45[None]), ShapeError, "matmul: expected B with 2 dimensions, got shape (1, 4, 5)."),
    (
        lambda: k.matmul(A34, B45.astype(float)),
        DtypeError,
        "matmul: expected arrays of one dtype, got A float32, B float64.",
    ),
    (
        lambda: k.matmul(A34, B45, transpose_b=True),
        ShapeError,
        "matmul: expected equal inner sizes of op(A) and op(B), got op(A) (3, 4) and op(B) (5, 4). "
        "Try transpose_a or transpose_b.",
    ),
    (lambda: k.matmul(A34, B45, bias=A34[0]), ShapeError, "matmul: expected bias of shape (5,), got (4,)."),
    (lambda: k.matmul(A34, B45, accumulate=True), ValueError, "matmul: expected out with accumulate=True, got None."),
    (lambda: k.matmul(A34, B45, out=np.ones((5, 3), np.float32)), ShapeError, "matmul: expected out of shape (3, 5)"),
    (
        lambda: k.matmul(A34, B45, out=np.ones((3, 5))),
        DtypeError,
        "matmul: expected out of dtype float32, got float64.",
    ),
    (
        lambda: k.matmul(A34, B45, out=READ_ONLY),
        ShapeError,
        "matmul: expected out to be aligned, writable and C-contig",
    ),
    (lambda: k.matmul(A34, B45, out=[0]), DtypeError, "matmul: expected out to be a NumPy array, got list."),
    (
        lambda: k.matmul(A34, B45, activation="gelu"),
        ValueError,
        "matmul: expected activation None, 'relu', 'sigmoid' or 'tanh', got 'gelu'. Call its kernel afterwards.",
    ),
    (
        lambda: k.matmul(A34, B45, activation=["relu"]),
        ValueError,
        "matmul: expected activation None, 'relu', 'sigmoid'",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_was_expected(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_out_may_not_overlap_an_input(rng):
    A, B = integers(rng, (4, 4), np.float32), integers(rng, (4, 4), np.float32)
    saved = A.copy()
    for out in (A, B):
        with pytest.raises(ValueError, match="matmul: out shares memory with an input"):
            k.matmul(A, B, out=out)
        with pytest.raises(ValueError, match="matmul: out shares memory with an input"):
            k.matmul(A[:], B[:], out=out[:])
    np.testing.assert_array_equal(A, saved)
