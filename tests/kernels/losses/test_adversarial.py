"""The losses of the players of a GAN against their twins, their slopes, and where scores are large."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.losses.adversarial import ADVERSARIAL_KINDS, weighted_adversarial_loss
from nnmat_kernels.reference.losses.adversarial import adversarial_loss as twin
from tests.kernels.losses.measures import TOLERANCE, differences, error

PARTS = ["real", "fake", "generator"]
every = pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind in ADVERSARIAL_KINDS for part in PARTS])


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_are_those_of_the_twin(kind, part, dtype, rng):
    for size in [(1, 1), (7, 1), (129, 3), (2, 3, 4)]:
        S = (3 * rng.normal(size=size)).astype(dtype)
        for s in (None, rng.uniform(0, 2, size[:-1])):
            value, G = k.adversarial_loss(S, kind, part, s)
            expected = twin(S, kind, part, s)
            assert type(value) is float
            assert (G.dtype, G.shape) == (dtype, S.shape)
            assert error(value, expected[0]) < TOLERANCE[dtype]
            assert error(G, expected[1]) < TOLERANCE[dtype]


@every
def test_gradients_are_slopes(kind, part, rng):
    S = 2 * rng.normal(size=(6, 2))
    S[np.abs(np.abs(S) - 1) < 0.05] = 0.5  # off the kinks
    G = k.adversarial_loss(S, kind, part)[1]
    assert error(G, differences(lambda S: k.adversarial_loss(S, kind, part)[0], S)) < 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_and_small_slopes_keep_their_digits(dtype):
    """Where the discriminator is sure of a fake, the minimax gradient is tiny, and the other one is -1."""

    def found(score, kind, part):
        value, G = k.adversarial_loss(np.array([[score]], dtype), kind, part)
        return value, float(G[0, 0])

    small = np.exp(-40.0)
    assert found(-40, "minimax", "generator") == pytest.approx((-small, -small), rel=1e-6)
    assert found(-40, "non_saturating", "generator") == pytest.approx((40, -1), rel=1e-6)
    assert found(40, "minimax", "real") == pytest.approx((small, -small), rel=1e-6)
    assert found(-800, "minimax", "real") == (800, -1)
    assert found(-np.inf, "minimax", "fake") == (0, 0)
    assert found(np.inf, "minimax", "fake") == (np.inf, 1)
    for kind in ADVERSARIAL_KINDS:
        for part in PARTS:
            assert np.isnan(found(np.nan, kind, part)[0])


def test_the_kinks_of_the_hinge():
    S = np.array([[1.0, -1.0]])
    np.testing.assert_array_equal(k.adversarial_loss(S, "hinge", "real")[1], [[0, -0.5]])
    np.testing.assert_array_equal(k.adversarial_loss(S, "hinge", "fake")[1], [[0.5, 0]])


def test_the_divisor_and_the_place_of_the_gradient(rng):
    S, out = rng.normal(size=(4, 1)), np.empty((4, 1))
    _, G, divisor = weighted_adversarial_loss(S, "hinge", "real", np.array([0, 1, 0.5, 2]), out)
    assert divisor == 3.5
    assert G is out
    assert weighted_adversarial_loss(S, "hinge", "real")[2] == 4


def test_errors():
    S = np.zeros((3, 1))
    with pytest.raises(ValueError, match=r"^adversarial_loss: expected kind as one of 'minimax', .*got 'wgan'"):
        k.adversarial_loss(S, "wgan", "real")
    with pytest.raises(ValueError, match=r"expected part as one of 'real', 'fake', 'generator', got None"):
        k.adversarial_loss(S, "hinge", None)
    with pytest.raises(ShapeError, match=r"expected H of shape \(\.\.\., M\) with at least two axes"):
        k.adversarial_loss(S[:, 0], "hinge", "real")
    with pytest.raises(DtypeError, match="float32 or float64, got int64"):
        k.adversarial_loss(S.astype(np.int64), "hinge", "real")
    with pytest.raises(ShapeError, match=r"sample_weight of shape \(3,\)"):
        k.adversarial_loss(S, "hinge", "real", np.ones(2))
