"""The rows of tokens and the gradient of their table, against products with one-hot rows."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, LabelError, ShapeError
from nnmat_kernels.reference.indexing import embedding as naive
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [((0,), 3, 4), ((1,), 1, 1), ((5,), 3, 0), ((7,), 5, 17), ((2, 3), 4, 8), ((12, 64), 65, 31), ((2000,), 3, 5)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize(("shape", "rows", "columns"), SHAPES)
def test_values(shape, rows, columns, dtype, rng):
    E, ids = rng.standard_normal((rows, columns)).astype(dtype), rng.integers(0, rows, shape)
    Y = k.embedding(E, ids)
    np.testing.assert_array_equal(Y, E[ids])
    assert Y.dtype == dtype
    for kind in (np.int32, np.uint8, np.uint64):
        np.testing.assert_array_equal(k.embedding(E, ids.astype(kind)), Y)
    G = rng.standard_normal(Y.shape).astype(dtype)
    assert_close(k.embedding_backward(G, ids, rows), naive.embedding_backward(G, ids, rows), dtype)
    out = rng.standard_normal((rows, columns)).astype(dtype)
    expected = naive.embedding_backward(G, ids, rows, out.astype(np.float64), True)
    assert k.embedding_backward(G, ids, rows, out=out, accumulate=True) is out
    assert_close(out, expected, dtype)


def test_the_gradient_is_the_transpose(rng):
    """<G, Z E> = <Zᵀ G, E>."""
    E, ids = rng.standard_normal((9, 6)), rng.integers(0, 9, (4, 11))
    G = rng.standard_normal((4, 11, 6))
    np.testing.assert_allclose(np.sum(G * k.embedding(E, ids)), np.sum(k.embedding_backward(G, ids, 9) * E), rtol=1e-13)


def test_many_places_of_one_token_lose_no_digits(rng):
    G, ids = np.full((40_000, 2), 0.1, np.float32), np.zeros(40_000, np.int64)
    ids[::7] = 1
    np.testing.assert_allclose(k.embedding_backward(G, ids, 3), naive.embedding_backward(G, ids, 3), rtol=1e-5)


@dtypes
def test_out_and_layouts(dtype, rng):
    E, ids = rng.standard_normal((9, 6)).astype(dtype), rng.integers(0, 9, (4, 11))
    out, intact = guarded((4, 11, 6), dtype)
    assert k.embedding(E, ids, out=out) is out
    np.testing.assert_array_equal(out, E[ids])
    intact()
    for layout, A in awkward_layouts(E).items():
        np.testing.assert_array_equal(k.embedding(A, ids.T), E[ids.T], err_msg=layout)
    out, intact = guarded((9, 6), dtype)
    k.embedding_backward(E[ids], ids, 9, out=out)
    np.testing.assert_array_equal(out, k.embedding_backward(E[ids], ids, 9))
    intact()


def test_nan_stays_with_its_token():
    G, ids = np.ones((3, 2)), np.array([0, 2, 0])
    G[1, 0] = np.nan
    np.testing.assert_array_equal(k.embedding_backward(G, ids, 3), [[2, 2], [0, 0], [np.nan, 1]])


@dtypes
def test_threads(dtype, rng):
    E, ids = rng.standard_normal((50, 64)).astype(dtype), rng.integers(0, 50, (12, 700)) ** 2 // 50
    G = rng.standard_normal((12, 700, 64)).astype(dtype)
    same_bits_for_any_threads(lambda: (k.embedding(E, ids), k.embedding_backward(G, ids, 50)))


@pytest.mark.parametrize("wrong", [-1, 5, 2**40])
def test_a_token_out_of_range_writes_nothing(wrong):
    E, ids, out = np.ones((5, 2)), np.zeros((2, 3), np.int64), np.full((2, 3, 2), 7.0)
    ids[1, 2] = wrong
    with pytest.raises(LabelError, match=rf"^embedding: expected tokens from 0 to 4, .* got {wrong} at index \(1, 2\)"):
        k.embedding(E, ids, out=out)
    assert (out == 7).all()
    with pytest.raises(LabelError, match=r"^embedding_backward: expected tokens from 0 to 4"):
        unchecked.embedding_backward(out, ids, 5, E)
    assert (E == 1).all()


def test_errors():
    E = np.ones((5, 2))
    with pytest.raises(DtypeError, match=r"^embedding: expected ids to hold integers, got float64"):
        k.embedding(E, np.zeros(3))
    with pytest.raises(DtypeError, match=r"^embedding: expected ids to be a NumPy array, got list"):
        k.embedding(E, [1])
    with pytest.raises(ShapeError, match=r"^embedding: expected E with 2 dimensions"):
        k.embedding(E[0], np.zeros(3, int))
    with pytest.raises(LabelError, match=r"^embedding: the token 18446744073709551615 is out of range"):
        k.embedding(E, np.array([2**64 - 1], np.uint64))
    with pytest.raises(ShapeError, match=r"^embedding_backward: expected G of shape"):
        k.embedding_backward(E, np.zeros(3, int), 5)
    with pytest.raises(ValueError, match=r"^embedding_backward: expected rows, those of the table"):
        k.embedding_backward(E, np.zeros(5, int), -1)
    with pytest.raises(ValueError, match=r"^embedding_backward: expected out with accumulate=True"):
        k.embedding_backward(E, np.zeros(5, int), 5, accumulate=True)
