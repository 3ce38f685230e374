"""The patch matrix and its transpose against their naive twins, and against each other."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.convolution import im2col as naive
from nnmat_kernels.runtime.launch import Recorder
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.linear_algebra import DTYPES, frozen, integers

dtypes = pytest.mark.parametrize("dtype", DTYPES)
CONFIGURATIONS = [
    # input shape, kernel, stride, padding, dilation
    ((2, 5, 6, 3), (2, 3), 1, 0, 1),
    ((1, 7, 5, 1), 3, (2, 1), (1, 2), 1),
    ((3, 6, 9, 2), (3, 2), (1, 3), (2, 0), (1, 2)),
    ((1, 1, 1, 4), 1, 1, 0, 1),
    ((1, 1, 1, 2), 3, 1, 1, 1),
    ((2, 4, 4, 2), 2, 3, 3, 2),
    ((0, 4, 4, 2), 2, 1, 0, 1),
    ((2, 4, 4, 0), 2, 1, 0, 1),
]
LARGE = ((6, 20, 23, 5), (3, 5), (1, 1), (1, 2), (1, 1))


@st.composite
def configurations(draw):
    """Any window that fits: non-square images, kernels, strides, paddings and dilations."""
    kernel, stride, dilation = (tuple(draw(st.integers(1, most)) for _ in "hw") for most in (4, 3, 3))
    padding = tuple(draw(st.integers(0, 3)) for _ in "hw")
    least = [max(1, d * (size - 1) + 1 - 2 * p) for size, p, d in zip(kernel, padding, dilation, strict=True)]
    H, W = (draw(st.integers(size, size + 6)) for size in least)
    return (draw(st.integers(0, 3)), H, W, draw(st.integers(1, 9))), kernel, stride, padding, dilation


def check(configuration, dtype, rng):
    shape, *window = configuration
    X = frozen(integers(rng, shape, dtype))
    expected = naive.im2col(X, *window)
    U, intact = guarded(expected.shape, dtype)
    assert k.im2col(X, *window, out=U) is U
    np.testing.assert_array_equal(U, expected)
    intact()
    G = frozen(integers(rng, U.shape, dtype))
    gX, intact = guarded(shape, dtype)
    assert k.col2im(G, shape, *window, out=gX) is gX
    np.testing.assert_array_equal(gX, naive.col2im(G, shape, *window))
    intact()
    assert np.vdot(G, U) == np.vdot(gX, X)  # the one is the other's transpose; exact on whole numbers


@dtypes
@pytest.mark.parametrize("configuration", [*CONFIGURATIONS, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_value_and_transpose(configuration, dtype, rng):
    check(configuration, dtype, rng)


@settings(max_examples=100, deadline=None)
@given(configuration=configurations(), seed=st.integers(0, 2**32 - 1))
def test_any_window(configuration, seed):
    check(configuration, np.float32, np.random.default_rng(seed))


@pytest.mark.slow
@dtypes
def test_same_bits_for_any_number_of_threads(dtype, rng):
    shape, *window = LARGE
    X = rng.standard_normal(shape).astype(dtype)
    same_bits_for_any_threads(lambda: k.im2col(X, *window))
    U = k.im2col(X, *window)
    same_bits_for_any_threads(lambda: k.col2im(U, shape, *window))


@dtypes
def test_layouts(dtype, rng):
    X = integers(rng, (2, 4, 6, 2), dtype)
    expected = naive.im2col(X, 3, 1, 1)
    for layout, given_ in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.im2col(given_, 3, 1, 1), expected, err_msg=layout)
    for layout, given_ in awkward_layouts(expected.astype(dtype)).items():
        np.testing.assert_array_equal(
            k.col2im(given_, X.shape, 3, 1, 1), naive.col2im(expected, X.shape, 3, 1, 1), layout
        )


def test_nan_goes_where_its_pixel_goes():
    X = np.zeros((1, 3, 3, 1), np.float32)
    X[0, 1, 1, 0] = np.nan
    U = k.im2col(X, 2)
    np.testing.assert_array_equal(np.isnan(U), np.eye(4, dtype=bool)[::-1])
    np.testing.assert_array_equal(np.isnan(k.col2im(U, X.shape, 2)), np.isnan(X))


X = np.ones((2, 4, 5, 3), np.float32)
WRONG = [
    (lambda: k.im2col(X[0], 2), ShapeError, "im2col: expected X with 4 dimensions, got shape (4, 5, 3)."),
    (lambda: k.im2col(X.astype(int), 2), DtypeError, "im2col: expected X of dtype float32 or float64, got int64."),
    (lambda: k.im2col(X, 0), ShapeError, "im2col: expected kernel_size of at least 1, got 0. Try kernel_size=1."),
    (
        lambda: k.im2col(X, 2.5),
        ShapeError,
        "im2col: expected kernel_size to be an integer or a pair of integers, got 2.5.",
    ),
    (lambda: k.im2col(X, 2, stride=0), ShapeError, "im2col: expected stride of at least 1, got 0."),
    (lambda: k.im2col(X, 2, padding=-1), ShapeError, "im2col: expected padding of at least 0, got -1."),
    (lambda: k.im2col(X, 2, dilation=(1, 0)), ShapeError, "im2col: expected dilation of at least 1, got (1, 0)."),
    (
        lambda: k.im2col(X, 5),
        ShapeError,
        "im2col: expected a window that fits into the padded image, got kernel (5, 5) with dilation (1, 1) on an image "
        "of (4, 5) with padding (0, 0). Try a smaller kernel or more padding.",
    ),
    (
        lambda: k.col2im(np.ones((24, 11), np.float32), X.shape, 2),
        ShapeError,
        "col2im: expected cols of shape (24, 12) for input_shape (2, 4, 5, 3), got (24, 11). Try the same arguments as",
    ),
    (
        lambda: k.col2im(np.ones((24, 12), np.float32), (4, 5, 3), 2),
        ShapeError,
        "col2im: expected input_shape to be four sizes",
    ),
    (
        lambda: k.col2im(np.ones((24, 12), np.float32), None, 2),
        ShapeError,
        "col2im: expected input_shape to be four sizes",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_was_expected(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


@pytest.mark.parametrize("batch", [2, 40])  # in one piece and in many
def test_without_checks_they_are_operations(batch, rng):
    X, options = rng.standard_normal((batch, 24, 20, 3)), ((3, 2), (2, 1), (1, 0), (1, 2))
    with Recorder() as recorder:
        U = unchecked.im2col(X, *options)
        Z = unchecked.col2im(U, X.shape, *options)
    np.testing.assert_array_equal(U, k.im2col(X, *options))
    np.testing.assert_array_equal(Z, k.col2im(U, X.shape, *options))
    assert [operation.name for operation in recorder.operations] == ["im2col", "col2im"]
