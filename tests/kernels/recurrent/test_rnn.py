"""A plain recurrent network over whole sequences against the twin that goes step by step, and difference quotients."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.recurrent import rnn as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [(1, 1, 1), (2, 3, 4), (17, 2, 5), (16, 3, 16), (3, 4, 33), (0, 3, 4), (2, 0, 4), (2, 3, 0), (33, 2, 8)]


def example(sizes, dtype, rng):
    B, T, N = sizes
    return [rng.standard_normal(shape).astype(dtype) for shape in ((B, T, N), (N, N), (B, N), (B, T, N))]


@dtypes
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("begun", [False, True])
def test_values_and_gradients(sizes, begun, dtype, rng):
    A, W, H0, G = example(sizes, dtype, rng)
    H0 = H0 if begun else None
    H = k.rnn(A, W, H0)
    assert_close(H, naive.rnn(A, W, H0), dtype, factor=200)
    for given, right in zip(k.rnn_backward(G, H, W, H0), naive.rnn_backward(G, H, W, H0), strict=True):
        assert_close(given, right, dtype, factor=500)


def test_gradients_are_derivatives(rng):
    A, W, H0, G = example((2, 3, 4), np.float64, rng)
    gA, previous, gH0 = k.rnn_backward(G, k.rnn(A, W, H0), W, H0)
    gW = gA.reshape(-1, 4).T @ previous.reshape(-1, 4)
    assert_gradient(lambda S: np.sum(G * k.rnn(S, W, H0)), A, gA, rng)
    assert_gradient(lambda S: np.sum(G * k.rnn(A, S, H0)), W, gW, rng)
    assert_gradient(lambda S: np.sum(G * k.rnn(A, W, S)), H0, gH0, rng)


@dtypes
def test_nan_stays_in_its_row_and_goes_on_in_time(dtype, rng):
    A, W, H0, G = example((4, 5, 6), dtype, rng)
    A[1, 2, 0] = np.nan
    H = k.rnn(A, W, H0)
    expected = np.zeros((4, 5), np.bool_)
    expected[1, 2:] = True
    np.testing.assert_array_equal(np.isnan(H).any(axis=2), expected)
    gA = k.rnn_backward(G, H, W, H0)[0]
    np.testing.assert_array_equal(np.isnan(gA).any(axis=(1, 2)), [False, True, False, False])


@dtypes
def test_layouts_and_the_driver(dtype, rng):
    A, W, H0, G = example((3, 4, 6), dtype, rng)
    H = k.rnn(A, W, H0)
    gradients = k.rnn_backward(G, H, W, H0)
    for layout in awkward_layouts(A):
        given = k.rnn(*(awkward_layouts(S)[layout] for S in (A, W, H0)))
        np.testing.assert_array_equal(given, H, err_msg=layout)
    gA = np.full(A.shape, np.nan, dtype)
    others = unchecked.rnn_backward(G, H, W, H0, gA=gA)
    for given, right in zip((gA, *others), gradients, strict=True):
        np.testing.assert_array_equal(given, right)


def test_threads(rng):
    A, W, H0, G = example((70, 6, 40), np.float32, rng)

    def compute():
        H = k.rnn(A, W, H0)
        return H, *k.rnn_backward(G, H, W, H0)

    same_bits_for_any_threads(compute)


def test_errors():
    A, W = np.zeros((2, 3, 6)), np.zeros((6, 6))
    with pytest.raises(ShapeError, match=r"^rnn: expected A \(B, T, 1 N\) and W \(1 N, N\)"):
        k.rnn(A, W[:, :2])
    with pytest.raises(DtypeError, match=r"^rnn: expected arrays of one dtype"):
        k.rnn(A, W.astype(np.float32))
    with pytest.raises(ShapeError, match=r"^rnn_backward: expected G of shape \(2, 3, 6\)"):
        k.rnn_backward(A[:1], A, W)
