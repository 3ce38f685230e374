"""The losses of a GAN: values, errors, and a step of two models as a program with the bits of one by hand."""

import copy

import numpy as np
import pytest

import nnmat as nm
from nnmat_kernels.runtime.config import settings

KINDS = ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]
PARTS = ["discriminator_real", "discriminator_fake", "generator"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_the_slopes_of_the_values(kind, part, rng):
    loss, S = getattr(nm.AdversarialLoss(kind), part), 2 * rng.normal(size=(7, 1))
    report = nm.gradcheck(loss, S, sample_weight=rng.random(7))
    assert report.passed, str(report)
    with pytest.raises(nm.StateError, match="Call forward"):
        loss.backward()
    value, G = loss.forward(S), loss.backward()
    assert type(value) is float
    assert (loss.divisor, G.shape) == (7.0, S.shape)
    assert loss(S) == value
    assert type(loss)(**loss.config()).forward(S) == value


def test_values_by_hand():
    S = np.array([[0.0], [3.0]])
    zeta = np.log1p(np.exp(-3.0))
    for kind, values in {
        "minimax": ((np.log(2) + zeta) / 2, (np.log(2) + 3 + zeta) / 2, -(np.log(2) + 3 + zeta) / 2),
        "non_saturating": ((np.log(2) + zeta) / 2, (np.log(2) + 3 + zeta) / 2, (np.log(2) + zeta) / 2),
        "least_squares": (1.25, 2.25, 1.25),
        "hinge": (0.5, 2.5, -1.5),
        "wasserstein": (-1.5, 1.5, -1.5),
    }.items():
        loss = nm.AdversarialLoss(kind)
        assert [getattr(loss, part).forward(S) for part in PARTS] == pytest.approx(values)


def test_the_saturating_gradient_and_the_other_one():
    s = np.array([[-10.0]])
    gradients = {}
    for kind in ("minimax", "non_saturating"):
        loss = nm.AdversarialLoss(kind).generator
        loss.forward(s)
        gradients[kind] = loss.backward().item()
    assert gradients["non_saturating"] / gradients["minimax"] == pytest.approx(np.exp(10.0), rel=1e-12)


def test_errors():
    with pytest.raises(nm.ConfigError, match=r"^AdversarialLoss: expected kind as one of 'minimax', .*got 'wgan'"):
        nm.AdversarialLoss("wgan")
    loss = nm.AdversarialLoss()
    assert repr(loss) == "AdversarialLoss(kind='non_saturating')"
    assert loss.config() == {"kind": "non_saturating"}
    S = np.zeros((3, 1))
    with pytest.raises(nm.ConfigError, match=r"expected the scores alone: loss\.discriminator_real\.forward\(S\)"):
        loss.discriminator_real.forward(S, S)
    with pytest.raises(nm.ShapeError, match=r"^AdversarialLoss: expected H of shape"):
        loss.generator.forward(S[:, 0])
    model = nm.Sequential([nm.Linear(3, 1)], input_shape=(3,))
    with pytest.raises(nm.ConfigError, match="expected a step of two models"):
        nm.Trainer(model, loss.generator, nm.SGD(model)).fit((np.zeros((4, 3)), np.zeros((4, 1))), progress=False)


class Step:
    """Both halves of a discriminator's step, then one of the generator."""

    def __init__(self, kind, dtype):
        layers = [nm.Linear(5, 16), nm.BatchNorm1d(16), nm.ReLU(), nm.Linear(16, 8)]
        self.G = nm.Sequential(layers, input_shape=(5,), seed=0, dtype=dtype)
        layers = [nm.Linear(8, 16), nm.LeakyReLU(0.2), nm.Linear(16, 1)]
        self.D = nm.Sequential(layers, input_shape=(8,), seed=1, dtype=dtype)
        self.loss = nm.AdversarialLoss(kind)
        self.of_G, self.of_D = nm.Adam(self.G, 1e-3), nm.Adam(self.D, 1e-3)

    def __call__(self, real, noise):
        D, loss = self.D, self.loss
        fake = self.G.forward(noise, training=True)
        on_real = loss.discriminator_real.forward(D.forward(real, training=True))
        D.backward(loss.discriminator_real.backward(), input_gradient=False)
        on_fake = loss.discriminator_fake.forward(D.forward(fake, training=True))
        D.backward(loss.discriminator_fake.backward(), accumulate=True, input_gradient=False)
        self.of_D.step()
        fooled = loss.generator.forward(D.forward(fake, training=True))
        self.G.backward(D.backward(loss.generator.backward(), parameters=False), input_gradient=False)
        self.of_G.step()
        return on_real, on_fake, fooled


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_two_models_is_a_program(kind, dtype, rng):
    by_hand = Step(kind, dtype)
    compiled = copy.deepcopy(by_hand)
    step = nm.compile_step(compiled.__call__)
    for _ in range(8):
        real, noise = rng.normal(size=(6, 8)).astype(dtype), rng.normal(size=(6, 5)).astype(dtype)
        assert step(real, noise) == by_hand(real, noise)
        assert by_hand.G.flat_parameters.tobytes() == compiled.G.flat_parameters.tobytes()
        assert by_hand.D.flat_parameters.tobytes() == compiled.D.flat_parameters.tobytes()
    assert step.why_not(real, noise) == ""
