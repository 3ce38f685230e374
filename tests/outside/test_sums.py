"""Sums of many terms are as exact as a matrix product's: rounding does not grow with their number."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat import AvgPool2d, Linear
from nnmat_kernels import unchecked
from nnmat_kernels.reference.pooling import avg_pool2d as reference

F = np.float32
TENTH = {
    "constant": lambda *shape: np.full(shape, 0.1, F),
    "random": lambda *shape: np.random.default_rng(0).random(shape, F),
}
LIMIT = 1e-4  # of the matrix product of a row of 10^6 numbers 0.1 with ones: 6e-4, or 4e-5, by its form


@pytest.fixture(params=TENTH)
def make(request):
    return TENTH[request.param]


def error(found, exact):
    found, exact = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    return float(np.max(np.abs(found - exact) / np.abs(exact)))


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3), (512, 1), (512, 2), (1000, 1)])
def test_means_of_large_windows(make, size, channels):
    X = make(1, size, size, channels)
    exact = X.astype(np.float64).mean(axis=(1, 2))
    assert error(k.avg_pool2d(X, size)[:, 0, 0], exact) < 3e-7
    assert error(AvgPool2d(size).build(X.shape[1:]).forward(X)[:, 0, 0], exact) < 3e-7


def test_the_mean_that_was_wrong():
    X = np.full((1, 512, 512, 1), 0.1, F)
    assert k.avg_pool2d(X, 512).item() == F(0.1)


@pytest.mark.parametrize(("padding", "count_padding"), [(0, True), (9, True), (9, False)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_windows_agree_with_the_plain_twin(padding, count_padding, dtype, rng):
    X = rng.standard_normal((2, 37, 41, 3)).astype(dtype)
    options = (19, 20), (5, 6), padding, count_padding
    Y, exact = k.avg_pool2d(X, *options), reference.avg_pool2d(X, *options)
    np.testing.assert_allclose(Y, exact, rtol=0, atol=1e-7 if dtype is np.float32 else 1e-15)
    G = rng.standard_normal(Y.shape).astype(dtype)
    gX = k.avg_pool2d_backward(G, X.shape, *options)
    np.testing.assert_allclose(gX, reference.avg_pool2d_backward(G, X.shape, *options), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [17, 40, 80])
def test_gradients_of_overlapping_windows(make, size):
    G, shape = make(1, size, size, 2), (1, 2 * size - 1, 2 * size - 1, 2)
    exact = G.astype(np.float64).sum(axis=(0, 1, 2))
    gX = k.avg_pool2d_backward(G, shape, size, 1)
    assert error(gX[0, size - 1, size - 1], exact / size**2) < 3e-7
    X = np.zeros(shape, F)
    X[0, size - 1, size - 1] = 1
    _, indices = k.max_pool2d(X, size, 1)
    gX = np.empty_like(X)
    unchecked.max_pool2d_backward(G, indices, gX.shape, (size, size), (1, 1), (0, 0), gX)
    assert error(gX[0, size - 1, size - 1], exact) < 3e-7


@pytest.mark.parametrize(("rows", "columns"), [(1, 1_000_000), (3, 100_000), (20, 50_000), (7, 5_000)])
@pytest.mark.parametrize("accumulate", [False, True])
def test_sums_of_long_rows(make, rows, columns, accumulate):
    A, out = make(rows, columns), np.ones(rows, F)
    exact = A.astype(np.float64).sum(axis=1) + accumulate
    assert error(k.row_sums(A, out, accumulate), exact) < 3e-6
    if rows * columns < 400_000:
        A64 = A.astype(np.float64)
        np.testing.assert_allclose(k.row_sums(A64), A64.sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize(("rows", "columns"), [(1_000_000, 1), (500_000, 7), (100_000, 20), (20_000, 100)])
def test_sums_of_long_columns(make, rows, columns):
    A = make(rows, columns)
    assert error(k.column_sums(A), A.astype(np.float64).sum(axis=0)) < 3e-6


@pytest.mark.parametrize("rows", [2_000, 60_000, 200_000])
def test_gradients_of_a_small_layer_and_a_large_batch(make, rows):
    layer = Linear(1, 1).build((1,))
    X, G = make(rows, 1), make(rows, 1)
    layer.forward(X, training=True)
    layer.backward(G)
    assert error(layer.bias.grad, G.astype(np.float64).sum()) < 3e-6
    exact = (G.astype(np.float64) * X).sum()
    assert error(layer.weight.grad, exact) <= 1.001 * error(k.matmul(G, X, transpose_a=True), exact)


@pytest.mark.parametrize("columns", [5_000, 100_000, 1_000_000])
def test_the_inner_product_of_the_derivative_of_softmax(make, columns):
    P, G = make(1, columns), make(1, columns)
    G[0, 0] = 0
    P /= F(P.sum(dtype=np.float64))
    exact = (G.astype(np.float64) * P).sum()
    assert error(-k.softmax_backward(G, P)[0, 0] / np.float64(P[0, 0]), exact) < 3e-6


@pytest.mark.parametrize(("channels", "filters", "groups"), [(1, 1, 1), (4, 4, 4), (4, 4, 1), (2, 4, 2)])
def test_weights_that_see_many_pixels(make, channels, filters, groups):
    X, n = make(1, 1000, 1000, channels), 998
    G = make(1, n, n, filters)
    shape, gb = (filters, 3, 3, channels // groups), np.empty(filters, F)
    gK = k.conv2d_weight_gradient(X, np.ones_like(G), shape, groups=groups, bias_gradient=gb)
    exact = X[0, 1 : 1 + n, 2 : 2 + n].astype(np.float64).sum(axis=(0, 1))  # what tap (1, 2) sees
    for o in range(filters):
        first = o // (filters // groups) * (channels // groups)
        assert error(gK[o, 1, 2], exact[first : first + channels // groups]) < LIMIT
    k.conv2d_weight_gradient(X, G, shape, groups=groups, bias_gradient=gb)
    assert error(gb, G.astype(np.float64).sum(axis=(0, 1, 2))) < LIMIT


@pytest.mark.parametrize("size", [10, 100_000, 5_000_000])
def test_the_norm_of_a_gradient(make, size):
    g = make(size)
    assert error(k.sum_of_squares(g), (g.astype(np.float64) ** 2).sum()) < 1e-13


@pytest.mark.parametrize("rows", [1, 1_000, 100_000])
def test_the_mean_of_losses(rows):
    value, _ = k.softmax_cross_entropy(np.zeros((rows, 2), F), np.zeros(rows, np.int64))
    assert error(value, np.log(2)) < 1e-7
    value, _ = k.mean_squared_error(np.full((rows, 1), 0.1, F), np.zeros((rows, 1), F))
    assert error(value, np.float64(F(0.1)) ** 2) < 1e-7


@pytest.mark.parametrize(
    ("plane", "channels"), [((512, 512), 1), ((1, 1_000_000), 1), ((100, 100), 64), ((300, 200), 2)]
)
def test_a_convolution_with_a_window_of_very_many_numbers(make, plane, channels):
    X, K = make(1, *plane, channels), np.ones((2, *plane, channels), F)
    exact = X.astype(np.float64).sum()
    assert error(k.conv2d(X, K), exact) < LIMIT
    if channels == 1:
        G = make(1, 1, 1, 2)
        assert error(k.conv2d_input_gradient(G, K, X.shape), G.sum(dtype=np.float64)) < LIMIT


@pytest.mark.parametrize("plane", [(130, 130), (1, 20_000)])
def test_the_gradient_of_an_image_that_very_many_taps_see(make, plane):
    K = np.ones((1, *plane, 1), F)
    G = make(1, *plane, 1)
    gX = k.conv2d_input_gradient(G, K, (1, 2 * plane[0] - 1, 2 * plane[1] - 1, 1))
    assert error(gX[0, plane[0] - 1, plane[1] - 1], G.astype(np.float64).sum()) < LIMIT
