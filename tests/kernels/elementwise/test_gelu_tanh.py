"""GELU in its tanh form against its float64 twin, at its ends, and where vectors end."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from tests.kernels.elementwise.units import SHAPES, Unit

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNIT = Unit("gelu_tanh")


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_value(shape, dtype, rng):
    UNIT.check_values(shape, dtype, rng)


@dtypes
def test_the_whole_range(dtype):
    UNIT.check_range(dtype, 80)


def test_backward_is_the_derivative(rng):
    UNIT.check_derivative(rng)


@dtypes
def test_the_bits_of_an_element(dtype, rng):
    UNIT.check_places(dtype, rng)


@dtypes
def test_special_values(dtype):
    UNIT.check_special(dtype, (np.nan, np.inf, 0, 0), (np.nan, 1, 0, 0.5))


@dtypes
def test_threads(dtype, rng):
    UNIT.check_threads(dtype, rng)


def test_errors():
    A = np.zeros((2, 3), np.float32)
    with pytest.raises(DtypeError, match=r"^gelu_tanh: expected X of dtype float32 or float64, got int64\. Try"):
        k.gelu_tanh(A.astype(np.int64))
    with pytest.raises(ShapeError, match=r"^gelu_tanh: expected out of shape \(2, 3\), got \(3, 2\)"):
        k.gelu_tanh(A, out=np.empty((3, 2), np.float32))
    with pytest.raises(ShapeError, match=r"^gelu_tanh_backward: expected arrays of one shape"):
        k.gelu_tanh_backward(A, np.zeros((3, 2), np.float32))
