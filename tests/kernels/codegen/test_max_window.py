"""One window in registers, forward and backward, against NumPy, inside arrays of NaN."""

import numpy as np
import pytest

from nnmat_kernels.codegen.max_window import MASKED, SQUARE, max_window, spread_window
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import VECTOR_BYTES
from tests.kernels.guards import buried
from tests.kernels.linear_algebra import DTYPES

BOTH = MASKED + SQUARE
FORMS = [(0, 3, 2), (0, 1, 1), (0, 2, 2), (SQUARE, 2, 2), (MASKED, 2, 3), (BOTH, 2, 2)]
windows = pytest.mark.parametrize(("form", "H", "W"), FORMS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def forward(form, X, x, H, W, row, column, floor, Y, places, y, here, width, C):
    if form == 0:
        max_window(0, X, x, H, W, row, column, floor, Y, places, y, here, width, C)
    elif form == SQUARE:
        max_window(SQUARE, X, x, H, W, row, column, floor, Y, places, y, here, width, C)
    elif form == MASKED:
        max_window(MASKED, X, x, H, W, row, column, floor, Y, places, y, here, width, C)
    else:
        max_window(BOTH, X, x, H, W, row, column, floor, Y, places, y, here, width, C)


@jit
def backward(form, relu, G, Y, places, g, gX, x, H, W, row, column, here, width, C):
    if form == 0 and relu:
        spread_window(0, 1, G, Y, places, g, gX, x, H, W, row, column, here, width, C)
    elif form == 0:
        spread_window(0, 0, G, Y, places, g, gX, x, H, W, row, column, here, width, C)
    elif form == SQUARE:
        spread_window(SQUARE, 0, G, Y, places, g, gX, x, H, W, row, column, here, width, C)
    elif form == MASKED:
        spread_window(MASKED, 0, G, Y, places, g, gX, x, H, W, row, column, here, width, C)
    else:
        spread_window(BOTH, 0, G, Y, places, g, gX, x, H, W, row, column, here, width, C)


def channels_of(form, dtype):
    """Numbers of channels that the form takes: fewer than a vector has lanes if it is masked, else at least as many."""
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    return range(1, lanes) if form & MASKED else (lanes, lanes + 1, 3 * lanes - 1)


@windows
@dtypes
def test_the_first_maximum_and_its_place(form, H, W, dtype, rng):
    for C in channels_of(form, dtype):
        image = rng.integers(-2, 3, (H, W + 1, C)).astype(dtype)  # equal numbers: the first one counts
        (X, x), (Y, y) = buried(image), buried(np.zeros(C, dtype))
        places = np.full(Y.size, -7, np.int32)
        forward(form, X, x, H, W, (W + 1) * C, C, dtype(-np.inf), Y, places, y, 40, 10, C)
        flat = image[:, :W].reshape(H * W, C)
        first = flat.argmax(axis=0)
        np.testing.assert_array_equal(Y[y : y + C], flat.max(axis=0))
        np.testing.assert_array_equal(places[y : y + C], 40 + first // W * 10 + first % W)
        assert np.isnan(np.delete(Y, np.s_[y : y + C])).all()
        assert (np.delete(places, np.s_[y : y + C]) == -7).all()


@windows
@dtypes
def test_gradients_go_where_the_maximum_was(form, H, W, dtype, rng):
    for C in channels_of(form, dtype):
        for relu in (False, True) if form == 0 else (False,):
            gradient, output = rng.standard_normal((2, C)).astype(dtype)
            (G, g), (Y, _), (gX, x) = buried(gradient), buried(output), buried(np.full((H, W, C), 9, dtype))
            places, chosen = np.zeros(G.size, np.int32), rng.integers(0, H * W, C)
            places[g : g + C] = 40 + chosen // W * 10 + chosen % W
            backward(form, relu, G, Y, places, g, gX, x, H, W, W * C, C, 40, 10, C)
            own = np.where(output > 0, gradient, 0) if relu else gradient
            expected = np.where(np.arange(H * W)[:, None] == chosen, own, 0)
            np.testing.assert_array_equal(gX[x : x + H * W * C].reshape(H * W, C), expected)
            assert np.isnan(np.delete(gX, np.s_[x : x + H * W * C])).all()
