"""The source of a block in the scratch, against NumPy's padding."""

import numpy as np
import pytest

from nnmat_kernels.convolution.source_block import fill, fill_block, finite
from tests.kernels.convolution.configurations import CONFIGURATIONS, LARGE, arrays, convolution, dtypes
from tests.kernels.guards import guarded


@dtypes
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("between", [0, 1])
@pytest.mark.parametrize("top", [-9, -2, 0, 3, 20])
@pytest.mark.parametrize("left", [-9, -1, 0, 2, 20])
def test_fill(left, top, between, channels, dtype, rng):
    """The second group of the second image; what lies between pixels, and round the part, is left alone."""
    H, W, C, rows, columns = 5, 6, 2 * channels, 4, 8
    X = rng.standard_normal((2, H, W, C)).astype(dtype)
    S, intact = guarded((rows, columns, channels + between), dtype)
    place = (X.size // 2) + channels
    fill(S.reshape(-1), 0, channels + between, X.reshape(-1), place, C, channels, H, W, top, left, rows, columns)
    wide = np.pad(X[1, ..., channels:], ((30, 30), (30, 30), (0, 0)))
    expected = wide[30 + top : 30 + top + rows, 30 + left : 30 + left + columns]
    np.testing.assert_array_equal(S[..., :channels], expected)
    assert np.isnan(S[..., channels:]).all()
    intact()


@dtypes
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[1], CONFIGURATIONS[2], LARGE[2], LARGE[5], LARGE[8]])
def test_fill_block(configuration, gradient, dtype, rng):
    """Every block of a plan, and every group, is a part of the padded images."""
    X, _, _, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    source = G if gradient else X
    p = convolution(*configuration, dtype=dtype).plan(gradient, True).sizes[0]
    own, margin = p.channels_per_group, 40
    pads = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    wide, part = np.pad(source, pads), (p.scratch_rows, p.scratch_columns)
    for block in range(min(p.blocks, 5)):
        image, row = block // p.blocks_per_image * p.images_per_block, block % p.blocks_per_image * p.rows_per_block
        images = min(p.images_per_block, p.images - image)
        y, x = margin + row * p.row_stride + p.first_row, margin + p.first_column
        for group in range(p.groups):
            S, intact = guarded((p.images_per_block, *part, own), dtype)
            fill_block(S.reshape(-1), own, source.reshape(-1), p.source_channels, own, p, image, images, row, group)
            expected = wide[image : image + images, y : y + part[0], x : x + part[1], group * own : (group + 1) * own]
            np.testing.assert_array_equal(S[:images], expected)
            intact()


@dtypes
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[-1], LARGE[-3], LARGE[-2]])
def test_fill_block_with_pixels_apart(configuration, dtype, rng):
    X, *_ = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    p = convolution(*configuration, dtype=dtype).plan(False, True).sizes[0]
    own = p.channels_per_group
    np.testing.assert_array_equal((p.row_skip, p.column_skip), np.broadcast_to(configuration[2], 2))
    seen = X[:, :: p.row_skip, :: p.column_skip]
    for block in range(p.blocks):
        image, row = block // p.blocks_per_image * p.images_per_block, block % p.blocks_per_image * p.rows_per_block
        images, rows = min(p.images_per_block, p.images - image), min(p.rows_per_block, seen.shape[1] - row)
        for group in range(p.groups):
            S, intact = guarded((p.images_per_block, p.scratch_rows, p.scratch_columns, own), dtype)
            fill_block(S.reshape(-1), own, X.reshape(-1), p.source_channels, own, p, image, images, row, group)
            expected = seen[image : image + images, row : row + rows, :, group * own : (group + 1) * own]
            np.testing.assert_array_equal(S[:images, :rows], expected)
            intact()


@dtypes
def test_finite(dtype):
    x = np.full(37, np.finfo(dtype).max, dtype)
    x[::2] *= -1
    assert finite(x)
    assert finite(x[:0])
    for wrong in (np.nan, np.inf, -np.inf):
        x[20] = wrong
        with np.errstate(invalid="ignore"):
            assert not finite(x)
