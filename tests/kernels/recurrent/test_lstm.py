"""An LSTM over whole sequences against the twin that goes step by step, and difference quotients."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.recurrent import lstm as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [(1, 1, 1), (2, 3, 4), (17, 2, 5), (16, 3, 16), (3, 4, 33), (0, 3, 4), (2, 0, 4), (2, 3, 0), (33, 2, 8)]


def example(sizes, dtype, rng):
    B, T, N = sizes
    shapes = (B, T, 4 * N), (4 * N, N), (B, N), (B, N), (B, T, N), (B, N)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@dtypes
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("begun", [False, True])
def test_values_and_gradients(sizes, begun, dtype, rng):
    A, W, H0, C0, G, GC = example(sizes, dtype, rng)
    if not begun:
        H0 = C0 = GC = None
    result = k.lstm(A, W, H0, C0)
    for given, right in zip(result, naive.lstm(A, W, H0, C0), strict=True):
        assert_close(given, right, dtype, factor=200)
    H, C, gates = result
    gradients = k.lstm_backward(G, H, C, gates, W, H0, C0, GC)
    for given, right in zip(gradients, naive.lstm_backward(G, H, C, gates, W, H0, C0, GC), strict=True):
        assert_close(given, right, dtype, factor=500)


def test_gradients_are_derivatives(rng):
    A, W, H0, C0, G, GC = example((2, 3, 4), np.float64, rng)

    def value(A, W, H0, C0):
        H, C, _ = k.lstm(A, W, H0, C0)
        return np.sum(G * H) + np.sum(GC * C[:, -1])

    gA, previous, gH0, gC0 = k.lstm_backward(G, *k.lstm(A, W, H0, C0), W, H0, C0, GC)
    gW = gA.reshape(-1, 16).T @ previous.reshape(-1, 4)
    assert_gradient(lambda S: value(S, W, H0, C0), A, gA, rng)
    assert_gradient(lambda S: value(A, S, H0, C0), W, gW, rng)
    assert_gradient(lambda S: value(A, W, S, C0), H0, gH0, rng)
    assert_gradient(lambda S: value(A, W, H0, S), C0, gC0, rng)


@dtypes
def test_a_sequence_in_two_parts(dtype, rng):
    A, W, H0, C0, _, _ = example((3, 6, 5), dtype, rng)
    H, C, _ = k.lstm(A, W, H0, C0)
    first = k.lstm(A[:, :2], W, H0, C0)
    second = k.lstm(A[:, 2:], W, first[0][:, -1], first[1][:, -1])
    np.testing.assert_array_equal(np.concatenate([first[0], second[0]], axis=1), H)
    np.testing.assert_array_equal(np.concatenate([first[1], second[1]], axis=1), C)


@dtypes
def test_nan_stays_in_its_row_and_goes_on_in_time(dtype, rng):
    A, W, H0, C0, G, _ = example((4, 5, 6), dtype, rng)
    A[1, 2, 0] = np.nan
    H, C, gates = k.lstm(A, W, H0, C0)
    expected = np.zeros((4, 5), np.bool_)
    expected[1, 2:] = True
    np.testing.assert_array_equal(np.isnan(H).any(axis=2), expected)
    gA = k.lstm_backward(G, H, C, gates, W, H0, C0)[0]
    np.testing.assert_array_equal(np.isnan(gA).any(axis=(1, 2)), [False, True, False, False])


@dtypes
def test_layouts_and_the_driver(dtype, rng):
    A, W, H0, C0, G, _ = example((3, 4, 6), dtype, rng)
    result = k.lstm(A, W, H0, C0)
    gradients = k.lstm_backward(G, *result, W, H0, C0)
    for layout in awkward_layouts(A):
        own = [awkward_layouts(S)[layout] for S in (A, W, H0, C0)]
        for given, right in zip(k.lstm(*own), result, strict=True):
            np.testing.assert_array_equal(given, right, err_msg=layout)
    gA = np.full(A.shape, np.nan, dtype)
    others = unchecked.lstm_backward(G, *result, W, H0, C0, gA=gA)
    for given, right in zip((gA, *others), gradients, strict=True):
        np.testing.assert_array_equal(given, right)


def test_threads(rng):
    A, W, H0, C0, G, _ = example((70, 6, 40), np.float32, rng)

    def compute():
        result = k.lstm(A, W, H0, C0)
        return *result, *k.lstm_backward(G, *result, W, H0, C0)

    same_bits_for_any_threads(compute)


def test_errors():
    A, W = np.zeros((2, 3, 8)), np.zeros((8, 2))
    with pytest.raises(ShapeError, match=r"^lstm: expected A \(B, T, 4 N\) and W \(4 N, N\), 4 gates of N units, got"):
        k.lstm(A, W.T)
    with pytest.raises(ShapeError, match=r"^lstm: expected H0 of shape \(2, 2\), got \(2, 3\)"):
        k.lstm(A, W, np.zeros((2, 3)))
    with pytest.raises(DtypeError, match=r"^lstm: expected arrays of one dtype"):
        k.lstm(A, W.astype(np.float32))
    H, C, gates = k.lstm(A, W)
    with pytest.raises(ShapeError, match=r"^lstm_backward: expected G of shape \(2, 3, 2\)"):
        k.lstm_backward(A, H, C, gates, W)
