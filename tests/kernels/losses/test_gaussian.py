"""The likelihood of Gaussians against its twin with inverses, its slopes, variances that are none."""

import itertools

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DataError, LabelError, ShapeError
from nnmat_kernels.losses.gaussian import (
    COVARIANCES,
    gaussian_chain_unchecked,
    shape_of_targets,
    weighted_gaussian,
    wrong_spread,
)
from nnmat_kernels.reference.losses import gaussian as twin
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import same_bits_for_any_threads
from tests.kernels.losses.measures import differences, error

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
covariances = pytest.mark.parametrize("covariance", COVARIANCES)
ERRORS = {np.float32: 1e-5, np.float64: 1e-12}


def draw(covariance, rows, M, rng, dtype=np.float64):
    """H and y."""
    if covariance == "cholesky":
        L = np.tril(0.3 * rng.normal(size=(rows, M, M))) + rng.choice([-1, 1], M) * 2 * np.eye(M)
        spread = L[(slice(None), *np.tril_indices(M))]
    else:
        spread = rng.uniform(0.3, 2, (rows, M if covariance == "diagonal" else 1))
    return np.concatenate([rng.normal(size=(rows, M)), spread], axis=1).astype(dtype), rng.normal(size=(rows, M))


@dtypes
@covariances
@pytest.mark.parametrize(("rows", "M"), [(1, 1), (7, 1), (5, 2), (40, 3), (3, 20)])
def test_it_equals_its_twin(rng, covariance, rows, M, dtype):
    H, Y = draw(covariance, rows, M, rng, dtype)
    Y = Y.astype(dtype)
    weights = [None, rng.uniform(0, 2, rows), *([] if covariance == "cholesky" else [rng.uniform(0, 2, (rows, M))])]
    for s, reduction, full in itertools.product(weights, ("mean", "sum", "none"), (False, True)):
        options = {"covariance": covariance, "full": full, "sample_weight": s, "reduction": reduction}
        value, G = k.gaussian_negative_log_likelihood(H, Y, **options)
        expected = twin.gaussian_negative_log_likelihood(H, Y, **options)
        assert (G.dtype, G.shape) == (dtype, expected[1].shape)
        assert np.shape(value) == np.shape(expected[0])
        assert np.linalg.norm(value - expected[0]) <= ERRORS[dtype] * (1 + np.linalg.norm(expected[0]))
        assert error(G, expected[1]) < ERRORS[dtype]


@covariances
@pytest.mark.parametrize("M", [1, 3])
def test_gradients_are_slopes(rng, covariance, M):
    H, Y = draw(covariance, 4, M, rng)
    s = rng.uniform(0, 2, 4)
    loss = lambda H: k.gaussian_negative_log_likelihood(H, Y, covariance, 1e-6, False, s)  # noqa: E731
    assert error(loss(H)[1], differences(lambda H: loss(H)[0], H)) < 1e-8


@covariances
def test_the_source_s_example(rng, covariance):
    """L = N log det Σ + Σ rᵀ Σ⁻¹ r is twice the sum, and its gradients are N Σ⁻¹ - Σ⁻¹ S Σ⁻¹ and -2 Σ⁻¹ Σ r."""
    M, N = (1, 9) if covariance == "spherical" else (3, 9)
    row, Y = draw(covariance, 1, M, rng)[0], rng.normal(size=(N, M))
    H = np.repeat(row, N, axis=0)
    value, G = k.gaussian_negative_log_likelihood(H, Y, covariance, reduction="sum")
    if covariance == "cholesky":
        L = np.zeros((M, M))
        L[np.tril_indices(M)] = row[0, M:]
        S = L @ L.T
    else:
        S = np.diag(row[0, M:])
    R, inverse = Y - row[0, :M], np.linalg.inv(S)
    assert 2 * value == pytest.approx(N * np.linalg.slogdet(S)[1] + np.sum(R @ inverse * R), rel=1e-12)
    gS = N * inverse - inverse @ R.T @ R @ inverse
    g = (2 * gS @ L)[np.tril_indices(M)] if covariance == "cholesky" else np.diag(gS)
    np.testing.assert_allclose(2 * G.sum(axis=0), np.concatenate([-2 * inverse @ R.sum(axis=0), g]), rtol=1e-11)


@dtypes
@pytest.mark.parametrize("covariance", ["diagonal", "spherical"])
def test_small_variances_count_as_eps(covariance, dtype):
    H = np.array([[1.0, 0.0]], dtype)
    value, G = k.gaussian_negative_log_likelihood(H, np.zeros((1, 1), dtype), covariance, eps=0.25)
    assert value == pytest.approx((np.log(0.25) + 4) / 2, rel=1e-6)
    np.testing.assert_allclose(G, [[4, 0.5 * (4 - 16)]], rtol=1e-6)


@covariances
def test_wrong_spreads_are_refused_where_they_count(covariance, rng):
    H, Y = draw(covariance, 5, 3, rng)
    column = {"diagonal": 4, "spherical": 3, "cholesky": 5}[covariance]
    H[2, column] = 0 if covariance == "cholesky" else -0.5
    text = "no 0 on the diagonal of Λ" if covariance == "cholesky" else "variances >= 0"
    with pytest.raises(DataError, match=rf"^gaussian.*: expected {text}, got .* in row 2, column {column} of H"):
        k.gaussian_negative_log_likelihood(H, Y, covariance)
    s = np.array([1, 1, 0, 1, 1.0])
    value, G = k.gaussian_negative_log_likelihood(H, Y, covariance, sample_weight=s)
    assert np.isfinite(value)
    assert not G[2].any()
    rows = s > 0
    expected = k.gaussian_negative_log_likelihood(H[rows], Y[rows], covariance)
    assert value == pytest.approx(expected[0], rel=1e-13)
    np.testing.assert_allclose(G[rows], expected[1], rtol=1e-12)
    if covariance != "cholesky":
        entries = np.ones((5, 3))
        entries[2] = [1, 0, 1] if covariance == "diagonal" else 0
        assert np.isfinite(k.gaussian_negative_log_likelihood(H, Y, covariance, sample_weight=entries)[0])
        entries[2, 1] = 1
        with pytest.raises(DataError, match="variances"):
            k.gaussian_negative_log_likelihood(H, Y, covariance, sample_weight=entries)
    H[2, column] = np.nan  # is shown, not refused
    assert np.isnan(k.gaussian_negative_log_likelihood(H, Y, covariance)[0])


def test_places_of_the_diagonal():
    H = np.ones((2, 9))
    for place in (3, 5, 8):
        H[1, place] = 0
        assert wrong_spread(H, 3, np.empty(0), True)[1] == 9 + place
        H[1, place] = 1
    H[1, 4:5] = H[1, 6:8] = 0
    assert wrong_spread(H, 3, np.empty(0), True)[1] == -1


def test_shapes():
    y = np.zeros((4, 3))
    assert shape_of_targets("f", y.shape, (4, 6), "diagonal") == (4, 3)
    assert shape_of_targets("f", y.shape, (4, 4), "spherical") == (4, 3)
    assert shape_of_targets("f", y.shape, (4, 9), "cholesky") == (4, 3)
    assert shape_of_targets("f", (4,), (4, 2), "cholesky") == (4, 1)
    assert shape_of_targets("f", None, (9,), "cholesky") == (3,)
    for K, covariance in ((5, "diagonal"), (1, "diagonal"), (1, "spherical"), (8, "cholesky"), (1, "cholesky")):
        with pytest.raises(ShapeError, match=rf"^f: expected H with .* columns .* {covariance} .*, got {K}\."):
            shape_of_targets("f", y.shape, (4, K), covariance)
    with pytest.raises(
        ShapeError, match=r"^f: expected y of shape \(4, 2\), got \(4, 3\): the 4 columns of H are 2 means"
    ):
        shape_of_targets("f", y.shape, (4, 4), "diagonal")


def test_errors_and_no_rows():
    H, y = np.ones((3, 2)), np.zeros((3, 1))
    with pytest.raises(ValueError, match="^gaussian.*: expected covariance as one of 'diagonal', .*, got 'full'"):
        k.gaussian_negative_log_likelihood(H, y, "full")
    for bad in (0, -1.0, np.nan, np.inf, None):
        with pytest.raises(ValueError, match="^gaussian.*: expected eps finite and above 0, got "):
            k.gaussian_negative_log_likelihood(H, y, eps=bad)
    with pytest.raises(LabelError, match="finite targets, got nan in row 0, column 0"):
        k.gaussian_negative_log_likelihood(H, y + np.nan)
    with pytest.raises(ShapeError, match=r"sample_weight of shape \(3,\) \(or its first axes\), got \(3, 1\)"):
        k.gaussian_negative_log_likelihood(H, y, "cholesky", sample_weight=np.ones((3, 1)))
    out = np.empty((3, 2))
    value, G, divisor = weighted_gaussian(H, y, "diagonal", 1e-6, False, np.zeros(3), out, "mean", "f")
    assert (value, divisor) == (0.0, 0.0)
    assert G is out
    assert not G.any()
    for covariance, reduction in itertools.product(COVARIANCES, ("mean", "sum", "none")):
        value, G = k.gaussian_negative_log_likelihood(H[:0], y[:0], covariance, reduction=reduction)
        assert np.size(value) == (reduction != "none")
        assert G.shape == (0, 2)


@pytest.mark.parametrize("covariance", ["diagonal", "spherical"])
def test_the_gradient_for_a_cotangent(covariance, rng):
    H, Y = draw(covariance, 5, 3, rng)
    C = rng.normal(size=(5, 3))
    G = k.gaussian_negative_log_likelihood(H, Y, covariance, reduction="none")[1]
    found = gaussian_chain_unchecked(G, C, H.shape[1])
    loss = lambda H: np.sum(C * k.gaussian_negative_log_likelihood(H, Y, covariance, reduction="none")[0])  # noqa: E731
    assert error(found, differences(loss, H)) < 1e-8


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
@dtypes
@covariances
def test_the_number_of_threads_changes_no_bit(covariance, dtype, rng):
    H, Y = draw(covariance, PARALLEL_SIZE // 4, 3, rng, dtype)
    Y, s, C = Y.astype(dtype), rng.random(len(H)), rng.random(Y.shape).astype(dtype)

    def results():
        found = [*k.gaussian_negative_log_likelihood(H, Y, covariance, sample_weight=s)]
        L, G = k.gaussian_negative_log_likelihood(H, Y, covariance, reduction="none")
        return [*found, L, G, *([] if covariance == "cholesky" else [gaussian_chain_unchecked(G, C, H.shape[1])])]

    same_bits_for_any_threads(results)


@pytest.mark.parametrize("eps", [1e-46, 1e-40, 1e39])
def test_an_eps_that_float32_does_not_hold_is_refused(eps):
    H, y = np.ones((1, 2), np.float32), np.zeros((1, 1), np.float32)
    with pytest.raises(ValueError, match="expected eps from 1.17549e-38 for float32"):
        k.gaussian_negative_log_likelihood(H, y, eps=eps)
    assert np.isfinite(k.gaussian_negative_log_likelihood(H.astype(np.float64), y.astype(np.float64), eps=eps)[0])
