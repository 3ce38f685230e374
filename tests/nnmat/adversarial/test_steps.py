"""The two steps of a GAN, each on its own."""

import numpy as np
import pytest

from nnmat import Adam, AdversarialLoss, BatchNorm1d, Linear, Sequential
from nnmat.adversarial.steps import PlayerStep, clip_weights, discriminator_equations, generator_equations


def players(dtype=np.float64):
    G = Sequential([Linear(3, 4)], input_shape=(3,), seed=0, dtype=dtype)
    D = Sequential([Linear(4, 6), BatchNorm1d(), Linear(6, 1)], input_shape=(4,), seed=1, dtype=dtype)
    return G, D, AdversarialLoss("minimax")


def test_the_discriminator_adds_up_both_halves_and_the_generator_gets_nothing(rng):
    G, D, loss = players()
    before = G.flat_parameters.copy()
    real, Z = rng.standard_normal((7, 4)), rng.standard_normal((5, 3))
    values = discriminator_equations(G, D, loss, Adam(D, lr=0.0))(real, Z)
    assert len(values) == 2
    found, mean = D.flat_gradients.copy(), D.buffers()["1.running_mean"].copy()
    parts = []
    for X, half in ((real, loss.discriminator_real), (G.forward(Z), loss.discriminator_fake)):
        half.forward(D.forward(X, training=True))
        D.backward(half.backward())
        parts.append(D.flat_gradients.copy())
    np.testing.assert_allclose(found, parts[0] + parts[1], atol=1e-14)
    assert (G.flat_parameters == before).all()
    assert (mean != D.buffers()["1.running_mean"]).any()  # both forwards have moved it, and so did these


def test_the_generators_gradient_passes_through_a_frozen_discriminator(rng):
    G, D, loss = players()
    before = D.flat_parameters.copy()
    D.flat_gradients[...] = 7.0
    Z, h = rng.standard_normal((5, 3)), 1e-6
    equations = generator_equations(G, D, loss, Adam(G, lr=0.0))
    equations(Z)
    gradient = G.flat_gradients.copy()
    assert (D.flat_parameters == before).all()
    assert (D.flat_gradients == 7.0).all()
    for i in range(G.flat_parameters.size):
        at, value = G.flat_parameters[i], []
        for x in (at + h, at - h):
            G.flat_parameters[i] = x
            value.append(equations(Z)[0])
        G.flat_parameters[i] = at
        assert gradient[i] == pytest.approx((value[0] - value[1]) / (2 * h), abs=1e-7)


def test_weights_within_a_limit():
    _, D, _ = players()
    D.flat_parameters[...] = np.linspace(-2, 2, D.flat_parameters.size)
    D[2].weight.trainable = False
    kept = D[2].weight.value.copy()
    clip_weights(D, 0.5)
    assert all(np.abs(p.value).max() <= 0.5 for p in D.parameters() if p.trainable)
    assert (D[2].weight.value == kept).all()


def test_a_step_says_why_it_runs_by_hand():
    G, D, loss = players()
    step = PlayerStep(generator_equations(G, D, loss, Adam(G)), profile=False)
    assert step.why_not() == ""
    assert step(np.zeros((2, 3))) == pytest.approx(step(np.zeros((2, 3))), rel=0.1)
    assert step.why_not() == ""  # nobody wanted a program
    step.end_run()
    assert step.listing is None
