"""GELU and its derivative against the float64 twin, against extended precision, and where vectors end."""

import mpmath
import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.elementwise import gelu as naive
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(), (0,), (1,), (3, 0, 2), (7,), (2, 3, 4, 5), (PARALLEL_SIZE + 13,)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_value(shape, dtype, rng):
    X, G = np.asarray(3 * rng.standard_normal(shape), dtype), np.asarray(rng.standard_normal(shape), dtype)
    eps = np.finfo(dtype).eps
    for result, expected in ((k.gelu(X), naive.gelu(X)), (k.gelu_backward(G, X), naive.gelu_backward(G, X))):
        assert result.dtype == dtype
        assert result.shape == shape
        np.testing.assert_allclose(result, expected, rtol=8 * eps, atol=4 * eps)


def test_float32_over_the_whole_range():
    """8 ulp for the value, down to its last denormal; 2 eps for the slope, and 12 ulp where it is small."""
    x = np.concatenate([np.linspace(-15, 15, 300_001), np.logspace(-38, 1, 2001), -np.logspace(-38, 1, 2001)])
    x = x.astype(np.float32)
    truth, slope = naive.gelu(x), naive.gelu_backward(np.ones_like(x), x)
    unit = np.maximum(np.spacing(np.abs(truth).astype(np.float32)), np.finfo(np.float32).smallest_subnormal)
    assert (np.abs(k.gelu(x) - truth) <= 8 * unit.astype(np.float64)).all()
    error = np.abs(k.gelu_backward(np.ones_like(x), x) - slope)
    assert error.max() <= 2 * np.finfo(np.float32).eps
    tail = x < -1
    unit = np.maximum(np.spacing(np.abs(slope[tail]).astype(np.float32)), np.finfo(np.float32).smallest_subnormal)
    assert (error[tail] <= 12 * unit.astype(np.float64)).all()


def test_float64_tail():
    """The twin's own rounding shows here, so the truth has 40 digits."""
    X = -np.linspace(0.01, 38.4, 201)
    Y, slope = k.gelu(X), k.gelu_backward(np.ones_like(X), X)
    with mpmath.workdps(40):
        for x, y, s in zip(X.tolist(), Y.tolist(), slope.tolist(), strict=True):
            distribution = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
            density = mpmath.exp(-(mpmath.mpf(x) ** 2) / 2) / mpmath.sqrt(2 * mpmath.pi)
            assert abs(y - x * distribution) <= 8 * np.spacing(abs(y))
            assert abs(s - (distribution + x * density)) <= (12 * np.spacing(abs(s)) if x < -1 else 2.0**-51)


@dtypes
def test_special_values(dtype):
    X = np.array([np.nan, np.inf, -np.inf, 0, 100, -100] * 5, dtype)
    np.testing.assert_array_equal(k.gelu(X), np.array([np.nan, np.inf, 0, 0, 100, 0] * 5, dtype))
    slope = k.gelu_backward(np.ones_like(X), X)
    np.testing.assert_array_equal(slope, np.array([np.nan, 1, 0, 0.5, 1, 0] * 5, dtype))
    G = np.ones(20, dtype)
    G[[3, 17]] = np.nan
    np.testing.assert_array_equal(np.isnan(k.gelu_backward(G, np.ones_like(G))), np.isnan(G))


@dtypes
def test_the_bits_of_an_element_do_not_depend_on_its_place(dtype, rng):
    X, G = (3 * rng.standard_normal((2, 150))).astype(dtype)
    expected = k.gelu(X), k.gelu_backward(G, X)
    for first in range(70):
        for length in (1, 2, 3, 7, 8, 9, 17, 31, 40, 80):
            part = slice(first, first + length)
            np.testing.assert_array_equal(k.gelu(X[part]), expected[0][part])
            np.testing.assert_array_equal(k.gelu_backward(G[part], X[part]), expected[1][part])


@dtypes
@pytest.mark.parametrize("size", [1, 31, PARALLEL_SIZE + 1])
def test_out_and_layouts(size, dtype, rng):
    X, G = rng.standard_normal((2, size)).astype(dtype)
    for call, arrays in ((k.gelu, [X]), (k.gelu_backward, [G, X])):
        expected = call(*arrays)
        out, intact = guarded((size,), dtype)
        assert call(*arrays, out=out) is out
        np.testing.assert_array_equal(out, expected)
        intact()
        for i in range(len(arrays)):
            given = [A.copy() for A in arrays]
            call(*given, out=given[i])
            np.testing.assert_array_equal(given[i], expected)
        for layout in awkward_layouts(X):
            np.testing.assert_array_equal(call(*[awkward_layouts(A)[layout] for A in arrays]), expected)


@dtypes
def test_threads(dtype, rng):
    X, G = rng.standard_normal((2, 3 * PARALLEL_SIZE + 5)).astype(dtype)
    same_bits_for_any_threads(lambda: (k.gelu(X), k.gelu_backward(G, X)))


def test_backward_is_the_derivative(rng):
    X, h = 2 * rng.standard_normal(200), 1e-3
    slope = (8 * (naive.gelu(X + h) - naive.gelu(X - h)) - (naive.gelu(X + 2 * h) - naive.gelu(X - 2 * h))) / (12 * h)
    np.testing.assert_allclose(k.gelu_backward(np.ones_like(X), X), slope, rtol=0, atol=1e-11)


def test_it_is_not_the_approximation_by_tanh():
    X = np.linspace(-3, 3, 61)
    other = X / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)))
    assert np.abs(k.gelu(X) - other).max() > 1e-4


def test_errors():
    A = np.zeros((2, 3), np.float32)
    with pytest.raises(DtypeError, match=r"^gelu: expected X to be a NumPy array, got list\. Try np\.asarray"):
        k.gelu([1.0])
    with pytest.raises(DtypeError, match=r"^gelu: expected X of dtype float32 or float64, got int64\. Try"):
        k.gelu(A.astype(np.int64))
    with pytest.raises(ShapeError, match=r"^gelu: expected out of shape \(2, 3\), got \(3, 2\)"):
        k.gelu(A, out=np.empty((3, 2), np.float32))
    with pytest.raises(
        ShapeError, match=r"^gelu_backward: expected arrays of one shape, got G \(2, 3\), X \(3, 2\)\.$"
    ):
        k.gelu_backward(A, np.zeros((3, 2), np.float32))
    with pytest.raises(DtypeError, match=r"^gelu_backward: expected arrays of one dtype, got G float32, X float64"):
        k.gelu_backward(A, np.zeros((2, 3)))
