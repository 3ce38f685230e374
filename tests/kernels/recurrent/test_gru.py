"""A GRU over whole sequences against the twin that goes step by step, and difference quotients."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.recurrent import gru as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [(1, 1, 1), (2, 3, 4), (17, 2, 5), (16, 3, 16), (3, 4, 33), (0, 3, 4), (2, 0, 4), (2, 3, 0), (33, 2, 8)]


def example(sizes, dtype, rng):
    B, T, N = sizes
    shapes = (B, T, 3 * N), (3 * N, N), (3 * N,), (B, N), (B, T, N)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@dtypes
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("begun", [False, True])
def test_values_and_gradients(sizes, begun, dtype, rng):
    A, W, b, H0, G = example(sizes, dtype, rng)
    if not begun:
        b = H0 = None
    result = k.gru(A, W, b, H0)
    for given, right in zip(result, naive.gru(A, W, b, H0), strict=True):
        assert_close(given, right, dtype, factor=200)
    H, gates = result
    gradients = k.gru_backward(G, H, gates, W, H0)
    for given, right in zip(gradients, naive.gru_backward(G, H, gates, W, H0), strict=True):
        assert_close(given, right, dtype, factor=500)


def test_gradients_are_derivatives(rng):
    A, W, b, H0, G = example((2, 3, 4), np.float64, rng)
    gA, gU, previous, gH0 = k.gru_backward(G, *k.gru(A, W, b, H0), W, H0)
    gW = gU.reshape(-1, 12).T @ previous.reshape(-1, 4)
    assert_gradient(lambda S: np.sum(G * k.gru(S, W, b, H0)[0]), A, gA, rng)
    assert_gradient(lambda S: np.sum(G * k.gru(A, S, b, H0)[0]), W, gW, rng)
    assert_gradient(lambda S: np.sum(G * k.gru(A, W, S, H0)[0]), b, gU.sum(axis=(0, 1)), rng)
    assert_gradient(lambda S: np.sum(G * k.gru(A, W, b, S)[0]), H0, gH0, rng)


@dtypes
def test_a_sequence_in_two_parts(dtype, rng):
    A, W, b, H0, _ = example((3, 6, 5), dtype, rng)
    first = k.gru(A[:, :2], W, b, H0)[0]
    second = k.gru(A[:, 2:], W, b, first[:, -1])[0]
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), k.gru(A, W, b, H0)[0])


@dtypes
def test_nan_stays_in_its_row_and_goes_on_in_time(dtype, rng):
    A, W, b, H0, G = example((4, 5, 6), dtype, rng)
    A[1, 2, 0] = np.nan
    H, gates = k.gru(A, W, b, H0)
    expected = np.zeros((4, 5), np.bool_)
    expected[1, 2:] = True
    np.testing.assert_array_equal(np.isnan(H).any(axis=2), expected)
    gA = k.gru_backward(G, H, gates, W, H0)[0]
    np.testing.assert_array_equal(np.isnan(gA).any(axis=(1, 2)), [False, True, False, False])


@dtypes
def test_layouts_and_the_driver(dtype, rng):
    A, W, b, H0, G = example((3, 4, 6), dtype, rng)
    result = k.gru(A, W, b, H0)
    gradients = k.gru_backward(G, *result, W, H0)
    for layout in awkward_layouts(A):
        own = [awkward_layouts(S)[layout] for S in (A, W, b, H0)]
        for given, right in zip(k.gru(*own), result, strict=True):
            np.testing.assert_array_equal(given, right, err_msg=layout)
    gA = np.full(A.shape, np.nan, dtype)
    others = unchecked.gru_backward(G, *result, W, H0, gA=gA)
    for given, right in zip((gA, *others), gradients, strict=True):
        np.testing.assert_array_equal(given, right)


def test_threads(rng):
    A, W, b, H0, G = example((70, 6, 40), np.float32, rng)

    def compute():
        result = k.gru(A, W, b, H0)
        return *result, *k.gru_backward(G, *result, W, H0)

    same_bits_for_any_threads(compute)


def test_errors():
    A, W = np.zeros((2, 3, 6)), np.zeros((6, 2))
    with pytest.raises(ShapeError, match=r"^gru: expected A \(B, T, 3 N\) and W \(3 N, N\), 3 gates of N units, got"):
        k.gru(A, W.T)
    with pytest.raises(ShapeError, match=r"^gru: expected b of shape \(6,\), got \(2,\)"):
        k.gru(A, W, np.zeros(2))
    with pytest.raises(DtypeError, match=r"^gru: expected arrays of one dtype"):
        k.gru(A, W.astype(np.float32))
    H, gates = k.gru(A, W)
    with pytest.raises(ShapeError, match=r"^gru_backward: expected G of shape \(2, 3, 2\)"):
        k.gru_backward(A, H, gates, W)
    with pytest.raises(ShapeError, match=r"^gru_backward: expected gates of shape \(2, 3, 8\)"):
        k.gru_backward(H, H, A, W)
