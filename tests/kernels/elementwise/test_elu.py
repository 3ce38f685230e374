"""ELU against its float64 twin, at its ends, and where vectors end."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from tests.kernels.elementwise.units import SHAPES, Unit

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNITS = [Unit("elu"), Unit("elu", 0.3), Unit("elu", -2.0)]


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.options}")
def test_value(shape, dtype, rng, unit):
    unit.check_values(shape, dtype, rng)


@dtypes
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.options}")
def test_the_whole_range(dtype, unit):
    unit.check_range(dtype, 80)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.options}")
def test_backward_is_the_derivative(rng, unit):
    unit.check_derivative(rng)


@dtypes
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.options}")
def test_the_bits_of_an_element(dtype, rng, unit):
    unit.check_places(dtype, rng)


@dtypes
def test_special_values(dtype):
    UNITS[1].check_special(dtype, (np.nan, np.inf, -dtype(0.3), 0), (np.nan, 1, 0, dtype(0.3)))


@dtypes
def test_threads(dtype, rng):
    UNITS[1].check_threads(dtype, rng)


def test_errors():
    A = np.zeros((2, 3), np.float32)
    with pytest.raises(DtypeError, match=r"^elu: expected X of dtype float32 or float64, got int64\. Try"):
        k.elu(A.astype(np.int64))
    with pytest.raises(ShapeError, match=r"^elu: expected out of shape \(2, 3\), got \(3, 2\)"):
        k.elu(A, out=np.empty((3, 2), np.float32))
    with pytest.raises(ShapeError, match=r"^elu_backward: expected arrays of one shape"):
        k.elu_backward(A, np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"^elu: expected alpha to be a finite number, got nan\. Try alpha=1\.0\."):
        k.elu(A, float("nan"))
