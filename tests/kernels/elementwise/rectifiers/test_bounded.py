"""ReLU6 and Hardswish against their float64 twins, at their kinks, and where vectors end."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from tests.kernels.elementwise.units import SHAPES, Unit

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNITS = [Unit("relu6"), Unit("hardswish")]
units = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)


@dtypes
@units
@pytest.mark.parametrize("shape", SHAPES)
def test_value(shape, dtype, rng, unit):
    unit.check_values(shape, dtype, rng)


@dtypes
@units
def test_the_whole_range(dtype, unit):
    unit.check_range(dtype, 80)


@units
def test_backward_is_the_derivative(rng, unit):
    unit.check_derivative(rng)


@dtypes
@units
def test_the_bits_of_an_element(dtype, rng, unit):
    unit.check_places(dtype, rng)


@dtypes
def test_special_values(dtype):
    UNITS[0].check_special(dtype, (np.nan, 6, 0, 0), (1, 0, 0, 0))
    UNITS[1].check_special(dtype, (np.nan, np.inf, 0, 0), (np.nan, 1, 0, 0.5))


def test_kinks():
    X = np.array([-3.0, 0.0, 3.0, 6.0])
    np.testing.assert_array_equal(k.relu6(X), [0, 0, 3, 6])
    np.testing.assert_array_equal(k.relu6_backward(np.ones(4), X), [0, 0, 1, 0])
    np.testing.assert_array_equal(k.hardswish(X), [0, 0, 3, 6])
    np.testing.assert_array_equal(k.hardswish_backward(np.ones(4), X), [0, 0.5, 1, 1])


@units
def test_threads(rng, unit):
    unit.check_threads(np.float32, rng)


@units
def test_errors(unit):
    A = np.zeros((2, 3), np.float32)
    with pytest.raises(DtypeError, match=rf"^{unit.name}: expected X of dtype float32 or float64, got int64\. Try"):
        unit.value(A.astype(np.int64))
    with pytest.raises(ShapeError, match=rf"^{unit.name}_backward: expected arrays of one shape"):
        unit.gradient(A, np.zeros((3, 2), np.float32))
