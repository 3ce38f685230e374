"""The passes of a fully connected layer against the naive twins of their parts, in one call and by the drivers."""

import numpy as np
import pytest

import nnmat_kernels as public
from nnmat_kernels import unchecked
from nnmat_kernels.programs import affine
from nnmat_kernels.reference.elementwise import activations
from nnmat_kernels.reference.products import matmul
from nnmat_kernels.reference.reductions import sums
from tests.kernels.guards import guarded, same_bits_for_any_threads

# B, N, M: nothing, single elements, odd sizes, many rows, few columns of few numbers, beyond the limit of one call.
SMALL = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (5, 7, 3), (129, 17, 10), (1000, 3, 2), (32, 128, 10)]
LARGE = [(67, 130, 61), (40_000, 13, 1), (3, 501, 333)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SMALL + LARGE)


def linear_backward(G, X, W, gW, gb, gX, accumulate=False, activation=None):
    unchecked.linear_backward(len(G), W, gW, gb, gX, activation)(G, X, accumulate)


def operands(shape, dtype, rng):
    """G, X with entries of the range of any activation, and W."""
    B, N, M = shape
    G, W = rng.standard_normal((B, M)).astype(dtype), rng.standard_normal((M, N)).astype(dtype)
    return G, rng.uniform(-1, 1, (B, N)).astype(dtype), W


def expected(G, X, W, activation=None):
    """The three gradients in float64."""
    gX = matmul.matmul(G, W)
    if activation is not None:
        gX = getattr(activations, f"{activation}_backward")(gX, X.astype(np.float64))
    return matmul.matmul(G, X, transpose_a=True), sums.column_sums(G), gX


def magnitudes(G, X, W):
    return expected(abs(G), abs(X), abs(W))


def test_the_shapes_lie_on_both_sides_of_the_limit():
    assert all(B * N * M < affine.ONE_CALL_WORK for B, N, M in SMALL)
    assert all(B * N * M >= affine.ONE_CALL_WORK for B, N, M in LARGE)


@dtypes
@shapes
@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("with_bias", [False, True])
def test_forward_has_the_bits_of_matmul_at_every_call(shape, dtype, activation, with_bias, rng):
    B, N, M = shape
    W, b = rng.standard_normal((M, N)).astype(dtype), rng.standard_normal(M).astype(dtype) if with_bias else None
    H, intact = guarded((B, M), dtype)
    forward = unchecked.linear_forward(W, b, H, activation)
    for _ in range(2):
        X = rng.standard_normal((B, N)).astype(dtype)
        forward(X)
        np.testing.assert_array_equal(H, public.matmul(X, W, transpose_b=True, bias=b, activation=activation))
        W *= 2  # in place: the plan sees it
    intact()


@dtypes
@shapes
@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
def test_value(shape, dtype, activation, rng):
    G, X, W = operands(shape, dtype, rng)
    before = G.copy(), X.copy(), W.copy()
    (gW, a), (gb, b), (gX, c) = (guarded(s, dtype) for s in (W.shape, W.shape[:1], X.shape))  # NaN: must not be read
    linear_backward(G, X, W, gW, gb, gX, False, activation)
    for got, exact, size in zip((gW, gb, gX), expected(G, X, W, activation), magnitudes(G, X, W), strict=True):
        assert (np.abs(got - exact) <= 64 * np.finfo(dtype).eps * size).all()
    for intact in (a, b, c):
        intact()
    for A, was in zip((G, X, W), before, strict=True):
        np.testing.assert_array_equal(A, was)


@dtypes
@shapes
def test_what_is_not_asked_for_changes_no_bit_of_the_rest(shape, dtype, rng):
    G, X, W = operands(shape, dtype, rng)
    full = np.empty_like(W), np.empty(W.shape[0], dtype), np.empty_like(X)
    linear_backward(G, X, W, *full, False, "tanh")
    for asked in ((0,), (1,), (2,), (0, 1), (0, 2)):
        some = [np.full_like(A, np.nan) if i in asked else None for i, A in enumerate(full)]
        linear_backward(G, X, W, *some, False, "tanh")
        for i in asked:
            np.testing.assert_array_equal(some[i], full[i])


@dtypes
@shapes
def test_accumulate_adds_to_the_gradients_of_the_parameters_only(shape, dtype, rng):
    G, X, W = (np.round(4 * A) for A in operands(shape, dtype, rng))  # whole numbers: sums without rounding
    gW, gb, gX = np.full_like(W, 3), np.full(W.shape[0], 5, dtype), np.full_like(X, np.nan)
    linear_backward(G, X, W, gW, gb, gX, True)
    for got, exact, was in zip((gW, gb, gX), expected(G, X, W), (3, 5, 0), strict=True):
        np.testing.assert_array_equal(got, exact + was)


@dtypes
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_the_derivative_has_the_bits_of_its_own_kernel(activation, dtype, rng):
    G, X, W = operands((33, 21, 10), dtype, rng)
    gX, fused = np.empty_like(X), np.empty_like(X)
    linear_backward(G, X, W, None, None, gX)
    affine.DERIVATIVES[activation](gX, X, gX)
    linear_backward(G, X, W, None, None, fused, False, activation)
    np.testing.assert_array_equal(fused, gX)


@dtypes
@pytest.mark.parametrize("shape", [(9, 7, 5), (67, 130, 61)])
def test_nan_and_inf_go_where_the_equations_send_them(shape, dtype, rng):
    G, X, W = operands(shape, dtype, rng)
    G[2, 1], X[4, 3], W[0, 2] = np.nan, np.inf, -np.inf
    outs = np.empty_like(W), np.empty(W.shape[0], dtype), np.empty_like(X)
    linear_backward(G, X, W, *outs)
    with np.errstate(invalid="ignore"):
        for got, exact in zip(outs, expected(G, X, W), strict=True):
            np.testing.assert_array_equal(np.isfinite(got), np.isfinite(exact))
            np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))


def test_rounding_of_the_column_sums_does_not_grow_with_the_rows():
    """Few rows are added up apart: one sum over 60,000 equal numbers would be wrong by 6e-4."""
    G, gb = np.full((60_000, 1), 0.1, np.float32), np.empty(1, np.float32)
    linear_backward(G, np.zeros((60_000, 1), np.float32), np.zeros((1, 1), np.float32), None, gb, None)
    np.testing.assert_allclose(gb, 6e4 * np.float64(np.float32(0.1)), rtol=3e-6)


@pytest.mark.parametrize("shape", [(32, 33, 10), (128, 784, 128), (4000, 40, 30)])
def test_threads(shape, rng):
    G, X, W = operands(shape, np.float32, rng)

    def gradients():
        outs = np.empty_like(W), np.empty(W.shape[0], np.float32), np.empty_like(X)
        linear_backward(G, X, W, *outs, False, "sigmoid")
        return outs

    same_bits_for_any_threads(gradients)
