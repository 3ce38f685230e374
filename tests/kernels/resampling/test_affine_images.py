"""Images through affine maps against the sum over all pixels; copies are exact."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DataError, DtypeError, ShapeError
from nnmat_kernels.reference.resampling.affine_images import affine_images as naive
from nnmat_kernels.resampling.affine_images import AFFINE_PARALLEL_SIZE
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.linear_algebra import DTYPES

dtypes = pytest.mark.parametrize("dtype", DTYPES)
CASES = {  # X, size
    "as large": ((3, 5, 6, 2), None),
    "cut out": ((2, 7, 5, 3), (4, 3)),
    "larger": ((2, 3, 2, 1), (6, 7)),
    "one pixel": ((2, 1, 1, 4), None),
    "no samples": ((0, 3, 3, 1), None),
    "no channels": ((1, 3, 3, 0), None),
    "no pixels": ((1, 3, 3, 2), (0, 4)),
    "many": ((11, 20, 19, 4), (21, 20)),
}
cases = pytest.mark.parametrize("case", CASES)


def maps_of(B, rng):
    """Turned, stretched and moved, a little."""
    return np.tile(np.eye(2, 3), (B, 1, 1)) + rng.normal(0, 0.4, (B, 2, 3)) * [1, 1, 3]


@cases
@dtypes
@pytest.mark.parametrize("fill", [0.0, -1.5])
def test_it_is_the_sum_over_all_pixels(case, dtype, fill, rng):
    shape, size = CASES[case]
    X, maps = rng.standard_normal(shape).astype(dtype), maps_of(shape[0], rng)
    Y, intact = guarded((shape[0], *(shape[1:3] if size is None else size), shape[3]), dtype)
    assert k.affine_images(X, maps, size, fill, out=Y) is Y
    intact()
    np.testing.assert_allclose(Y, naive(X, maps, size, fill), rtol=0, atol=16 * np.finfo(dtype).eps + 1e-13)
    assert np.array_equal(unchecked.affine_images(X, maps, Y.shape[1:3], fill), Y)


@dtypes
def test_whole_places_are_copies(dtype, rng):
    X = rng.standard_normal((4, 6, 5, 2)).astype(dtype)
    X[0, 0, 0, 0] = np.inf  # would be NaN if it were a term with weight 0
    X[0, 3, 3, 1] = np.nan
    maps = np.array(
        [
            [[1, 0, 0], [0, 1, 0]],  # itself
            [[1, 0, 2], [0, 1, -1]],  # up by 2, right by 1
            [[1, 0, 0], [0, -1, 4]],  # left is right
            [[-1, 0, 5], [0, 1, 0]],  # up is down
        ],
        np.float64,
    )
    Y = k.affine_images(X, maps, fill=7.0)
    assert np.array_equal(Y[0], X[0], equal_nan=True)
    assert np.array_equal(Y[1, :4, 1:], X[1, 2:, :-1])
    assert (Y[1, 4:] == 7).all()
    assert (Y[1, :, 0] == 7).all()
    assert np.array_equal(Y[2], X[2, :, ::-1])
    assert np.array_equal(Y[3], X[3, ::-1])
    quarter = np.array([[[0, 1, 0], [-1, 0, 3]]] * 4, np.float64)
    square = X[1:2, :4, :4]
    assert np.array_equal(k.affine_images(square, quarter[:1])[0], np.rot90(square[0]))


def test_far_places_are_fill(rng):
    X = rng.standard_normal((2, 3, 3, 1))
    maps = np.array([[[1, 0, 1e300], [0, 1, 0]], [[1, 0, 0], [0, 1, -1e300]]])
    assert (k.affine_images(X, maps, fill=2.0) == 2).all()
    assert (k.affine_images(X[:, :0], maps, (2, 2)) == 0).all()


def test_awkward_layouts(rng):
    X, maps = rng.standard_normal((3, 4, 5, 2)), maps_of(3, rng)
    expected = k.affine_images(X, maps)
    for name, other in awkward_layouts(X).items():
        assert np.array_equal(k.affine_images(other, maps), expected), name
    for name, other in awkward_layouts(maps).items():
        assert np.array_equal(k.affine_images(X, other), expected), name
    single = maps.astype(np.float32)
    assert np.array_equal(k.affine_images(X, single), k.affine_images(X, single.astype(np.float64)))


def test_what_is_refused(rng):
    X, maps = rng.standard_normal((2, 3, 3, 1)), maps_of(2, rng)
    with pytest.raises(ShapeError, match=r"maps of shape \(2, 2, 3\)"):
        k.affine_images(X, maps[:1])
    with pytest.raises(ShapeError, match="X"):
        k.affine_images(X[0], maps)
    for size in ((3, -1), (3,), 3, (2.5, 3)):
        with pytest.raises(ShapeError, match="two numbers of pixels"):
            k.affine_images(X, maps, size)
    with pytest.raises(DtypeError):
        k.affine_images(X.astype(np.int64), maps)
    maps[1, 0, 2] = np.nan
    with pytest.raises(DataError, match="finite numbers, got nan"):
        k.affine_images(X, maps)


def test_threads_change_no_bit(rng):
    X = rng.standard_normal((24, 28, 28, 2)).astype(np.float32)
    assert X.size > AFFINE_PARALLEL_SIZE
    maps = maps_of(24, rng)
    same_bits_for_any_threads(lambda: k.affine_images(X, maps))
