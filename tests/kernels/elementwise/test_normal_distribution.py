"""Φ, erf, and GELU and its slope of one number, against 40 digits."""

import mpmath
import numpy as np
import pytest

from nnmat_kernels.elementwise.normal_distribution import distribution_of, erf, gelu_of, gelu_slope
from nnmat_kernels.runtime.config import exact_jit

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@exact_jit
def erf_of(x, y):
    for i in range(x.size):
        y[i] = erf(x[i])


@dtypes
def test_erf(dtype):
    """4 ulp, against 40 digits; signs, denormals, NaN and infinities stay."""
    X = np.concatenate([np.linspace(-6, 6, 1501), np.linspace(0.7, 0.72, 201), np.logspace(-37, 0, 301)]).astype(dtype)
    Y = np.empty_like(X)
    erf_of(X, Y)
    with mpmath.workdps(40):
        for x, y in zip(X.tolist(), Y.tolist(), strict=True):
            assert abs(y - mpmath.erf(x)) <= 4 * np.spacing(dtype(abs(y)))
    X = np.array([0, -0.0, np.inf, -np.inf, np.nan, 30, -30] * 3, dtype)
    Y = np.empty_like(X)
    erf_of(X, Y)
    np.testing.assert_array_equal(Y, np.array([0, 0, 1, -1, np.nan, 1, -1] * 3, dtype))
    np.testing.assert_array_equal(np.signbit(Y[:2]), [False, True])
    assert erf(dtype(0.5)).dtype == dtype  # one number, as where Numba's JIT is switched off


@exact_jit
def both_of(x, y, slope):
    for i in range(x.size):
        y[i], slope[i] = gelu_of(x[i]), gelu_slope(x[i])


@dtypes
def test_gelu_of_one_number(dtype):
    X = np.concatenate([np.linspace(-9, 9, 301), [0, 1e-30, -1e-30]]).astype(dtype)
    Y, slope = np.empty_like(X), np.empty_like(X)
    both_of(X, Y, slope)
    with mpmath.workdps(40):
        for x, y, s in zip(X.tolist(), Y.tolist(), slope.tolist(), strict=True):
            phi = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
            density = mpmath.exp(-(mpmath.mpf(x) ** 2) / 2) / mpmath.sqrt(2 * mpmath.pi)
            assert abs(y - x * phi) <= 8 * np.spacing(dtype(abs(y)))
            assert abs(s - (phi + x * density)) <= 12 * max(np.spacing(dtype(abs(s))), np.finfo(dtype).eps / 6)
    one = np.ones(1, dtype)
    both_of(one, Y[:1], slope[:1])
    assert (gelu_of(one[0]), gelu_slope(one[0])) == pytest.approx((Y[0], slope[0]))  # plain Python, without the JIT


@exact_jit
def distributions_of(x, y):
    for i in range(x.size):
        y[i] = distribution_of(x[i])


@dtypes
def test_the_distribution_has_all_its_digits_in_the_tail(dtype):
    lowest = {np.float32: -12, np.float64: -37}[dtype]
    X = np.concatenate([np.linspace(lowest, 9, 301), [0, -0.0, 1e-30, -1e-30]]).astype(dtype)
    Y = np.empty_like(X)
    distributions_of(X, Y)
    with mpmath.workdps(40):
        for x, y in zip(X.tolist(), Y.tolist(), strict=True):
            assert abs(y - mpmath.erfc(-x / mpmath.sqrt(2)) / 2) <= 8 * np.spacing(dtype(abs(y)))
    X = np.array([np.inf, -np.inf, np.nan, 60, -60], dtype)
    Y = np.empty_like(X)
    distributions_of(X, Y)
    np.testing.assert_array_equal(Y, np.array([1, 0, np.nan, 1, 0], dtype))
    assert distribution_of(dtype(0)) == 0.5
