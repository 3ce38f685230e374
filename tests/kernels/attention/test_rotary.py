"""Rotary positions against matrices of rotation."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.attention import rotary as naive
from tests.kernels.derivatives import assert_close
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [(2, 5, 3, 4), (1, 1, 1, 2), (2, 7, 2, 34), (0, 3, 2, 4), (2, 0, 2, 4), (3, 9, 6, 16)]


def table(positions, d, dtype):
    angles = np.arange(positions)[:, None] * 10_000.0 ** (-2 * np.arange(d // 2) / d)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


@dtypes
@pytest.mark.parametrize(("batch", "length", "heads", "d"), SIZES)
def test_value(batch, length, heads, d, dtype, rng):
    X, angles = rng.standard_normal((batch, length, heads * d)).astype(dtype), table(length + 4, d, dtype)
    for options in ({}, {"turned": heads // 3}, {"before": 4}, {"back": True, "turned": 1}):
        assert_close(k.rotate(X, *angles, **options), naive.rotate(X, *angles, **options), dtype, factor=4)


def test_back_is_the_transpose_and_the_inverse(rng):
    X, G = rng.standard_normal((2, 2, 6, 24))
    angles = table(6, 8, np.float64)
    np.testing.assert_allclose(
        np.sum(G * k.rotate(X, *angles)), np.sum(k.rotate(G, *angles, back=True) * X), rtol=1e-13
    )
    assert_close(k.rotate(k.rotate(X, *angles), *angles, back=True), X, np.float64, factor=8)


def test_products_depend_on_the_difference_of_positions(rng):
    q, c = rng.standard_normal((2, 8))
    angles = table(40, 8, np.float64)
    Q, K = (k.rotate(np.tile(x, (1, 40, 1)), *angles)[0] for x in (q, c))
    products = Q @ K.T
    for shift in (0, 1, 7):
        diagonal = np.diagonal(products, shift)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-11)


@dtypes
def test_layouts_out_and_threads(dtype, rng):
    X, angles = rng.standard_normal((30, 40, 96)).astype(dtype), table(40, 16, dtype)
    Y = k.rotate(X, *angles, turned=4)
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.rotate(A, *angles, turned=4), Y, err_msg=layout)
    out, intact = guarded(X.shape, dtype)
    assert k.rotate(X, *angles, turned=4, out=out) is out
    np.testing.assert_array_equal(out, Y)
    intact()
    A = X.copy()
    np.testing.assert_array_equal(k.rotate(A, *angles, turned=4, out=A), Y)
    np.testing.assert_array_equal(unchecked.rotate(X, *angles, 4), Y)
    same_bits_for_any_threads(lambda: k.rotate(X, *angles))


def test_errors():
    X, (c, s) = np.zeros((1, 5, 8)), table(5, 4, np.float64)
    with pytest.raises(ShapeError, match=r"^rotate: expected cosines and sines \(positions, d/2\) of one shape"):
        k.rotate(X, c, s[:, :1])
    with pytest.raises(ShapeError, match=r"^rotate: expected at least 7 positions .* The sequence is longer than"):
        k.rotate(X, c, s, before=2)
    with pytest.raises(ValueError, match=r"^rotate: expected turned to be an integer from 0 to 2, got 3"):
        k.rotate(X, c, s, turned=3)
    with pytest.raises(DtypeError, match=r"^rotate: expected arrays of one dtype"):
        k.rotate(X, c.astype(np.float32), s)
