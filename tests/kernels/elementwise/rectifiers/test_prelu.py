"""The rectifier with slopes that are parameters, against its float64 twin."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.elementwise import smooth_units as naive
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("one", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (1,), (7,), (2, 3, 4, 5), (PARALLEL_SIZE // 17 + 3, 17)])
def test_value(shape, one, dtype, rng):
    X, G = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
    slope = rng.standard_normal(1 if one else shape[-1]).astype(dtype)
    for found, expected in (
        (k.prelu(X, slope), naive.prelu(X, slope)),
        (k.prelu_backward(G, X, slope), naive.prelu_backward(G, X, slope)),
        (unchecked.negative_products(G, X), G * np.minimum(X, 0)),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=2 * np.finfo(dtype).eps)


@dtypes
def test_special_values(dtype):
    X, slope = np.array([np.nan, np.inf, -np.inf, 0], dtype), np.array([0.5], dtype)
    np.testing.assert_array_equal(k.prelu(X, slope), [np.nan, np.inf, -np.inf, 0])
    np.testing.assert_array_equal(k.prelu_backward(np.ones(4, dtype), X, slope), [0.5, 1, 0.5, 0.5])
    assert np.isnan(unchecked.negative_products(np.ones(4, dtype), X)[0])


@dtypes
def test_places(dtype, rng):
    X, G, slope = (
        rng.standard_normal((9, 6)).astype(dtype),
        rng.standard_normal((9, 6)).astype(dtype),
        np.ones(6, dtype),
    )
    slope[2] = -0.25
    out, intact = guarded(X.shape, dtype)
    assert k.prelu(X, slope, out) is out
    intact()
    np.testing.assert_array_equal(out, k.prelu(X, slope))
    given = X.copy()
    np.testing.assert_array_equal(k.prelu(given, slope, given), out)
    for layout in awkward_layouts(X):
        np.testing.assert_array_equal(k.prelu(awkward_layouts(X)[layout], slope), out)
        gX = k.prelu_backward(awkward_layouts(G)[layout], awkward_layouts(X)[layout], slope)
        np.testing.assert_array_equal(gX, k.prelu_backward(G, X, slope))


def test_threads(rng):
    X, G = rng.standard_normal((2, PARALLEL_SIZE // 5, 17))
    slope = rng.standard_normal(17)
    same_bits_for_any_threads(
        lambda: (k.prelu(X, slope), k.prelu_backward(G, X, slope), unchecked.negative_products(G, X))
    )


def test_errors():
    A = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match=r"^prelu: expected slope of shape \(1,\) or \(3,\), got \(2,\)"):
        k.prelu(A, np.ones(2, np.float32))
    with pytest.raises(DtypeError, match="^prelu_backward: expected arrays of one dtype"):
        k.prelu_backward(A, A, np.ones(3))
    with pytest.raises(ShapeError, match=r"^prelu: expected slope with 1 dimensions"):
        k.prelu(A, A)
