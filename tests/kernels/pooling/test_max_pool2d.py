"""Max pooling against its naive twin, and against the matrix P that it stands for."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.pooling.max_pool2d import POOLING_PARALLEL_FROM, max_pool2d_backward_unchecked, max_pool2d_unchecked
from nnmat_kernels.reference.pooling import max_pool2d as naive
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.pooling.geometries import GEOMETRIES, check_errors, dtypes, geometries, images, matrix


@dtypes
@geometries
def test_value(geometry, dtype, rng):
    X, window = images(geometry, dtype, rng)
    before = X.copy()
    Y, indices = k.max_pool2d(X, *window)
    expected, places = naive.max_pool2d(X, *window)
    assert Y.dtype == dtype
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(Y, expected)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_array_equal(X, before)


@dtypes
@geometries
def test_backward(geometry, dtype, rng):
    X, window = images(geometry, dtype, rng)
    Y, indices = k.max_pool2d(X, *window)
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX = k.max_pool2d_backward(G, indices, X.shape)
    assert gX.dtype == dtype
    np.testing.assert_allclose(
        gX, naive.max_pool2d_backward(G, indices, X.shape), rtol=0, atol=20 * np.finfo(dtype).eps
    )


MORE = [
    # X's shape, kernel, stride, padding, dilation, ceil_mode
    ((2, 7, 8, 3), 2, None, 0, 2, False),
    ((1, 9, 7, 17), (3, 2), (1, 2), (2, 1), (2, 3), True),
    ((2, 6, 9, 2), 3, 2, 1, (1, 2), True),
    ((2, 7, 6, 5), 2, None, 0, 1, True),
    ((3, 5, 8, 1), 3, 2, 1, 1, True),
    ((2, 8, 5, 9), (2, 3), (3, 2), (0, 1), 1, True),
    ((1, 2, 3, 4), 5, 4, 0, 1, True),  # windows larger than the image
    ((30, 24, 25, 4), 3, 2, 1, 2, False),  # large enough for several threads
]


@dtypes
@pytest.mark.parametrize("case", MORE, ids=str)
def test_dilation_and_ceil_mode(case, dtype, rng):
    shape, kernel, stride, padding, dilation, ceil_mode = case
    X = rng.standard_normal(shape).astype(dtype)
    X[0, 0, 1, 0] = np.nan
    options = {"dilation": dilation, "ceil_mode": ceil_mode}
    Y, indices = k.max_pool2d(X, kernel, stride, padding, **options)
    expected, places = naive.max_pool2d(X, kernel, stride, padding, **options)
    np.testing.assert_array_equal(Y, expected)
    np.testing.assert_array_equal(indices, places)
    G, gX = rng.standard_normal(Y.shape).astype(dtype), np.full_like(X, np.nan)
    pairs = [(v, v) if isinstance(v, int) else v for v in (kernel, stride or kernel, padding, dilation)]
    max_pool2d_backward_unchecked(G, indices, X.shape, *pairs[:3], gX, dilation=pairs[3])
    exact = naive.max_pool2d_backward(G, indices, X.shape)
    np.testing.assert_allclose(gX, exact, rtol=0, atol=20 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(k.max_pool2d_backward(G, indices, X.shape), gX)
    same_bits_for_any_threads(lambda: k.max_pool2d(X, kernel, stride, padding, **options))


CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33)
# windows that tile the plane; leave gaps; are cut by padding; overlap
WINDOWS = [((2, 2), (2, 2), (0, 0)), ((2, 2), (3, 2), (0, 0)), ((3, 2), (3, 2), (1, 1)), ((3, 3), (2, 2), (1, 1))]


@dtypes
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_drivers_and_relu_in_one_pass(channels, window, relu, dtype, rng):
    """Vectors that reach beyond few channels write nothing outside the output, and nothing wrong inside."""
    X = rng.standard_normal((2, 6, 8, channels)).astype(dtype)
    expected, places = naive.max_pool2d(np.maximum(X, 0) if relu else X, *window)
    Y, intact = guarded(expected.shape, dtype)
    indices, intact_indices = guarded(expected.shape, np.int32)
    max_pool2d_unchecked(X, *window, Y, indices, relu)
    np.testing.assert_array_equal(Y, expected)
    np.testing.assert_array_equal(np.where(Y > 0, indices, 0), np.where(Y > 0, places, 0))
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX, intact_gradient = guarded(X.shape, dtype)
    max_pool2d_backward_unchecked(G, indices, gX.shape, *window, gX, Y if relu else None)
    G = np.where(Y > 0, G, 0) if relu else G
    np.testing.assert_allclose(gX, naive.max_pool2d_backward(G, places, X.shape), rtol=0, atol=9 * np.finfo(dtype).eps)
    for untouched in (intact, intact_indices, intact_gradient):
        untouched()


@dtypes
@pytest.mark.parametrize("channels", [3, 8])
def test_drivers_on_threads(channels, dtype, rng):
    X = rng.standard_normal((64, 20, 20, channels)).astype(dtype)
    window = (2, 2), (2, 2), (0, 0)
    Y, indices = k.max_pool2d(X, *window)
    G = rng.standard_normal(Y.shape).astype(dtype)

    def compute():
        gX = np.full_like(X, np.nan)
        max_pool2d_unchecked(X, *window, Y, indices, True)
        max_pool2d_backward_unchecked(G, indices, gX.shape, *window, gX, Y)
        return Y, indices, gX

    expected = naive.max_pool2d_backward(np.where(Y > 0, G, 0), indices, X.shape)
    np.testing.assert_array_equal(compute()[2], expected.astype(dtype))
    same_bits_for_any_threads(compute)


@dtypes
def test_relu_in_one_pass_keeps_nan(dtype):
    X = np.array([[1, np.nan], [-1, 0]], dtype).reshape(1, 2, 2, 1)
    Y, indices = np.empty((1, 1, 1, 1), dtype), np.empty((1, 1, 1, 1), np.int32)
    max_pool2d_unchecked(X, (2, 2), (2, 2), (0, 0), Y, indices, True)
    assert np.isnan(Y).all()
    assert indices == 1


@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), ((3, 2), (1, 2), (2, 1))])
def test_it_is_the_matrix(window, rng):
    """P(x) has one 1 per row, at the first maximum: y = P x exactly, and backward is Pᵀ."""
    H, W = 5, 7
    X = rng.standard_normal((1, H, W, 1))
    Y, indices = k.max_pool2d(X, *window)
    P = np.zeros((Y.size, H * W))
    P[np.arange(Y.size), indices.ravel()] = 1
    np.testing.assert_array_equal(P @ X.ravel(), Y.ravel())
    out = Y.shape[1:3]
    transpose = matrix(lambda G: k.max_pool2d_backward(G, np.repeat(indices, len(G), axis=0), (len(G), H, W, 1)), out)
    np.testing.assert_array_equal(transpose, P.T)


@geometries
def test_adjoint(geometry, rng):
    """⟨G, P X⟩ = ⟨Pᵀ G, X⟩."""
    X, window = images(geometry, np.float64, rng)
    Y, indices = k.max_pool2d(X, *window)
    G = rng.standard_normal(Y.shape)
    scale = np.abs(G * Y).sum() + 1e-300
    assert abs((G * Y).sum() - (k.max_pool2d_backward(G, indices, X.shape) * X).sum()) <= 1e-13 * scale


def test_backward_is_the_derivative(rng):
    X = rng.permutation(2 * 5 * 6 * 3).reshape(2, 5, 6, 3) / 10.0  # no two entries closer than 0.1
    V = rng.standard_normal(X.shape)
    Y, indices = k.max_pool2d(X, 3, 2, 1)
    G, h = rng.standard_normal(Y.shape), 1e-3
    difference = (naive.max_pool2d(X + h * V, 3, 2, 1)[0] - naive.max_pool2d(X - h * V, 3, 2, 1)[0]) / (2 * h)
    gX = k.max_pool2d_backward(G, indices, X.shape)
    np.testing.assert_allclose((gX * V).sum(), (G * difference).sum(), rtol=1e-9)


@dtypes
def test_ties_go_to_the_first(dtype):
    X = np.array([[1, 1], [1, 0]], dtype).reshape(1, 2, 2, 1)
    Y, indices = k.max_pool2d(X, 2)
    assert Y == 1
    assert indices == 0
    np.testing.assert_array_equal(k.max_pool2d_backward(Y, indices, X.shape).ravel(), [1, 0, 0, 0])
    X = np.array([0, 2, 2, 2], dtype).reshape(1, 2, 2, 1)
    assert k.max_pool2d(X, 2)[1] == 1


@dtypes
@pytest.mark.parametrize("channels", [1, 3, 19])
def test_nan_and_inf(channels, dtype, rng):
    X = rng.standard_normal((2, 6, 6, channels)).astype(dtype)
    X[0, 1, 2, 0], X[0, 1, 3, 0], X[1, 5, 5, -1], X[1, 0, 0, 0] = np.nan, np.nan, np.inf, np.nan
    X[1, 2:4, 2:4, 0] = -np.inf
    for window in ((2, None, 0), (3, 1, 2)):
        Y, indices = k.max_pool2d(X, *window)
        expected, places = naive.max_pool2d(X, *window)
        np.testing.assert_array_equal(Y, expected)
        np.testing.assert_array_equal(indices, places)


@dtypes
def test_padding_is_never_chosen(dtype):
    X = np.full((1, 2, 2, 1), -np.inf, dtype)
    Y, indices = k.max_pool2d(X, 2, 1, 1)
    assert (-np.inf == Y).all()
    assert ((indices >= 0) & (indices < 4)).all()
    X[...] = -5
    assert (k.max_pool2d(X, 2, 1, 1)[0] == -5).all()


@dtypes
def test_layouts(dtype, rng):
    X = rng.standard_normal((3, 6, 7, 4)).astype(dtype)
    Y, indices = k.max_pool2d(X, 3, 2, 1)
    for layout, Z in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.max_pool2d(Z, 3, 2, 1)[0], Y, err_msg=layout)
    gX = k.max_pool2d_backward(Y, indices, X.shape)
    for layout in awkward_layouts(Y):
        G, places = awkward_layouts(Y)[layout], np.asfortranarray(indices)
        np.testing.assert_array_equal(k.max_pool2d_backward(G, places, X.shape), gX, err_msg=layout)


@dtypes
@geometries
def test_out(geometry, dtype, rng):
    X, window = images(geometry, dtype, rng)
    Y, indices = k.max_pool2d(X, *window)
    gX = k.max_pool2d_backward(Y, indices, X.shape)
    out, intact_out = guarded(Y.shape, dtype)
    places, intact_places = guarded(Y.shape, np.dtype(np.int32))
    grad, intact_grad = guarded(X.shape, dtype)
    returned = k.max_pool2d(X, *window, out=out, indices=places)
    assert returned[0] is out
    assert returned[1] is places
    np.testing.assert_array_equal(out, Y)
    np.testing.assert_array_equal(places, indices)
    assert k.max_pool2d_backward(Y, indices, X.shape, out=grad) is grad
    np.testing.assert_array_equal(grad, gX)
    for intact in (intact_out, intact_places, intact_grad):
        intact()


@dtypes
def test_threads(dtype, rng):
    X, window = images(GEOMETRIES[-1], dtype, rng)
    assert X.size >= POOLING_PARALLEL_FROM
    Y, indices = k.max_pool2d(X, *window)
    same_bits_for_any_threads(lambda: (*k.max_pool2d(X, *window), k.max_pool2d_backward(Y, indices, X.shape)))


def test_errors_forward():
    check_errors("max_pool2d")


def test_errors_of_indices():
    X = np.zeros((2, 4, 4, 3), np.float32)
    G, indices = k.max_pool2d(X, 2)
    with pytest.raises(DtypeError, match=r"^max_pool2d: expected indices as an array of int32, got int64"):
        k.max_pool2d(X, 2, indices=indices.astype(np.int64))
    with pytest.raises(ShapeError, match=r"^max_pool2d: expected indices of shape \(2, 2, 2, 3\), got \(1, 2, 2, 3\)"):
        k.max_pool2d(X, 2, indices=indices[:1])
    with pytest.raises(ValueError, match=r"^max_pool2d: expected indices to be a writable, C-contiguous array"):
        k.max_pool2d(X, 2, indices=np.asfortranarray(indices))
    back = k.max_pool2d_backward
    with pytest.raises(DtypeError, match=r"^max_pool2d_backward: expected indices to be a NumPy array, got list"):
        back(G, indices.tolist(), X.shape)
    for wrong in (-1, 16):
        bad = indices.copy()
        bad[1, 1, 1, 2] = wrong
        with pytest.raises(ValueError, match=r"^max_pool2d_backward: expected indices in \[0, 16\), got -?\d+ to \d+"):
            back(G, bad, X.shape)
    with pytest.raises(ShapeError, match=r"^max_pool2d_backward: expected G of shape \(2, Ho, Wo, 4\) for input_shape"):
        back(G, indices, (2, 4, 4, 4))
    with pytest.raises(
        ShapeError, match=r"^max_pool2d_backward: expected input_shape to be four sizes, got \(4, 4, 3\)"
    ):
        back(G, indices, (4, 4, 3))
    with pytest.raises(
        ShapeError, match=r"^max_pool2d_backward: expected input_shape to be four sizes, got \(2, 4\.5, 4, 3\)"
    ):
        back(G, indices, (2, 4.5, 4, 3))


@dtypes
def test_the_driver_leaves_its_gradient_alone(dtype, rng):
    """Windows that overlap, with a ReLU: the gradient is cut where the output is 0, in a copy."""
    window = (3, 3), (2, 2), (1, 1)
    X = rng.standard_normal((2, 6, 7, 4)).astype(dtype)
    places = naive.max_pool2d(X, *window)[1]
    Y, indices = np.empty(places.shape, dtype), np.empty(places.shape, np.int32)
    max_pool2d_unchecked(X, *window, Y, indices, True)
    G = rng.standard_normal(Y.shape).astype(dtype)
    before, gX = G.copy(), np.empty_like(X)
    max_pool2d_backward_unchecked(G, indices, gX.shape, *window, gX, Y)
    np.testing.assert_array_equal(G, before)
    expected = naive.max_pool2d_backward(np.where(Y > 0, G, 0), indices, X.shape)
    np.testing.assert_allclose(gX, expected, rtol=0, atol=9 * np.finfo(dtype).eps)


@dtypes
def test_many_windows_that_choose_one_element(dtype):
    """Its gradient is the sum of hundreds of numbers, for layers (which know the window) in float64."""
    X = np.zeros((2, 39, 39, 3), dtype)
    X[:, 19, 19] = 1
    _, indices = k.max_pool2d(X, 20, 1)
    G = np.full((2, 20, 20, 3), 0.1, dtype)
    gX = np.full_like(X, np.nan)
    max_pool2d_backward_unchecked(G, indices, gX.shape, (20, 20), (1, 1), (0, 0), gX)
    exact = np.zeros_like(X)
    exact[:, 19, 19] = 400 * np.float64(dtype(0.1))
    np.testing.assert_allclose(gX, exact, rtol=1e-7 if dtype is np.float32 else 1e-13)
    max_pool2d_backward_unchecked(
        G, indices, gX.shape, (20, 20), (1, 1), (0, 0), gX, np.ones_like(G)
    )  # with a ReLU before
    np.testing.assert_allclose(gX, exact, rtol=1e-7 if dtype is np.float32 else 1e-13)
