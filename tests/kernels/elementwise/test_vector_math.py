"""exp, sigmoid, tanh, log and log1p of vector_math against extended precision, over the whole range."""

import numpy as np
import pytest

from nnmat_kernels.elementwise import vector_math
from nnmat_kernels.runtime.config import exact_jit


@exact_jit
def exp_of(x, y):
    for i in range(x.size):
        y[i] = vector_math.exp(x[i])


@exact_jit
def sigmoid_of(x, y):
    for i in range(x.size):
        y[i] = vector_math.sigmoid(x[i])


@exact_jit
def tanh_of(x, y):
    for i in range(x.size):
        y[i] = vector_math.tanh(x[i])


def true_sigmoid(x):
    return 1 / (1 + np.exp(-x))


@exact_jit
def log1p_of(x, y):
    for i in range(x.size):
        y[i] = vector_math.log1p(x[i])


@exact_jit
def log_of(x, y):
    for i in range(x.size):
        y[i] = vector_math.log(x[i])


# name: kernel, truth, what is promised in ulp, the points in float32 and in float64
FUNCTIONS = {
    "exp": (exp_of, np.exp, 1.5, (-105, 89), (-750, 710)),
    "exp, small x": (exp_of, np.exp, 1.5, (-1, 1), (-1, 1)),
    "sigmoid": (sigmoid_of, true_sigmoid, 3, (-105, 89), (-750, 710)),
    "sigmoid, small x": (sigmoid_of, true_sigmoid, 3, (-9, 9), (-20, 20)),
    "tanh": (tanh_of, np.tanh, 4, (-12, 12), (-25, 25)),
    "tanh, small x": (tanh_of, np.tanh, 4, (-0.7, 0.7), (-0.7, 0.7)),
}


def run(kernel, x):
    y = np.full_like(x, 3)
    kernel(x, y)
    return y


def ulps(y, truth):
    """The largest distance from the true values, in units of the last place of the rounded true value."""
    rounded = np.abs(truth).astype(y.dtype)
    unit = np.maximum(np.spacing(rounded), np.finfo(y.dtype).smallest_subnormal).astype(np.longdouble)
    return float((np.abs(y.astype(np.longdouble) - truth) / unit).max())


def truth_of(function, x):
    with np.errstate(over="ignore", under="ignore"):
        return function(x.astype(np.longdouble))


@pytest.fixture(autouse=True)
def _wide_enough():
    if np.finfo(np.longdouble).nmant <= 52:  # pragma: no cover
        pytest.skip("this platform's long double is no wider than float64")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_ulp(name, dtype):
    kernel, function, promised, *ranges = FUNCTIONS[name]
    low, high = ranges[dtype is np.float64]
    x = np.linspace(low, high, 400_001).astype(dtype)
    if dtype is np.float32:
        x = x[x <= np.float32(88.72283)] if "exp" in name else x
    else:
        x = x[x <= 709.782712893384] if "exp" in name else x
    assert ulps(run(kernel, x), truth_of(function, x)) <= promised


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_accurate_near_zero(dtype):
    x = np.logspace(np.log10(float(np.finfo(dtype).tiny)), 0, 20_001).astype(dtype)
    x = np.concatenate([-x, x, np.array([np.finfo(dtype).smallest_subnormal])])
    assert ulps(run(tanh_of, x), truth_of(np.tanh, x)) <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log(dtype):
    tiny, huge = np.log(float(np.finfo(dtype).smallest_subnormal)), np.log(float(np.finfo(dtype).max))
    x = np.concatenate([np.linspace(0.4, 3, 50_001), np.exp(np.linspace(tiny, huge, 20_001)), [1]]).astype(dtype)
    x = x[np.isfinite(x)]
    assert ulps(run(log_of, x), truth_of(np.log, x)) <= 2
    special = np.array([0, -0.0, 1, np.inf, -np.inf, np.nan, -1, -1e-40] * 3, dtype)
    expected = np.array([-np.inf, -np.inf, 0, np.inf, np.nan, np.nan, np.nan, np.nan] * 3, dtype)
    np.testing.assert_array_equal(run(log_of, special), expected)


@pytest.mark.slow  # minutes without the JIT
def test_log_of_every_float32_near_1():
    """The hardest numbers for it, one by one: from 1/2 to 2."""
    x = np.arange(0x3F000000, 0x40000000, dtype=np.int32).view(np.float32)
    truth = np.log(x.astype(np.float64))
    unit = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    assert (np.abs(run(log_of, x) - truth) <= 1.5 * unit).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log1p(dtype):
    least, most = (-44.8, 38) if dtype is np.float32 else (-300, 300)
    x = np.concatenate([np.linspace(0, 3, 30_001), np.logspace(least, 0, 10_001), np.logspace(0, most, 10_001)])
    x = x.astype(dtype)
    assert ulps(run(log1p_of, x), truth_of(np.log1p, x)) <= 2
    small = np.array([0, np.nan, 1e-22, np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_array_equal(run(log1p_of, small), small)


@pytest.mark.parametrize(("dtype", "last"), [(np.float32, 88.72283), (np.float64, 709.782712893384)])
def test_special_values(dtype, last):
    last = dtype(last)
    x = np.array([np.nan, np.inf, -np.inf, 0.0, last, np.nextafter(last, dtype(np.inf)), -1e4, 1e4], dtype)
    y = run(exp_of, x)
    np.testing.assert_array_equal(y[[0, 1, 2, 3, 5, 6, 7]], np.array([np.nan, np.inf, 0, 1, np.inf, 0, np.inf], dtype))
    assert np.isfinite(y[4])
    assert y[4] > 0.999 * np.finfo(dtype).max
    np.testing.assert_array_equal(run(sigmoid_of, x)[[0, 1, 2, 3, 6, 7]], np.array([np.nan, 1, 0, 0.5, 0, 1], dtype))
    np.testing.assert_array_equal(run(tanh_of, x)[[0, 1, 2, 3, 6, 7]], np.array([np.nan, 1, -1, 0, -1, 1], dtype))


@pytest.mark.parametrize(("dtype", "low"), [(np.float32, -103.9), (np.float64, -745.1)])
def test_denormal_results(dtype, low):
    x = np.linspace(low, low + 30, 10_001).astype(dtype)
    y = run(exp_of, x)
    assert (y > 0).all()
    assert (y < np.finfo(dtype).tiny).any()
    assert ulps(y, truth_of(np.exp, x)) <= 1.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_the_compiler(dtype):
    """As plain Python (Numba's JIT switched off) the functions take one number of either type."""
    for x in np.linspace(-9, 9, 19).astype(dtype):
        for name, function in (("exp", np.exp), ("sigmoid", true_sigmoid), ("tanh", np.tanh)):
            y = getattr(vector_math, name)(x)
            assert y.dtype == dtype
            np.testing.assert_allclose(y, function(np.float64(x)), rtol=4 * np.finfo(dtype).eps)
        for name, function in (("log", np.log), ("log1p", np.log1p)):
            y = getattr(vector_math, name)(abs(x))
            assert y.dtype == dtype
            with np.errstate(divide="ignore"):
                np.testing.assert_allclose(y, function(np.float64(abs(x))), rtol=2 * np.finfo(dtype).eps)


def test_the_measure_sees_a_lost_digit():
    """ln 2 in one piece, what a reordering compiler would make of the reduction, breaks the promise."""
    x = np.linspace(-80, 80, 10_001).astype(np.float32)
    n = np.round(x * np.float32(1 / np.log(2)))
    r = x - n * np.float32(np.log(2))
    y = np.ldexp(np.exp(r.astype(np.float64)), n.astype(np.int32)).astype(np.float32)
    assert ulps(y, truth_of(np.exp, x)) > 2
