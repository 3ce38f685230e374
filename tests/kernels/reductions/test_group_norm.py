"""Group norm against its float64 twin, difference quotients, layer norm, and images far from 0."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import ShapeError
from nnmat_kernels.reference.reductions import group_norm as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

CASES = [((2, 3, 4, 6), 1), ((2, 3, 4, 6), 3), ((3, 5, 5, 8), 8), ((1, 20, 20, 12), 4), ((4, 7), 7), ((2, 3, 530), 5)]
CASES += [((0, 2, 2, 4), 2), ((2, 0, 3, 4), 2), ((3, 2, 2, 0), 1)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(shape, dtype, rng):
    X, G = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    gamma, beta = rng.uniform(0.5, 2, shape[-1]).astype(dtype), rng.standard_normal(shape[-1]).astype(dtype)
    return X, G, gamma, beta


@dtypes
@pytest.mark.parametrize(("shape", "groups"), CASES)
def test_values_and_gradients(shape, groups, dtype, rng):
    X, G, gamma, beta = example(shape, dtype, rng)
    Y, statistics = k.group_norm(X, groups, gamma, beta)
    expected, known = naive.group_norm(X, groups, gamma, beta)
    largest = float(known[2].max(initial=1))  # a group of one number has no variance
    assert_close(Y, expected, dtype, factor=40 * largest)
    result = k.group_norm_backward(G, X, groups, statistics, gamma)
    for given, right in zip(result, naive.group_norm_backward(G, X, groups, statistics, gamma), strict=True):
        assert_close(given, right, dtype, factor=40 * largest**2)
    assert_close(k.group_norm(X, groups)[0], naive.group_norm(X, groups)[0], dtype, factor=40 * largest)


def test_one_group_is_layer_norm(rng):
    X = rng.standard_normal((3, 4, 5, 6))
    expected = k.layer_norm(X.reshape(3, -1))[0].reshape(X.shape)
    assert_close(k.group_norm(X, 1)[0], expected, np.float64)


def test_gradients_are_derivatives(rng):
    X, G, gamma, beta = example((2, 3, 3, 4), np.float64, rng)
    gX, gg, gb = k.group_norm_backward(G, X, 2, k.group_norm(X, 2)[1], gamma)
    assert_gradient(lambda A: np.sum(G * k.group_norm(A, 2, gamma, beta)[0]), X, gX, rng)
    assert_gradient(lambda A: np.sum(G * k.group_norm(X, 2, A, beta)[0]), gamma, gg, rng)
    assert_gradient(lambda A: np.sum(G * k.group_norm(X, 2, gamma, A)[0]), beta, gb, rng)


@dtypes
def test_images_far_from_zero(dtype, rng):
    offset = 1e4 if dtype == np.float32 else 1e12
    X = (offset + rng.standard_normal((2, 9, 9, 6))).astype(dtype)
    assert_close(k.group_norm(X, 3)[0], naive.group_norm(X.astype(np.longdouble) - offset, 3)[0], dtype, factor=100)


@dtypes
def test_nan_stays_in_its_group(dtype, rng):
    X = example((2, 3, 3, 4), dtype, rng)[0]
    X[1, 2, 2, 3] = np.nan
    np.testing.assert_array_equal(
        np.isnan(k.group_norm(X, 2)[0]).all(axis=(1, 2)), [[False] * 4, [False, False, True, True]]
    )


def test_layouts_out_and_accumulation(rng):
    X, G, gamma, beta = example((3, 4, 4, 6), np.float32, rng)
    Y, statistics = k.group_norm(X, 3, gamma, beta)
    gX, gg, gb = k.group_norm_backward(G, X, 3, statistics, gamma)
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(k.group_norm(A, 3, gamma, beta)[0], Y, err_msg=layout)
    out, intact = guarded(X.shape, np.float32)
    assert k.group_norm(X, 3, gamma, beta, out=out)[0] is out
    np.testing.assert_array_equal(out, Y)
    assert k.group_norm_backward(G, X, 3, statistics, gamma, out=out)[0] is out
    np.testing.assert_array_equal(out, gX)
    intact()
    own = [np.ones(6, np.float32) for _ in range(2)]
    unchecked.group_norm_backward(G, X, 3, statistics, gamma, None, *own, True, False)
    np.testing.assert_array_equal(own[0], 1 + gg)
    np.testing.assert_array_equal(own[1], gb)


def test_threads(rng):
    X, G, gamma, beta = example((5, 40, 40, 8), np.float32, rng)

    def compute():
        Y, statistics = k.group_norm(X, 4, gamma, beta)
        return Y, statistics, *k.group_norm_backward(G, X, 4, statistics, gamma)

    same_bits_for_any_threads(compute)


def test_errors():
    X = np.zeros((2, 3, 4))
    for groups in (3, 0, 1.5, True):
        with pytest.raises(ShapeError, match=r"^group_norm: expected groups to divide the 4 channels, got"):
            k.group_norm(X, groups)
    with pytest.raises(ShapeError, match=r"^group_norm: expected X \(B, \.\.\., C\), got shape \(4,\)"):
        k.group_norm(X[0, 0], 2)
    with pytest.raises(ShapeError, match=r"^group_norm_backward: expected the statistics \(3, 4\) of the forward pass"):
        k.group_norm_backward(X, X, 2, np.zeros((3, 3)))
