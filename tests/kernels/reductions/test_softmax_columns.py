"""Softmax and its logarithm along any axis: what the rows of the array turned round give."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import ShapeError
from nnmat_kernels.reductions.row_tiles import SUM_RUN
from nnmat_kernels.reductions.softmax import SOFTMAX_PARALLEL_SIZE
from nnmat_kernels.reductions.softmax_columns import COLUMNS_TOGETHER
from nnmat_kernels.reference.reductions import softmax as naive
from nnmat_kernels.runtime.config import settings
from tests.kernels.guards import awkward_layouts, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
names = pytest.mark.parametrize("name", ["softmax", "log_softmax"])
CASES = [((3, 4), 0), ((2, 5, 3), 1), ((2, 5, 3), 0), ((2, 3, 4, 2 * COLUMNS_TOGETHER + 5), 1), ((2, 1, 7), -2)]
CASES += [((SUM_RUN + 44, 3), 0), ((0, 3, 4), 1), ((2, 0, 4), 1), ((2, 3, 0), 1)]


@dtypes
@names
@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_values_and_gradients(name, shape, axis, dtype, rng):
    X, G = (5 * rng.standard_normal((2, *shape))).astype(dtype)
    eps = np.finfo(dtype).eps
    Y = getattr(k, name)(X, axis=axis)
    assert (Y.dtype, Y.shape) == (dtype, X.shape)
    np.testing.assert_allclose(Y, getattr(naive, name)(X, axis=axis), rtol=40 * eps, atol=1e-30)
    gX = getattr(k, f"{name}_backward")(G, Y, axis=axis)
    scale = np.abs(G).sum(axis=axis).max(initial=1)
    np.testing.assert_allclose(gX, getattr(naive, f"{name}_backward")(G, Y, axis=axis), rtol=0, atol=8 * eps * scale)
    for layout in awkward_layouts(X):
        np.testing.assert_array_equal(getattr(k, name)(awkward_layouts(X)[layout], axis=axis), Y)
    given = X.copy()
    np.testing.assert_array_equal(getattr(k, name)(given, given, axis), Y)


@dtypes
@names
def test_columns_do_not_depend_on_their_neighbours(name, dtype, rng):
    X = rng.standard_normal((2, 9, 150)).astype(dtype)
    Y = getattr(k, name)(X, axis=1)
    for a, b in ((0, 1), (3, 70), (64, 128), (149, 150)):
        np.testing.assert_array_equal(getattr(k, name)(np.ascontiguousarray(X[:, :, a:b]), axis=1), Y[:, :, a:b])


@dtypes
def test_special_values(dtype):
    X = np.array([[1000, -np.inf, -np.inf, np.nan, 0], [0, 1, -np.inf, 0, 0]], dtype)
    np.testing.assert_array_equal(k.softmax(X, axis=0)[:, :3], [[1, 0, np.nan], [0, 1, np.nan]])
    assert np.isnan(k.softmax(X, axis=0)[:, 3]).all()
    np.testing.assert_allclose(
        k.log_softmax(X, axis=0)[:, [0, 1, 4]], [[0, -np.inf, -np.log(2)], [-1000, 0, -np.log(2)]], rtol=1e-6
    )


def test_a_sure_column_keeps_its_small_logarithm():
    Y = k.log_softmax(np.array([[0.0], [-50.0]]), axis=0)
    np.testing.assert_allclose(Y[0], -np.exp(-50.0), rtol=1e-12)


@dtypes
def test_many_places_of_the_maximum(dtype):
    X = np.zeros((2 * SUM_RUN + 3, 2), dtype)
    X[1:, 1] = -1
    rest = np.exp(-1.0) * (len(X) - 1)
    np.testing.assert_allclose(k.log_softmax(X, axis=0)[0], [-np.log(len(X)), -np.log1p(rest)], rtol=1e-6)


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
@names
def test_threads(name, rng):
    X, G = rng.standard_normal((2, SOFTMAX_PARALLEL_SIZE // 60 + 1, 12, 7))

    def both():
        Y = getattr(k, name)(X, axis=1)
        return Y, getattr(k, f"{name}_backward")(G, Y, axis=1)

    np.testing.assert_allclose(both()[0], getattr(naive, name)(X, axis=1), rtol=1e-13)
    same_bits_for_any_threads(both)


def test_errors():
    for axis in (2, -3, True, 0.0, None):
        with pytest.raises(ShapeError, match=r"^softmax: expected axis from -2 to 1 for shape \(2, 3\), got"):
            k.softmax(np.zeros((2, 3)), axis=axis)
