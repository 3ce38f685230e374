"""The dropout kernel: mask, expectation, independence of threads and of batches, and its twin."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.elementwise.dropout import DROPOUT_PARALLEL_SIZE
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.elementwise import dropout as naive
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KEY = 0x0123456789ABCDEF


@dtypes
@pytest.mark.parametrize("rate", [0, 0.3, 0.5, 0.9, 1])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (5, 7), (2, 3, 4), (DROPOUT_PARALLEL_SIZE + 101,)])
def test_value(shape, rate, dtype, rng):
    X = np.asarray(rng.standard_normal(shape), dtype)
    before = X.copy()
    Y = k.dropout(X, rate, KEY, 3)
    assert Y.dtype == dtype
    assert Y.shape == shape
    np.testing.assert_allclose(Y, naive.dropout(X, rate, KEY, 3), rtol=2 * np.finfo(dtype).eps, atol=0)
    np.testing.assert_array_equal(X, before)


def test_hash_is_splitmix64():
    """The first numbers of the published generator for the seed 1234567."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [naive.splitmix64(1234567, n) for n in (1, 2, 3)] == expected


def test_extreme_rates(rng):
    X = rng.standard_normal(1000)
    np.testing.assert_array_equal(k.dropout(X, 0, KEY, 0), X)
    np.testing.assert_array_equal(k.dropout(X, 1, KEY, 0), 0)  # not 0/0
    np.testing.assert_array_equal(k.dropout(X, 1 - 2**-53, KEY, 0), 0)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("counter", [0, 1, 2**64 - 1])
def test_mask_is_random(rate, counter):
    n = 200_000
    D = k.dropout(np.ones(n), rate, KEY, counter) != 0
    spread = np.sqrt(rate * (1 - rate))
    assert abs(D.mean() - (1 - rate)) < 5 * spread / np.sqrt(n)
    centred = D - (1 - rate)
    for lag in (1, 2, 8, 64, 1000):  # neighbours are independent
        assert abs((centred[lag:] * centred[:-lag]).mean()) < 5 * spread**2 / np.sqrt(n - lag)


def test_expectation(rng):
    X = rng.standard_normal(50)
    mean = np.mean([k.dropout(X, 0.4, KEY, counter) for counter in range(4000)], axis=0)
    np.testing.assert_allclose(mean, X, atol=5 * np.abs(X).max() * np.sqrt(0.4 / 0.6 / 4000))


def test_key_and_counter_choose_the_mask():
    X, n = np.ones(20_000), 20_000
    masks = [k.dropout(X, 0.5, key, counter) != 0 for key in (0, 1, KEY) for counter in (0, 1, 2)]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert abs((one == other).mean() - 0.5) < 5 * 0.5 / np.sqrt(n)


@dtypes
def test_backward_is_the_same_map(dtype, rng):
    """Linear and diagonal, so its own transpose: ⟨G, D X⟩ = ⟨D G, X⟩."""
    X, G = rng.standard_normal((2, 30, 40)).astype(dtype)
    Y, gX = k.dropout(X, 0.3, KEY, 9), k.dropout(G, 0.3, KEY, 9)
    np.testing.assert_array_equal(Y != 0, gX != 0)
    left, right = (G.astype(np.float64) * Y).sum(), (gX.astype(np.float64) * X).sum()
    np.testing.assert_allclose(left, right, rtol=1e-13 if dtype is np.float64 else 1e-5)


@dtypes
def test_chunks_and_layouts(dtype, rng):
    X = rng.standard_normal(3 * DROPOUT_PARALLEL_SIZE + 7).astype(dtype)
    out, intact = guarded(X.shape, dtype)
    assert k.dropout(X, 0.5, KEY, 1, out=out) is out
    intact()
    # The mask of an element depends on its place only, whatever stands behind it.
    np.testing.assert_array_equal(k.dropout(X[:1001], 0.5, KEY, 1), out[:1001])
    A = X[:120].reshape(12, 10)
    for layout, B in awkward_layouts(A).items():
        np.testing.assert_array_equal(k.dropout(B, 0.5, KEY, 1), k.dropout(A, 0.5, KEY, 1), err_msg=layout)
    same = A.copy()
    k.dropout(same, 0.5, KEY, 1, out=same)
    np.testing.assert_array_equal(same, k.dropout(A, 0.5, KEY, 1))


@dtypes
def test_threads(dtype, rng):
    X = rng.standard_normal(3 * DROPOUT_PARALLEL_SIZE + 7).astype(dtype)
    same_bits_for_any_threads(lambda: k.dropout(X, 0.5, KEY, 1))


@dtypes
def test_nan_is_never_dropped(dtype):
    X = np.full(1000, np.nan, dtype)
    assert np.isnan(k.dropout(X, 0.5, KEY, 0)).all()


def test_errors():
    X = np.zeros(5, np.float32)
    for rate in (-0.1, 1.1, np.nan, "0.5", None, True):
        with pytest.raises(
            ValueError, match=r"^dropout: expected rate to be a number in \[0, 1\], got .*\. Try rate=0\.5"
        ):
            k.dropout(X, rate, 0, 0)
    for word in (-1, 2**64, 1.5, None, True):
        with pytest.raises(ValueError, match=r"^dropout: expected key to be an integer in \[0, 2\*\*64\), got"):
            k.dropout(X, 0.5, word, 0)
        with pytest.raises(ValueError, match=r"^dropout: expected counter to be an integer in \[0, 2\*\*64\), got"):
            k.dropout(X, 0.5, 0, word)
    with pytest.raises(DtypeError, match=r"^dropout: expected X of dtype float32 or float64, got int64"):
        k.dropout(np.zeros(5, np.int64), 0.5, 0, 0)
    with pytest.raises(ShapeError, match=r"^dropout: expected out of shape \(5,\), got \(6,\)"):
        k.dropout(X, 0.5, 0, 0, out=np.zeros(6, np.float32))


@dtypes
@pytest.mark.parametrize("rate", [0, 0.3, 1])
@pytest.mark.parametrize("shape", [(0, 3), (5, 7), (2, 3, 4), (3, 2, 4, 5), (40, 9, 11, 17)])
def test_channels(shape, rate, dtype, rng):
    X = np.asarray(rng.standard_normal(shape), dtype)
    Y = k.channel_dropout(X, rate, KEY, 3)
    assert (Y.dtype, Y.shape) == (dtype, shape)
    np.testing.assert_allclose(Y, naive.channel_dropout(X, rate, KEY, 3), rtol=2 * np.finfo(dtype).eps)
    given = X.copy()
    np.testing.assert_array_equal(k.channel_dropout(given, rate, KEY, 3, given), Y)


def test_whole_channels_are_kept_or_dropped():
    D = k.channel_dropout(np.ones((200, 3, 4, 10)), 0.3, KEY, 5) != 0
    assert (D[:, :1, :1] == D).all()
    assert abs(D[:, 0, 0].mean() - 0.7) < 5 * np.sqrt(0.21 / 2000)


def test_channels_and_threads(rng):
    X = rng.standard_normal((DROPOUT_PARALLEL_SIZE // 20, 3, 8))
    same_bits_for_any_threads(lambda: k.channel_dropout(X, 0.4, KEY, 1))


def test_errors_of_channels():
    with pytest.raises(ShapeError, match=r"^channel_dropout: expected X of shape \(B, \.\.\., C\), got \(3,\)"):
        k.channel_dropout(np.ones(3), 0.5, KEY, 0)
    with pytest.raises(ValueError, match="^channel_dropout: expected rate"):
        k.channel_dropout(np.ones((3, 2)), 2, KEY, 0)
    with pytest.raises(DtypeError, match="^channel_dropout: "):
        k.channel_dropout(np.ones((3, 2), int), 0.5, KEY, 0)
