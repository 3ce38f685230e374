"""The activation kernels against their naive twins, and their backward forms as true derivatives."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.elementwise import activations as naive
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SLOPE = 0.125
SHAPES = [(), (0,), (1,), (3, 0, 2), (7,), (5, 9), (2, 3, 4, 5), (PARALLEL_SIZE + 13,)]
FORWARD = {"sigmoid": (), "tanh": (), "relu": (), "leaky_relu": (SLOPE,)}
BACKWARD = {f"{name}_backward": extra for name, extra in FORWARD.items()}
BOTH = FORWARD | BACKWARD
TOLERANCE = {np.float32: 4 * 2.0**-23, np.float64: 4 * 2.0**-52}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
both = pytest.mark.parametrize("name", BOTH)


def arguments(name, shape, dtype, rng):
    """The arrays that a kernel takes: X, or G and Y (or X) with |Y| < 1."""
    if name in FORWARD:
        return (np.asarray(4 * rng.standard_normal(shape), dtype),)
    return np.asarray(rng.standard_normal(shape), dtype), np.asarray(rng.uniform(-0.99, 0.99, shape), dtype)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@both
def test_value(name, shape, dtype, rng):
    arrays = arguments(name, shape, dtype, rng)
    before = [A.copy() for A in arrays]
    Y = getattr(k, name)(*arrays, *BOTH[name])
    assert Y.dtype == dtype
    assert Y.shape == shape
    np.testing.assert_allclose(Y, getattr(naive, name)(*arrays, *BOTH[name]), rtol=TOLERANCE[dtype], atol=0)
    for A, saved in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(A, saved)


@dtypes
@both
def test_layouts(name, dtype, rng):
    arrays = arguments(name, (6, 8), dtype, rng)
    expected = getattr(k, name)(*arrays, *BOTH[name])
    for layout in awkward_layouts(arrays[0]):
        given = [awkward_layouts(A)[layout] for A in arrays]
        np.testing.assert_array_equal(getattr(k, name)(*given, *BOTH[name]), expected, err_msg=layout)


@dtypes
@pytest.mark.parametrize("size", [1, 31, PARALLEL_SIZE + 1])
@both
def test_out(name, size, dtype, rng):
    arrays = arguments(name, (size,), dtype, rng)
    expected = getattr(k, name)(*arrays, *BOTH[name])
    out, intact = guarded((size,), dtype)
    assert getattr(k, name)(*arrays, *BOTH[name], out=out) is out
    np.testing.assert_array_equal(out, expected)
    intact()
    for i in range(len(arrays)):  # in place, in each of the inputs
        given = [A.copy() for A in arrays]
        getattr(k, name)(*given, *BOTH[name], out=given[i])
        np.testing.assert_array_equal(given[i], expected)


@dtypes
@both
def test_the_bits_of_an_element_do_not_depend_on_its_place(name, dtype, rng):
    """Vector instructions and the scalar rest of a loop round alike: every start and length gives the same bits."""
    arrays = arguments(name, (150,), dtype, rng)
    expected = getattr(k, name)(*arrays, *BOTH[name])
    for first in range(70):
        for length in (*range(1, 20), 31, 40, 63, 80):
            part = slice(first, first + length)
            Y = getattr(k, name)(*[A[part] for A in arrays], *BOTH[name])
            np.testing.assert_array_equal(Y.view(np.uint8), expected[part].view(np.uint8), err_msg=f"{first}, {length}")


@dtypes
@both
def test_threads(name, dtype, rng):
    arrays = arguments(name, (3 * PARALLEL_SIZE + 5,), dtype, rng)
    same_bits_for_any_threads(lambda: getattr(k, name)(*arrays, *BOTH[name]))


@dtypes
@pytest.mark.parametrize("name", FORWARD)
def test_nan_and_inf(name, dtype):
    X = np.array([np.nan, np.inf, -np.inf, 1e4, -1e4] * 5, dtype)
    Y = getattr(k, name)(X, *FORWARD[name])
    np.testing.assert_array_equal(Y, getattr(naive, name)(X, *FORWARD[name]).astype(dtype))


@pytest.mark.parametrize("name", BACKWARD)
def test_nan_in_the_gradient(name):
    Y = np.full(20, 0.5)
    G = np.ones(20)
    G[[3, 17]] = np.nan
    gX = getattr(k, name)(G, Y, *BACKWARD[name])
    np.testing.assert_array_equal(np.isnan(gX), np.isnan(G))


@pytest.mark.parametrize("name", FORWARD)
def test_backward_is_the_derivative(name, rng):
    X = rng.standard_normal(200)
    X = X[np.abs(X) > 0.05]  # away from the kinks
    G, h = rng.standard_normal(X.size), 1e-4
    f = getattr(naive, name)
    Y = f(X, *FORWARD[name])
    # Four points: the truncation error is of the order h⁴.
    slope = (8 * (f(X + h, *FORWARD[name]) - f(X - h, *FORWARD[name]))) - (
        f(X + 2 * h, *FORWARD[name]) - f(X - 2 * h, *FORWARD[name])
    )
    gX = getattr(k, f"{name}_backward")(G, X if name == "leaky_relu" else Y, *FORWARD[name])
    np.testing.assert_allclose(gX, G * slope / (12 * h), rtol=0, atol=1e-10)


@dtypes
def test_derivative_at_the_kink(dtype):
    zero, one = np.zeros(1, dtype), np.ones(1, dtype)
    assert k.relu_backward(one, zero) == 0
    assert k.leaky_relu_backward(one, zero, SLOPE) == dtype(SLOPE)


@dtypes
def test_sigmoid_keeps_small_values(dtype):
    x = np.array([-80.0, -40.0, -20.0], dtype)
    np.testing.assert_allclose(k.sigmoid(x), np.exp(x.astype(np.float64)), rtol=3e-7 if dtype is np.float32 else 3e-9)


@both
def test_errors(name):
    kernel, extra = getattr(k, name), BOTH[name]
    A = np.zeros((2, 3), np.float32)
    arrays = (A,) if name in FORWARD else (A, A.copy())
    first = "X" if name in FORWARD else "G"
    with pytest.raises(DtypeError, match=rf"^{name}: expected {first} to be a NumPy array, got list\. Try np\.asarray"):
        kernel([1.0], *arrays[1:], *extra)
    with pytest.raises(DtypeError, match=rf"^{name}: expected {first} of dtype float32 or float64, got int64\. Try"):
        kernel(A.astype(np.int64), *arrays[1:], *extra)
    with pytest.raises(ShapeError, match=rf"^{name}: expected out of shape \(2, 3\), got \(3, 2\)"):
        kernel(*arrays, *extra, out=np.empty((3, 2), np.float32))
    with pytest.raises(DtypeError, match=rf"^{name}: expected out of dtype float32, got float64"):
        kernel(*arrays, *extra, out=np.empty((2, 3)))
    shared = np.zeros(7, np.float32)
    moved = (shared[:6].reshape(2, 3), *arrays[1:])
    with pytest.raises(ValueError, match=rf"^{name}: out shares memory with an input"):
        kernel(*moved, *extra, out=shared[1:].reshape(2, 3))
    with pytest.raises(ShapeError, match=rf"^{name}: expected out to be aligned, writable and C-contiguous"):
        kernel(*arrays, *extra, out=np.zeros((3, 2), np.float32).T)


@pytest.mark.parametrize("name", BACKWARD)
def test_errors_of_two_arrays(name):
    kernel, extra = getattr(k, name), BACKWARD[name]
    G = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match=rf"^{name}: expected arrays of one shape, got G \(2, 3\), [XY] \(3, 2\)\.$"):
        kernel(G, np.zeros((3, 2), np.float32), *extra)
    with pytest.raises(DtypeError, match=rf"^{name}: expected arrays of one dtype, got G float32, [XY] float64"):
        kernel(G, np.zeros((2, 3)), *extra)


@pytest.mark.parametrize("slope", [np.nan, np.inf, "0.1", None, True])
def test_slope(slope):
    X = np.zeros(3)
    with pytest.raises(
        ValueError, match=r"^leaky_relu: expected slope to be a finite number, got .*\. Try slope=0\.01"
    ):
        k.leaky_relu(X, slope)
    with pytest.raises(ValueError, match=r"^leaky_relu_backward: expected slope to be a finite number"):
        k.leaky_relu_backward(X, X, slope)
