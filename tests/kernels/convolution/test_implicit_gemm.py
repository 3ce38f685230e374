"""Forward and input gradient as a product: how the weights are packed, and merged pixels."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.convolution import implicit_gemm, launch
from nnmat_kernels.convolution.axes import lanes_of
from nnmat_kernels.reference.convolution import conv2d as naive
from tests.kernels.convolution.configurations import CONFIGURATIONS, LARGE, arrays, convolution, dtypes
from tests.kernels.guards import guarded
from tests.kernels.linear_algebra import integers


@dtypes
@pytest.mark.parametrize(
    ("shape", "weights"),
    [((2, 6, 9, 1), (8, 3, 2, 1)), ((2, 5, 12, 2), (4, 3, 5, 2)), *(c[:2] for c in LARGE[10:12])],
)
def test_nan_and_inf_where_pixels_are_merged(shape, weights, dtype, rng):
    """The weights of such a window are 0 where one pixel of it sees nothing, and 0 · inf must not show."""
    X, K = integers(rng, shape, dtype), integers(rng, weights, dtype)
    G = integers(rng, naive.conv2d(X, K).shape, dtype)
    if shape[2] == 28:  # whatever the registers
        assert convolution(shape, weights, dtype=dtype).plan(True, True).sizes[0].pixels_per_tile > 1
    clean = k.conv2d(X, K), k.conv2d_input_gradient(G, K, shape)
    for A in (X, G):
        A[1, 2, 3, 0], A[0, 0, A.shape[2] - 1, 0], A[0, 1, 0, -1] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        Y, gX = k.conv2d(X, K), k.conv2d_input_gradient(G, K, shape)
        np.testing.assert_array_equal(Y, naive.conv2d(X, K))
        np.testing.assert_array_equal(gX, naive.conv2d_input_gradient(G, K, shape))
        expected = naive.conv2d_weight_gradient(X, G, weights)
        np.testing.assert_array_equal(k.conv2d_weight_gradient(X, G, weights), expected)
    for dirty, other in zip((Y, gX), clean, strict=True):
        assert not np.isfinite(dirty).all()
        np.testing.assert_array_equal(dirty[np.isfinite(dirty)], other[np.isfinite(dirty)])


@dtypes
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[0], CONFIGURATIONS[2], LARGE[1], LARGE[2]])
def test_packed_weights(configuration, gradient, dtype, rng):
    """Panels of (taps, channels of the source, columns), turned by 180 degrees for the input gradient."""
    _, K, bias, _ = arrays(lambda s: integers(rng, s, dtype), configuration)
    own, groups, width = convolution(*configuration, dtype=dtype), configuration[5], 2 * lanes_of(dtype)
    sizes, phases, _ = own.plan(gradient, False)
    p = sizes[0]
    P = np.full(p.packed_size, np.nan, dtype)
    implicit_gemm.pack_weights(K.reshape(-1), bias[:0] if gradient else bias, P, sizes, phases)
    panels, filters = -(-p.columns_per_group // width), len(K) // groups
    for number in range(groups * panels):
        group, columns = (
            number // panels,
            slice(number % panels * width, min(number % panels * width + width, p.columns_per_group)),
        )
        M = K[group * filters : (group + 1) * filters]  # (filters, kh, kw, channels)
        for f in phases:
            rows = f.kernel_row + np.arange(f.taps) * f.kernel_row_step
            taps = f.kernel_column + np.arange(f.taps_per_row) * f.kernel_column_step
            seen = M[:, rows][:, :, taps]
            expected = seen.transpose(1, 2, 0, 3) if gradient else seen.transpose(1, 2, 3, 0)
            place = number * p.panel_size + f.weights
            panel = P[place : place + f.taps * f.taps_per_row * p.channels_per_group * width]
            panel = panel.reshape(f.taps, f.taps_per_row, p.channels_per_group, width)
            count = columns.stop - columns.start
            np.testing.assert_array_equal(panel[..., :count], expected[..., columns])
            assert np.isfinite(panel).all()  # a tile computes the columns that there are not, too
        if not gradient:
            terms = P[p.bias_place + number * width :][: columns.stop - columns.start]
            np.testing.assert_array_equal(terms, bias[group * filters : (group + 1) * filters][columns])


@dtypes
def test_merged_pixels_are_refused_where_zeros_would_show(dtype, rng):
    """The kernel says so and writes nothing; the plan without them takes any numbers."""
    shape, weights = (1, 12, 28, 1), (8, 5, 5, 1)
    X, K = integers(rng, shape, dtype), integers(rng, weights, dtype)
    own = convolution(shape, weights, dtype=dtype)
    product = launch.product(np.dtype(dtype), False, False)
    Y, intact = guarded(own.output_shape, dtype)
    for merge in (True, False):
        assert product(X, K, np.empty(0, dtype), Y, *own.plan(False, merge), 0)
        np.testing.assert_array_equal(Y, naive.conv2d(X, K))
        Y[...] = np.nan
    X[0, 0, 0, 0] = np.inf
    merged = own.plan(False, True)
    if merged.sizes[0].pixels_per_tile > 1:
        assert not product(X, K, np.empty(0, dtype), Y, *merged, 0)
        assert np.isnan(Y).all()
    assert product(X, K, np.empty(0, dtype), Y, *own.plan(False, False), 0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(Y, naive.conv2d(X, K))
    intact()


@dtypes
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[2], LARGE[0]])
def test_blocks_may_be_done_in_any_pieces(configuration, dtype, rng):
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    own = convolution(*configuration, dtype=dtype)
    sizes, phases, tables = own.plan(False, False)
    p = sizes[0]
    P, Y = np.empty(p.packed_size + 64, dtype), np.full(G.shape, np.nan, dtype)
    implicit_gemm.pack_weights(K.reshape(-1), bias, P, sizes, phases)
    for block in reversed(range(p.blocks)):
        implicit_gemm.product_piece(X.reshape(-1), P, 1, Y.reshape(-1), sizes, phases, tables, block, block + 1, 0)
    whole = np.empty_like(Y)
    launch.product(np.dtype(dtype), False, False)(X, K, bias, whole, sizes, phases, tables, 0)
    assert Y.tobytes() == whole.tobytes()
