"""Filters on a sheet: which weight stands where."""

import numpy as np
import pytest

import nnmat
from nnmat.plots import plot_filters
from nnmat.plots.filters import mosaic


def test_filters_of_one_channel_stand_in_a_square(rng):
    K = rng.standard_normal((5, 2, 3, 1))
    A = mosaic(K)
    assert A.shape == (2 * 3 - 1, 3 * 4 - 1)
    for i in range(5):
        row, column = i // 3 * 3, i % 3 * 4
        np.testing.assert_array_equal(A[row : row + 2, column : column + 3], K[i, :, :, 0])
    assert np.isnan(A[2]).all()
    assert np.isnan(A[3:, 8:]).all()
    assert np.isfinite(A).sum() == K.size


def test_channels_stand_side_by_side_and_three_are_colours(rng):
    K = rng.standard_normal((3, 2, 2, 4))
    A = mosaic(K)
    assert A.shape == (3 * 3 - 1, 4 * 3 - 1)
    np.testing.assert_array_equal(A[3:5, 6:8], K[1, :, :, 2])
    K = rng.standard_normal((4, 2, 2, 3))
    ax = plot_filters(K)
    shown = ax.images[0].get_array()
    assert shown.shape == (5, 5, 3)
    np.testing.assert_allclose(shown[3:, :2], 0.5 + K[2] / np.abs(K).max() / 2)
    np.testing.assert_array_equal(shown[2], 1.0)


def test_layers_and_arrays_show_the_same(rng):
    conv = nnmat.Conv2d(1, 6, 3).build((5, 5, 1))
    for given in (conv, conv.weight.value):
        image = plot_filters(given).images[0]
        np.testing.assert_array_equal(image.get_array().filled(9), np.nan_to_num(mosaic(conv.weight.value), nan=9))
        assert image.norm.vmax == -image.norm.vmin == np.abs(conv.weight.value).max()
    linear = nnmat.Linear(12, 100).build((12,))
    shown = plot_filters(linear, image_shape=(3, 4), most=9).images[0].get_array()
    np.testing.assert_array_equal(shown[:3, :4], linear.weight.value[0].reshape(3, 4))
    assert shown.shape == (3 * 4 - 1, 3 * 5 - 1)
    assert plot_filters(np.zeros((1, 2, 2, 1))).images[0].norm.vmax == 1.0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: plot_filters(nnmat.Conv2d(1, 2, 3)), nnmat.BuildError, "Conv2d is not built yet"),
        (lambda: plot_filters(nnmat.Linear(4, 2).build((4,))), nnmat.ConfigError, r"expected image_shape for a Linear"),
        (lambda: plot_filters(nnmat.ReLU()), nnmat.ConfigError, "expected a Conv2d, a Linear or an array of weights"),
        (lambda: plot_filters(np.ones((2, 3))), nnmat.ShapeError, r"shape \(Co, kh, kw, Ci\), got \(2, 3\)"),
        (lambda: plot_filters(np.ones((2, 5)), (2, 2)), nnmat.ShapeError, r"expected a weight \(M, H W Ci\) for"),
        (lambda: plot_filters(np.ones((2, 4)), (-2, -2)), nnmat.ShapeError, r"expected a weight \(M, H W Ci\) for"),
        (lambda: plot_filters(np.ones((2, 4)), (2.0, 2.0)), nnmat.ShapeError, r"expected a weight \(M, H W Ci\) for"),
        (lambda: plot_filters(np.ones((1, 2, 2, 1)), most=0), nnmat.ConfigError, "expected most as an integer >= 1"),
        (lambda: plot_filters(np.full((1, 2, 2, 1), np.nan)), nnmat.DataError, "expected finite weights"),
        (lambda: plot_filters(np.ones((1, 2, 2, 1), complex)), nnmat.DtypeError, "real numbers, got complex128"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=f"plot_filters: .*{text}"):
        call()
