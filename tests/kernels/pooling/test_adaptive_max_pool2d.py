"""Maxima of bins against the naive twin."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.pooling import max_pool2d as naive
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads
from tests.kernels.linear_algebra import DTYPES

CASES = [
    ((2, 6, 8, 3), (3, 4)),
    ((1, 7, 5, 17), 3),
    ((2, 3, 4, 2), (7, 5)),  # more bins than pixels
    ((2, 5, 6, 4), 1),
    ((0, 4, 4, 2), 2),
    ((2, 4, 4, 0), 2),
    ((20, 23, 25, 6), (7, 6)),  # large enough for several threads
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), CASES)
def test_value_and_backward(shape, size, dtype, rng):
    X = rng.standard_normal(shape).astype(dtype)
    if X.size:
        X[0, 1, 1, 0] = np.nan
    Y, indices = k.adaptive_max_pool2d(X, size)
    expected, places = naive.adaptive_max_pool2d(X, size)
    assert Y.dtype == dtype
    np.testing.assert_array_equal(Y, expected)
    np.testing.assert_array_equal(indices, places)
    G = rng.standard_normal(Y.shape).astype(dtype)
    exact = naive.max_pool2d_backward(G, indices, shape)
    np.testing.assert_allclose(k.max_pool2d_backward(G, indices, shape), exact, rtol=0, atol=20 * np.finfo(dtype).eps)
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.adaptive_max_pool2d(A, size)[0], Y, err_msg=layout)
    pair = size if isinstance(size, tuple) else (size, size)
    np.testing.assert_array_equal(unchecked.adaptive_max_pool2d(X, pair)[1], indices)
    same_bits_for_any_threads(lambda: k.adaptive_max_pool2d(X, size))


def test_errors():
    X = np.zeros((2, 5, 6, 3), np.float32)
    name = "adaptive_max_pool2d"
    with pytest.raises(ShapeError, match=rf"^{name}: expected output_size of at least 1, got 0"):
        k.adaptive_max_pool2d(X, 0)
    with pytest.raises(ShapeError, match=rf"^{name}: expected images of 1 to 2\*\*31 - 1 pixels"):
        k.adaptive_max_pool2d(X[:, :0], 2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected indices of shape \(2, 2, 2, 3\)"):
        k.adaptive_max_pool2d(X, 2, indices=np.empty((2, 2, 3, 3), np.int32))
    with pytest.raises(DtypeError, match=rf"^{name}: expected indices as an array of int32"):
        k.adaptive_max_pool2d(X, 2, indices=np.empty((2, 2, 2, 3), np.int64))
