"""Mish against its float64 twin, at its ends, and where vectors end."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from tests.kernels.elementwise.units import SHAPES, Unit

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNITS = [Unit("mish")]
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
    UNITS[0].check_special(dtype, (np.nan, np.inf, 0, 0), (np.nan, 1, 0, dtype(0.6)))


def test_far_to_the_left():
    X = np.array([-50.0, -300.0])
    np.testing.assert_allclose(k.mish(X), X * np.exp(X), rtol=1e-14)


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
