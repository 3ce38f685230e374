"""Layer norm and RMS norm against their float64 twins, difference quotients, and data far from 0."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.reductions import layer_norm as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(0,), (1,), (0, 4), (5, 0), (1, 1), (3, 2), (7,), (2, 3, 15), (4, 16), (5, 17), (33, 31), (9, 33)]
SHAPES += [(3, 64), (2, 100), (260, 5), (40, 1030)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
kinds = pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])


def example(kind, shape, dtype, rng):
    N = shape[-1]
    X, G = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    gamma, beta = (rng.uniform(0.5, 2, N).astype(dtype), rng.standard_normal(N).astype(dtype))
    return X, G, [gamma, beta] if kind == "layer_norm" else [gamma]


@kinds
@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(kind, shape, dtype, rng):
    X, G, affine = example(kind, shape, dtype, rng)
    before = X.copy()
    Y, statistics = getattr(k, kind)(X, *affine)
    expected, known = getattr(naive, kind)(X, *affine)
    assert_close(Y, expected, dtype)
    assert_close(statistics[0] + statistics[1], known[0], dtype)
    # Of few columns the variance may be small, and r, on which all depends, large.
    largest = float(np.abs(known[2]).max(initial=1))
    assert_close(statistics[2], known[2], dtype, factor=20 * largest)
    result = getattr(k, f"{kind}_backward")(G, X, statistics, affine[0])
    for given, right in zip(result, getattr(naive, f"{kind}_backward")(G, X, statistics, affine[0]), strict=True):
        assert_close(given, right, dtype, factor=40 * largest)
    np.testing.assert_array_equal(X, before)


@kinds
def test_without_scale_and_shift(kind, rng):
    X, G = rng.standard_normal((2, 6, 10))
    Y, statistics = getattr(k, kind)(X)
    assert_close(Y, getattr(naive, kind)(X)[0], np.float64)
    for given, right in zip(
        getattr(k, f"{kind}_backward")(G, X, statistics),
        getattr(naive, f"{kind}_backward")(G, X, statistics),
        strict=True,
    ):
        assert_close(given, right, np.float64)


@kinds
def test_gradients_are_derivatives(kind, rng):
    X, G, affine = example(kind, (3, 7), np.float64, rng)
    forward, backward = getattr(k, kind), getattr(k, f"{kind}_backward")
    gX, *others = backward(G, X, forward(X, *affine)[1], affine[0])
    assert_gradient(lambda A: np.sum(G * forward(A, *affine)[0]), X, gX, rng)
    for i, gradient in enumerate(others):

        def value(A, i=i):
            return np.sum(G * forward(X, *affine[:i], A, *affine[i + 1 :])[0])

        assert_gradient(value, affine[i], gradient, rng)


@dtypes
def test_rows_far_from_zero(dtype, rng):
    """A variance from E x² - (E x)² would have no digit; a mean that is rounded would cost three."""
    offset = 1e4 if dtype == np.float32 else 1e12
    X = (offset + rng.standard_normal((5, 300))).astype(dtype)
    expected, known = naive.layer_norm(X.astype(np.longdouble) - offset)
    Y, statistics = k.layer_norm(X)
    assert_close(Y, expected, dtype)
    np.testing.assert_allclose(statistics[2], known[2], rtol=1e-6 if dtype == np.float32 else 1e-13)
    G = rng.standard_normal(X.shape).astype(dtype)
    moved = np.stack([known[0], 0 * known[0], known[2]])
    assert_close(
        k.layer_norm_backward(G, X, statistics)[0],
        naive.layer_norm_backward(G, X.astype(np.float64) - offset, moved)[0],
        dtype,
        factor=100,
    )


@dtypes
def test_constant_rows_and_long_ones(dtype, rng):
    Y, statistics = k.layer_norm(np.full((3, 50), 0.1, dtype))
    assert np.abs(Y).max() < 1e-4
    np.testing.assert_allclose(statistics[2], 1e-5**-0.5, rtol=1e-4)
    X = rng.uniform(0, 1, (2, 20_000)).astype(dtype)
    assert_close(k.layer_norm(X)[0], naive.layer_norm(X)[0], dtype)


@kinds
@dtypes
def test_nan_stays_in_its_row(kind, dtype, rng):
    X, G, affine = example(kind, (4, 20), dtype, rng)
    X[1, 3], X[2, 5] = np.nan, np.inf
    Y, statistics = getattr(k, kind)(X, *affine)
    assert np.isnan(Y[1]).all()
    assert np.isnan(Y[2]).any()
    assert np.isfinite(Y[[0, 3]]).all()
    X, G, affine = example(kind, (4, 20), dtype, rng)
    statistics = getattr(k, kind)(X, *affine)[1]
    G[2, 7] = np.nan
    gX, gamma_gradient, *_ = getattr(k, f"{kind}_backward")(G, X, statistics, affine[0])
    np.testing.assert_array_equal(np.isnan(gX).all(axis=1), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(gamma_gradient), np.arange(20) == 7)


@kinds
@dtypes
def test_layouts_and_out(kind, dtype, rng):
    X, G, affine = example(kind, (6, 30), dtype, rng)
    forward, backward = getattr(k, kind), getattr(k, f"{kind}_backward")
    Y, statistics = forward(X, *affine)
    gradients = backward(G, X, statistics, affine[0])
    for layout, A in awkward_layouts(X).items():
        np.testing.assert_array_equal(forward(A, *affine)[0], Y, err_msg=layout)
        G2 = awkward_layouts(G)[layout]
        np.testing.assert_array_equal(backward(G2, A, statistics, affine[0])[0], gradients[0], err_msg=layout)
    out, intact = guarded(X.shape, dtype)
    assert forward(X, *affine, out=out)[0] is out
    np.testing.assert_array_equal(out, Y)
    assert backward(G, X, statistics, affine[0], out=out)[0] is out
    np.testing.assert_array_equal(out, gradients[0])
    intact()
    A = X.copy()
    forward(A, *affine, out=A)
    assert_close(A, Y, dtype, factor=8)
    for i in range(2):
        given = [G.copy(), X.copy()]
        backward(*given, statistics, affine[0], out=given[i])
        assert_close(given[i], gradients[0], dtype, factor=8)


def test_gradients_are_added_where_wanted(rng):
    X, G, (gamma, beta) = example("layer_norm", (9, 12), np.float32, rng)
    statistics = k.layer_norm(X, gamma, beta)[1]
    gX, gg, gb = k.layer_norm_backward(G, X, statistics, gamma)
    own = [np.ones(12, np.float32) for _ in range(2)]
    made = unchecked.layer_norm_backward(G, X, statistics, gamma, None, *own, True, False)
    np.testing.assert_array_equal(made, gX)
    np.testing.assert_array_equal(own[0], 1 + gg)
    np.testing.assert_array_equal(own[1], gb)
    made = unchecked.rms_norm_backward(G, X, statistics, gamma, None, own[1], True)
    np.testing.assert_array_equal(own[1], gb + unchecked.rms_norm_backward(G, X, statistics, gamma)[1])


@kinds
@dtypes
@pytest.mark.parametrize("shape", [(300, 7), (1100, 32), (130, 500)])
def test_threads(kind, shape, dtype, rng):
    X, G, affine = example(kind, (*shape[:-1], shape[-1]), dtype, rng)
    X, G = np.concatenate([X] * 8), np.concatenate([G] * 8)

    def compute():
        Y, statistics = getattr(k, kind)(X, *affine)
        return Y, statistics, *getattr(k, f"{kind}_backward")(G, X, statistics, affine[0])

    same_bits_for_any_threads(compute)


@kinds
def test_errors(kind):
    X, kernel = np.zeros((2, 3)), getattr(k, kind)
    with pytest.raises(DtypeError, match=rf"^{kind}: expected X of dtype float32 or float64, got int64\. Try"):
        kernel(X.astype(np.int64))
    with pytest.raises(ShapeError, match=rf"^{kind}: expected X with at least 1 dimension"):
        kernel(np.zeros(()))
    with pytest.raises(ShapeError, match=rf"^{kind}: expected gamma of shape \(3,\), one number for each column, got"):
        kernel(X, np.ones(2))
    with pytest.raises(DtypeError, match=rf"^{kind}: expected arrays of one dtype"):
        kernel(X, np.ones(3, np.float32))
    for eps in (0, -1.0, np.nan, "small", True):
        with pytest.raises(ValueError, match=rf"^{kind}: expected eps to be a number above 0, got .*Try eps=1e-5\.$"):
            kernel(X, eps=eps)
    with pytest.raises(ShapeError, match=rf"^{kind}_backward: expected the statistics \(3, 2\) of the forward pass"):
        getattr(k, f"{kind}_backward")(X, X, np.zeros((3, 3)))
    with pytest.raises(ShapeError, match=rf"^{kind}_backward: expected G and X of one shape"):
        getattr(k, f"{kind}_backward")(X[:1], X, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=rf"^{kind}: out shares memory"):
        kernel(X[:, ::-1], out=X)
