"""Divergence and Poisson's likelihood against their twins, at targets of 0 and at infinite logarithms."""

import itertools

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import LabelError
from nnmat_kernels.losses.likelihoods import weighted_kl_divergence, weighted_poisson_negative_log_likelihood
from nnmat_kernels.reference.losses import likelihoods as twin
from tests.kernels.losses.measures import TOLERANCE, differences, error

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LOSSES = {
    "divergence": (k.kl_divergence, twin.kl_divergence, {}),
    "divergence of logarithms": (k.kl_divergence, twin.kl_divergence, {"log_target": True}),
    "log rates": (k.poisson_negative_log_likelihood, twin.poisson_negative_log_likelihood, {}),
    "log rates, full": (k.poisson_negative_log_likelihood, twin.poisson_negative_log_likelihood, {"full": True}),
    "rates": (
        k.poisson_negative_log_likelihood,
        twin.poisson_negative_log_likelihood,
        {"log_input": False, "full": True, "eps": 1e-3},
    ),
}


def draw(name, size, rng):
    """H and y."""
    if name.startswith("divergence"):
        Y = rng.uniform(0, 1, size) * (rng.random(size) < 0.8)
        with np.errstate(divide="ignore"):
            return np.log(rng.uniform(0.1, 1, size)), Y if name == "divergence" else np.log(Y)
    return rng.uniform(0.2, 3, size), rng.poisson(1.5, size).astype(float)


@dtypes
@pytest.mark.parametrize("size", [(1, 1), (5, 1), (6, 4), (129, 10), (3, 600)])
@pytest.mark.parametrize("name", LOSSES)
def test_likelihoods_equal_their_twins(rng, name, size, dtype):
    kernel, reference, options = LOSSES[name]
    H, Y = (A.astype(dtype) for A in draw(name, size, rng))
    weights = None, rng.uniform(0, 2, size[0]), rng.uniform(0, 2, size)
    for s, reduction in itertools.product(weights, ("mean", "sum", "none")):
        value, G = kernel(H, Y, sample_weight=s, reduction=reduction, **options)
        expected = reference(H, Y, sample_weight=s, reduction=reduction, **options)
        assert (G.dtype, G.shape) == (dtype, H.shape)
        assert error(value, expected[0]) < 3 * TOLERANCE[dtype]
        assert error(G, expected[1]) < TOLERANCE[dtype]


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_slopes(rng, name):
    kernel, _, options = LOSSES[name]
    H, Y = draw(name, (4, 3), rng)
    s = rng.uniform(0, 2, 4)
    G = kernel(H, Y, sample_weight=s, **options)[1]
    assert error(G, differences(lambda H: kernel(H, Y, sample_weight=s, **options)[0], H)) < 1e-9


@dtypes
def test_what_a_target_of_0_has_no_part_in(dtype):
    H = np.array([[-np.inf, -1.0], [np.nan, 0.0], [np.inf, 0.0]], dtype)
    for Y, log_target in (
        (np.array([[0, 1], [0, 1], [0, 1]], dtype), False),
        (np.array([[-np.inf, 0], [-np.inf, 0], [-np.inf, 0]], dtype), True),
    ):
        L, G = k.kl_divergence(H, Y, log_target, reduction="none")
        np.testing.assert_array_equal(L, [[0, 1], [np.nan, 0], [np.inf, 0]])  # +inf is the logarithm of no probability
        np.testing.assert_array_equal(G, [[0, -1], [0, -1], [0, -1]])
    L, G = k.kl_divergence(np.array([[-np.inf]], dtype), np.ones((1, 1), dtype), reduction="none")
    assert L[0, 0] == np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        L, G = k.poisson_negative_log_likelihood(
            np.array([[-np.inf, np.nan, np.inf]], dtype), np.zeros((1, 3), dtype), reduction="none"
        )
    np.testing.assert_array_equal(L, [[0, np.nan, np.inf]])
    np.testing.assert_array_equal(G, [[0, np.nan, np.inf]])


def test_the_mean_of_a_divergence_is_one_over_rows(rng):
    P, Q = rng.dirichlet(np.ones(4), 5), rng.dirichlet(np.ones(4), 5)
    value, G, divisor = weighted_kl_divergence(np.log(Q), P)
    assert value == pytest.approx((P * np.log(P / Q)).sum() / 5, rel=1e-13)
    assert divisor == 5.0
    np.testing.assert_allclose(G, -P / 5, rtol=1e-14)
    assert weighted_kl_divergence(np.log(P), P)[0] == pytest.approx(0, abs=1e-15)
    s = rng.random((5, 4))
    assert weighted_kl_divergence(np.log(Q), P, sample_weight=s)[2] == pytest.approx(s.sum() / 4, rel=1e-13)


def test_errors():
    H = np.zeros((3, 2))
    with pytest.raises(LabelError, match="^kl_divergence: expected finite targets from 0, got -1.0 in row 0"):
        k.kl_divergence(H, H - 1)
    with pytest.raises(LabelError, match="^kl_divergence: expected finite targets.*, got inf in row 0"):
        k.kl_divergence(H, H + np.inf, True)
    with pytest.raises(LabelError, match="^poisson.*: expected finite targets from 0, got -1.0 in row 0"):
        k.poisson_negative_log_likelihood(H, H - 1)
    for bad in (-1.0, np.inf, np.nan, None):
        with pytest.raises(ValueError, match="^poisson.*: expected eps finite and not negative, got "):
            k.poisson_negative_log_likelihood(H, H, eps=bad)
    assert weighted_poisson_negative_log_likelihood(H, H)[::2] == (1.0, 3.0)
