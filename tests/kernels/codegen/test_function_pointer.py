"""Kernels called by address: what they write, their errors, and that they are compiled once for each dtype."""

import numba
import numpy as np
import pytest

from nnmat_kernels.codegen.function_pointer import address, call, entry_point, flat_of
from nnmat_kernels.runtime.config import jit

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@jit
def fill(A, first, value):
    if first < 0:
        raise ValueError("first is negative")
    for i in range(first, A.size):
        A[i] = value


@jit
def caller(place, A, first):
    call(place, (A, first, A.dtype.type(2.5)))


def place_of(dtype):
    return address(fill, flat_of(dtype), numba.int64, numba.from_dtype(np.dtype(dtype)))


@FLOATS
def test_the_called_kernel_writes(dtype):
    A = np.zeros(5, dtype)
    caller(place_of(dtype), A, np.int64(2))
    np.testing.assert_array_equal(A, [0, 0, 2.5, 2.5, 2.5])


@FLOATS
def test_an_error_reaches_the_caller(dtype):
    A = np.zeros(5, dtype)
    with pytest.raises(ValueError, match="first is negative"):
        caller(place_of(dtype), A, np.int64(-1))
    assert not A.any()


@FLOATS
def test_an_entry_point_is_called_from_python(dtype):
    start = entry_point(fill, flat_of(dtype), numba.int64, numba.from_dtype(np.dtype(dtype)))
    A = np.zeros(5, dtype)
    start(A, 2, 2.5)
    np.testing.assert_array_equal(A, [0, 0, 2.5, 2.5, 2.5])
    with pytest.raises(ValueError, match="first is negative"):
        start(A, -1, 2.5)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_an_address_is_compiled_once():
    assert place_of(np.float32) == place_of(np.float32) != place_of(np.float64)
    assert len(fill.signatures) == 2
