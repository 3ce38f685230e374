"""Resampling against products with whole matrices."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.resampling import resample as naive
from nnmat_kernels.resampling.factors import Factor, bin_means, linear, nearest, padded
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.linear_algebra import DTYPES

dtypes = pytest.mark.parametrize("dtype", DTYPES)
CASES = {
    "nearest": ((2, 3, 5, 3), nearest(3, 6), nearest(5, 7)),
    "linear": ((2, 4, 3, 8), linear(4, 8, False), linear(3, 9, True)),
    "bins": ((1, 7, 6, 17), bin_means(7, 3), bin_means(6, 6)),
    "one": ((3, 1, 1, 1), nearest(1, 1), nearest(1, 1)),
    "padded": ((2, 4, 5, 2), padded(4, 1, 2, "constant"), padded(5, 0, 3, "constant")),
    "reflected": ((2, 4, 5, 2), padded(4, 3, 2, "reflect"), padded(5, 1, 1, "circular")),
    "no samples": ((0, 4, 5, 2), nearest(4, 8), nearest(5, 10)),
    "no channels": ((2, 4, 5, 0), nearest(4, 8), nearest(5, 10)),
    "large": ((14, 13, 12, 8), linear(13, 26, False), linear(12, 24, False)),
    "many terms": ((2, 20, 19, 3), bin_means(20, 1), bin_means(19, 1)),
}
cases = pytest.mark.parametrize("case", CASES)


@cases
@dtypes
@pytest.mark.parametrize("fill", [0.0, -1.5])
def test_forward_and_backward(case, dtype, fill, rng):
    shape, rows, columns = CASES[case]
    X = rng.standard_normal(shape).astype(dtype)
    atol = 8 * np.finfo(dtype).eps
    Y, intact = guarded((shape[0], rows.shape[0], columns.shape[0], shape[3]), dtype)
    assert k.resample(X, rows, columns, fill, out=Y) is Y
    np.testing.assert_allclose(Y, naive.resample(X, rows, columns, fill), rtol=0, atol=atol)
    intact()
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX = k.resample(G, rows.T, columns.T)
    exact = naive.resample(G, rows.T, columns.T)
    np.testing.assert_allclose(gX, exact, rtol=0, atol=atol * max(1, np.abs(exact).max(initial=0)))
    assert Y.dtype == gX.dtype == dtype
    linear_part = naive.resample(X, rows, columns)
    np.testing.assert_allclose(
        np.vdot(G, linear_part), np.vdot(gX, X), rtol=1e-4, atol=1e-4
    )  # ⟨G, R X Cᵀ⟩ = ⟨RᵀG C, X⟩
    assert np.array_equal(unchecked.resample(X, rows, columns, fill), Y)


@dtypes
def test_nan_and_inf_stay_where_they_are_seen(dtype):
    X = np.zeros((1, 4, 4, 2), dtype)
    X[0, 1, 1, 0], X[0, 3, 3, 1] = np.nan, np.inf
    Y = k.resample(X, linear(4, 4, True), linear(4, 4, True))  # weights 1 and 0, which is no entry
    np.testing.assert_array_equal(Y, X)


@dtypes
def test_layouts_and_threads(dtype, rng):
    shape, rows, columns = CASES["large"]
    X = rng.standard_normal(shape).astype(dtype)
    Y = k.resample(X, rows, columns)
    assert Y.size >= PARALLEL_SIZE
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.resample(A, rows, columns), Y, err_msg=layout)
    same_bits_for_any_threads(lambda: (k.resample(X, rows, columns), k.resample(Y, rows.T, columns.T)))


def test_many_terms_are_summed_in_float64(rng):
    X = 1 + rng.random((1, 300, 301, 5)).astype(np.float32)
    Y = k.resample(X, bin_means(300, 1), bin_means(301, 1))
    np.testing.assert_allclose(Y[:, 0, 0], X.mean(axis=(1, 2), dtype=np.float64), rtol=1e-7)


def test_errors():
    X, R = np.zeros((2, 3, 4, 1), np.float32), nearest(3, 6)
    with pytest.raises(ShapeError, match=r"^resample: expected columns of shape \(n, 4\) for X .*, got \(6, 3\)"):
        k.resample(X, R, R)
    with pytest.raises(ShapeError, match=r"^resample: expected rows as a Factor, got ndarray\. Try .*Factor\.of"):
        k.resample(X, np.eye(3), R)
    with pytest.raises(DtypeError, match=r"^resample: expected X of dtype float32 or float64, got int64"):
        k.resample(X.astype(int), R, nearest(4, 4))
    with pytest.raises(ShapeError, match=r"^resample: expected out of shape \(2, 6, 4, 1\)"):
        k.resample(X, R, Factor.of(np.eye(4)), out=X)
