"""Batch norm against its float64 twin, difference quotients, and columns far from 0."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.reductions import batch_norm as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(2, 1), (2, 3), (3, 0), (5, 7), (33, 16), (4, 3, 5, 2), (130, 31), (7, 511), (6, 512), (5, 513), (700, 3)]
SHAPES += [(40_000, 2), (1100, 70), (40, 200)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(shape, dtype, rng):
    X, G = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    gamma, beta = rng.uniform(0.5, 2, shape[-1]).astype(dtype), rng.standard_normal(shape[-1]).astype(dtype)
    return X, G, gamma, beta


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_training(shape, dtype, rng):
    X, G, gamma, beta = example(shape, dtype, rng)
    own = [np.full(shape[-1], 0.5, dtype), np.full(shape[-1], 2, dtype)]
    theirs = [A.astype(np.float64) for A in own]
    Y, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.3, *own)
    expected, known = naive.batch_norm(X, gamma, beta, 1e-5, 0.3, *theirs)
    largest = float(known[2].max(initial=1))  # two rows may have nearly the same number
    assert_close(Y, expected, dtype, factor=40 * largest)
    for given, right in zip([*own, statistics[2]], [*theirs, known[2]], strict=True):
        assert_close(given, right, dtype, factor=20 * largest)
    result = k.batch_norm_backward(G, X, statistics, gamma)
    for given, right in zip(result, naive.batch_norm_backward(G, X, statistics, gamma), strict=True):
        assert_close(given, right, dtype, factor=40 * largest**2)
    sums = result[0].sum(axis=tuple(range(X.ndim - 1)))
    assert_close(sums, np.zeros(shape[-1]), dtype, factor=40 * largest * len(X))


@dtypes
@pytest.mark.parametrize("shape", [(0, 3), (1, 4), *SHAPES])
def test_evaluation(shape, dtype, rng):
    X, G, gamma, beta = example(shape, dtype, rng)
    mean, variance = rng.standard_normal(shape[-1]).astype(dtype), rng.uniform(0.5, 2, shape[-1]).astype(dtype)
    Y, statistics = k.batch_norm_evaluation(X, mean, variance, gamma, beta)
    assert_close(Y, naive.batch_norm_evaluation(X, mean, variance, gamma, beta)[0], dtype)
    result = k.batch_norm_backward(G, X, statistics, gamma, training=False)
    for given, right in zip(result, naive.batch_norm_backward(G, X, statistics, gamma, False), strict=True):
        assert_close(given, right, dtype)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_derivatives(training, rng):
    X, G, gamma, beta = example((6, 4), np.float64, rng)
    running = rng.standard_normal(4), rng.uniform(0.5, 2, 4)

    def forward(X, gamma, beta):
        return k.batch_norm(X, gamma, beta) if training else k.batch_norm_evaluation(X, *running, gamma, beta)

    gX, gg, gb = k.batch_norm_backward(G, X, forward(X, gamma, beta)[1], gamma, training)
    assert_gradient(lambda A: np.sum(G * forward(A, gamma, beta)[0]), X, gX, rng)
    assert_gradient(lambda A: np.sum(G * forward(X, A, beta)[0]), gamma, gg, rng)
    assert_gradient(lambda A: np.sum(G * forward(X, gamma, A)[0]), beta, gb, rng)


@dtypes
@pytest.mark.parametrize("rows", [300, 20_000])
def test_columns_far_from_zero(rows, dtype, rng):
    offset = 1e4 if dtype == np.float32 else 1e12
    X = (offset * np.array([1, -1, 3]) + rng.standard_normal((rows, 3))).astype(dtype)
    small = X.astype(np.longdouble) - offset * np.array([1, -1, 3])
    Y, statistics = k.batch_norm(X)
    assert_close(Y, naive.batch_norm(small)[0], dtype, factor=100)
    G = rng.standard_normal(X.shape).astype(dtype)
    assert_close(
        k.batch_norm_backward(G, X, statistics)[0],
        naive.batch_norm_backward(G, small, naive.batch_norm(small)[1])[0],
        dtype,
        factor=100,
    )


@dtypes
@pytest.mark.parametrize("N", [6, 70])
def test_nan_stays_in_its_column(N, dtype, rng):
    X, G, gamma, beta = example((50, N), dtype, rng)
    X[3, 1], X[4, 2] = np.nan, np.inf
    Y, _ = k.batch_norm(X, gamma, beta)
    np.testing.assert_array_equal(np.isnan(Y).any(axis=0), np.isin(np.arange(N), [1, 2]))
    X, G, gamma, beta = example((50, N), dtype, rng)
    G[7, 4] = np.nan
    gX, gg, gb = k.batch_norm_backward(G, X, k.batch_norm(X, gamma, beta)[1], gamma)
    for A in (gg, gb):
        np.testing.assert_array_equal(np.isnan(A), np.arange(N) == 4)
    np.testing.assert_array_equal(np.isnan(gX).all(axis=0), np.arange(N) == 4)


@dtypes
def test_layouts_and_out(dtype, rng):
    X, G, gamma, beta = example((6, 30), dtype, rng)
    Y, statistics = k.batch_norm(X, gamma, beta)
    gradients = k.batch_norm_backward(G, X, statistics, gamma)
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.batch_norm(A, gamma, beta)[0], Y, err_msg=layout)
        G2 = awkward_layouts(G)[layout]
        np.testing.assert_array_equal(k.batch_norm_backward(G2, A, statistics, gamma)[0], gradients[0])
    out, intact = guarded(X.shape, dtype)
    assert k.batch_norm(X, gamma, beta, out=out)[0] is out
    np.testing.assert_array_equal(out, Y)
    assert k.batch_norm_backward(G, X, statistics, gamma, out=out)[0] is out
    np.testing.assert_array_equal(out, gradients[0])
    intact()
    A = X.copy()
    k.batch_norm(A, gamma, beta, out=A)
    assert_close(A, Y, dtype, factor=8)


def test_gradients_are_added_where_wanted(rng):
    X, G, gamma, beta = example((9, 12), np.float32, rng)
    statistics = k.batch_norm(X, gamma, beta)[1]
    gX, gg, gb = k.batch_norm_backward(G, X, statistics, gamma)
    own = [np.ones(12, np.float32) for _ in range(2)]
    made = unchecked.batch_norm_backward(G, X, statistics, gamma, True, None, *own, False, True)
    np.testing.assert_array_equal(made, gX)
    np.testing.assert_array_equal(own[0], gg)
    np.testing.assert_array_equal(own[1], 1 + gb)


@dtypes
@pytest.mark.parametrize("shape", [(9000, 7), (2000, 64), (130, 700)])
def test_threads(shape, dtype, rng):
    X, G, gamma, beta = example(shape, dtype, rng)

    def compute():
        running = np.zeros(shape[-1], dtype), np.ones(shape[-1], dtype)
        Y, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.1, *running)
        return Y, statistics, *running, *k.batch_norm_backward(G, X, statistics, gamma)

    same_bits_for_any_threads(compute)


def test_errors():
    X = np.zeros((4, 3))
    with pytest.raises(ShapeError, match=r"^batch_norm: expected at least 2 rows, for one has no variance, got X of"):
        k.batch_norm(X[:1])
    with pytest.raises(ValueError, match=r"^batch_norm: expected momentum to be a number in \[0, 1\], got 2\. Try"):
        k.batch_norm(X, momentum=2)
    with pytest.raises(ShapeError, match=r"^batch_norm: expected running_mean of shape \(3,\)"):
        k.batch_norm(X, running_mean=np.zeros(2))
    with pytest.raises(ShapeError, match=r"^batch_norm: expected running_mean to be writable and C-contiguous"):
        k.batch_norm(X, running_mean=np.zeros(6)[::2])
    with pytest.raises(DtypeError, match=r"^batch_norm: expected X of dtype float32 or float64, got int64"):
        k.batch_norm(X.astype(int))
    with pytest.raises(ShapeError, match=r"^batch_norm_backward: expected the statistics \(3, 3\)"):
        k.batch_norm_backward(X, X, np.zeros((3, 4)))
    with pytest.raises(ShapeError, match=r"^batch_norm_backward: expected G and X of one shape"):
        k.batch_norm_backward(X[:2], X, np.zeros((3, 3)))
