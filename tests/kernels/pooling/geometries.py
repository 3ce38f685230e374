"""What the tests of both poolings share: window sizes, images, the matrix of a linear map, and their errors."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError

# X's shape, kernel, stride, padding
GEOMETRIES = [
    ((2, 6, 8, 3), 2, None, 0),
    ((1, 1, 1, 1), 1, None, 0),
    ((3, 7, 5, 4), 3, 2, 1),
    ((2, 5, 6, 17), (3, 2), (1, 2), (2, 1)),
    ((1, 4, 9, 33), (2, 3), (3, 1), (0, 2)),
    ((2, 5, 5, 2), 5, 1, 0),
    ((2, 3, 3, 5), 3, 1, 2),
    ((0, 4, 4, 3), 2, None, 0),
    ((2, 4, 4, 0), 2, None, 0),
    ((2, 7, 7, 8), 2, 3, 0),  # some elements in no window
    ((40, 26, 27, 6), 3, 2, 1),  # large enough for several threads
]
geometries = pytest.mark.parametrize("geometry", GEOMETRIES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def images(geometry, dtype, rng):
    return rng.standard_normal(geometry[0]).astype(dtype), geometry[1:]


def matrix(f, plane):
    """The matrix of a linear map of one plane, column by column."""
    columns = np.eye(plane[0] * plane[1]).reshape(-1, *plane, 1)
    return f(columns).reshape(len(columns), -1).T


def check_errors(name):
    """The errors of the forward function of that name."""
    kernel, X = getattr(k, name), np.zeros((2, 5, 6, 3), np.float32)
    with pytest.raises(ShapeError, match=rf"^{name}: expected X with 4 dimensions, got shape \(5, 6, 3\)"):
        kernel(X[0], 2)
    with pytest.raises(DtypeError, match=rf"^{name}: expected X of dtype float32 or float64, got uint8\. Try"):
        kernel(X.astype(np.uint8), 2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected kernel_size to be an integer or a pair .* got '2'"):
        kernel(X, "2")
    with pytest.raises(ShapeError, match=rf"^{name}: expected stride of at least 1, got 0"):
        kernel(X, 2, 0)
    with pytest.raises(ShapeError, match=rf"^{name}: expected padding smaller than the kernel.*Try padding=1"):
        kernel(X, 2, 1, 2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected a window that fits into the padded image"):
        kernel(X, 7)
    with pytest.raises(ShapeError, match=rf"^{name}: expected images of 1 to 2\*\*31 - 1 pixels, got .* \(0, 6\)"):
        kernel(X[:, :0], 3, 1, 2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected out of shape \(2, 2, 3, 3\), got \(2, 2, 2, 3\)"):
        kernel(X, 2, out=np.empty((2, 2, 2, 3), np.float32))
    with pytest.raises(ValueError, match=rf"^{name}: out shares memory with an input"):
        kernel(X, 1, out=X)
