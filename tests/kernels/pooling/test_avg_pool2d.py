"""Average pooling against its naive twin, and against the matrix P that it stands for."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import ShapeError
from nnmat_kernels.pooling.avg_pool2d import avg_pool2d_backward_unchecked, avg_pool2d_unchecked
from nnmat_kernels.pooling.max_pool2d import POOLING_PARALLEL_FROM
from nnmat_kernels.reference.pooling import avg_pool2d as naive
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.pooling.geometries import GEOMETRIES, check_errors, dtypes, geometries, images, matrix

counted = pytest.mark.parametrize("count_padding", [True, False])


def axis_factor(size, kernel, stride, padding):
    """Σ_a R_a: row i has ones at the places of window i inside the axis."""
    n = (size + 2 * padding - kernel) // stride + 1
    places = np.arange(n)[:, None] * stride - padding
    return ((np.arange(size) >= places) & (np.arange(size) < places + kernel)).astype(float)


@counted
@dtypes
@geometries
def test_value_and_backward(geometry, dtype, count_padding, rng):
    X, window = images(geometry, dtype, rng)
    atol = 20 * np.finfo(dtype).eps
    Y = k.avg_pool2d(X, *window, count_padding)
    assert Y.dtype == dtype
    np.testing.assert_allclose(Y, naive.avg_pool2d(X, *window, count_padding), rtol=0, atol=atol)
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX = k.avg_pool2d_backward(G, X.shape, *window, count_padding)
    assert gX.dtype == dtype
    expected = naive.avg_pool2d_backward(G, X.shape, *window, count_padding)
    np.testing.assert_allclose(gX, expected, rtol=0, atol=atol)


@counted
@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), ((3, 2), (1, 2), (2, 1)), ((2, 3), (2, 1), 0)])
def test_it_is_the_matrix(window, count_padding):
    """P = (Σ_a R_a / kh) ⊗ (Σ_b C_b / kw), or each factor with rows that sum to 1; backward is Pᵀ."""
    plane = (5, 7)
    pairs = [(w, w) if isinstance(w, int) else w for w in window]
    factors = []
    for axis in (0, 1):
        kernel, stride, padding = (p[axis] for p in pairs)
        R = axis_factor(plane[axis], kernel, stride, padding)
        factors.append(R / (kernel if count_padding else R.sum(axis=1, keepdims=True)))
    P = np.kron(*factors)
    np.testing.assert_allclose(matrix(lambda X: k.avg_pool2d(X, *window, count_padding), plane), P, atol=1e-15)
    out = len(factors[0]), len(factors[1])
    transpose = matrix(lambda G: k.avg_pool2d_backward(G, (len(G), *plane, 1), *window, count_padding), out)
    np.testing.assert_allclose(transpose, P.T, atol=1e-15)


@counted
@geometries
def test_adjoint(geometry, count_padding, rng):
    """⟨G, P X⟩ = ⟨Pᵀ G, X⟩."""
    X, window = images(geometry, np.float64, rng)
    Y = k.avg_pool2d(X, *window, count_padding)
    G = rng.standard_normal(Y.shape)
    gX = k.avg_pool2d_backward(G, X.shape, *window, count_padding)
    scale = np.abs(G * Y).sum()
    assert abs((G * Y).sum() - (gX * X).sum()) <= 1e-13 * scale + 1e-12 * (scale > 0)


@dtypes
@pytest.mark.parametrize("channels", [1, 3, 19])
def test_nan_and_inf(channels, dtype, rng):
    X = rng.standard_normal((2, 6, 6, channels)).astype(dtype)
    X[0, 1, 2, 0], X[0, 1, 3, 0], X[1, 5, 5, -1], X[1, 0, 0, 0] = np.nan, np.nan, np.inf, np.nan
    X[1, 2:4, 2:4, 0] = -np.inf
    for window in ((2, None, 0), (3, 1, 2)):
        A = k.avg_pool2d(X, *window)
        np.testing.assert_allclose(A, naive.avg_pool2d(X, *window), rtol=0, atol=20 * np.finfo(dtype).eps)


@dtypes
def test_layouts(dtype, rng):
    X = rng.standard_normal((3, 6, 7, 4)).astype(dtype)
    A = k.avg_pool2d(X, 3, 2, 1)
    gA = k.avg_pool2d_backward(A, X.shape, 3, 2, 1)
    for layout, Z in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.avg_pool2d(Z, 3, 2, 1), A, err_msg=layout)
    for layout, G in awkward_layouts(A).items():
        np.testing.assert_array_equal(k.avg_pool2d_backward(G, X.shape, 3, 2, 1), gA, err_msg=layout)


@dtypes
@geometries
def test_out(geometry, dtype, rng):
    X, window = images(geometry, dtype, rng)
    A = k.avg_pool2d(X, *window)
    gA = k.avg_pool2d_backward(A, X.shape, *window)
    out, intact_out = guarded(A.shape, dtype)
    grad, intact_grad = guarded(X.shape, dtype)
    assert k.avg_pool2d(X, *window, out=out) is out
    np.testing.assert_array_equal(out, A)
    assert k.avg_pool2d_backward(A, X.shape, *window, out=grad) is grad
    np.testing.assert_array_equal(grad, gA)
    intact_out()
    intact_grad()


@counted
@dtypes
def test_drivers(dtype, count_padding, rng):
    X, window = rng.standard_normal((2, 5, 7, 3)).astype(dtype), ((3, 2), (1, 2), (2, 1))
    A = k.avg_pool2d(X, *window, count_padding)
    out, gX = np.full_like(A, np.nan), np.full_like(X, np.nan)
    avg_pool2d_unchecked(X, *window, count_padding, out)
    np.testing.assert_array_equal(out, A)
    avg_pool2d_backward_unchecked(A, gX.shape, *window, count_padding, gX)
    np.testing.assert_array_equal(gX, k.avg_pool2d_backward(A, X.shape, *window, count_padding))


@dtypes
def test_threads(dtype, rng):
    X, window = images(GEOMETRIES[-1], dtype, rng)
    assert X.size >= POOLING_PARALLEL_FROM
    Y = k.avg_pool2d(X, *window)
    same_bits_for_any_threads(lambda: (k.avg_pool2d(X, *window), k.avg_pool2d_backward(Y, X.shape, *window)))


def test_errors_forward():
    check_errors("avg_pool2d")


def test_errors_backward():
    G = np.zeros((2, 1, 2, 3), np.float32)
    with pytest.raises(
        ShapeError, match=r"^avg_pool2d_backward: expected G of shape \(2, 2, 2, 3\), got \(2, 1, 2, 3\)"
    ):
        k.avg_pool2d_backward(G, (2, 4, 4, 3), 2)
    with pytest.raises(ShapeError, match=r"^avg_pool2d_backward: expected input_shape to be four sizes, got \(4, 4\)"):
        k.avg_pool2d_backward(G, (4, 4), 2)


@dtypes
@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((2, 20, 21, 3), ((17, 16), (2, 3), (0, 0))),
        ((1, 40, 18, 1), ((19, 18), (1, 1), (9, 8))),
        ((3, 33, 33, 70), (33, 33, 5)),
    ],
)
def test_large_windows(shape, window, count_padding, dtype, rng):
    X = rng.standard_normal(shape).astype(dtype)
    Y = k.avg_pool2d(X, *window, count_padding)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(Y, naive.avg_pool2d(X, *window, count_padding), rtol=0, atol=eps)
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX = k.avg_pool2d_backward(G, shape, *window, count_padding)
    exact = naive.avg_pool2d_backward(G, shape, *window, count_padding)
    np.testing.assert_allclose(gX, exact, rtol=0, atol=20 * eps * np.abs(exact).max())
    same_bits_for_any_threads(lambda: k.avg_pool2d(X, *window, count_padding))
