"""What recurrent layers share: the last state, first states, and what is refused."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import GRU, LSTM, RNN, ConfigError, ShapeError

KINDS = [RNN, GRU, LSTM]


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_state_is_the_last_one(kind, rng):
    layer, last = kind(3, 4).build((5, 3), dtype=np.float64), kind(3, 4, last=True).build((5, 3), dtype=np.float64)
    last.flat_parameters[...] = layer.flat_parameters
    X, G = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 4))
    H = layer.forward(X, training=True)
    assert np.array_equal(last.forward(X, training=True), H[:, -1])
    every = np.zeros_like(H)
    every[:, -1] = G
    assert np.array_equal(last.backward(G), layer.backward(every))
    assert np.array_equal(last.flat_gradients, layer.flat_gradients)


@pytest.mark.parametrize("kind", [RNN, GRU])
def test_a_sequence_in_two_parts(kind, rng):
    whole, part = kind(3, 4).build((6, 3), dtype=np.float64), kind(3, 4, states=True).build(((3, 3), (4,)), dtype="f8")
    part.flat_parameters[...] = whole.flat_parameters
    X = rng.standard_normal((2, 6, 3))
    H = whole.forward(X)
    first = part.forward((X[:, :3], np.zeros((2, 4))))
    second = part.forward((X[:, 3:], first[:, -1]))
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), H, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_training_with_first_states(kind, rng):
    states = 2 if kind is LSTM else 1
    X = (rng.standard_normal((64, 5, 3)), *rng.standard_normal((states, 64, 4)))
    X, y = tuple(A.astype(np.float32) for A in X), rng.integers(0, 4, 64)
    found = []
    for compiled in (False, True):
        layer = kind(3, 4, states=True, last=True).build(tuple(A.shape[1:] for A in X))
        trainer = nm.Trainer(layer, nm.SoftmaxCrossEntropy(), nm.SGD(layer, lr=0.1), compiled=compiled)
        trainer.fit((X, y), 8, batch_size=10, progress=False)
        found.append(layer.flat_parameters.tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(kind):
    with pytest.raises(ShapeError, match=r"expected sequences of shape \(B, T, 3\), got \(B, 5, 2\)"):
        kind(3, 4).build((5, 2))
    with pytest.raises(ShapeError, match=r"expected 1 inputs, got"):
        kind(3, 4).build(((5, 3), (4,)))
    states = 2 if kind is LSTM else 1
    with pytest.raises(ShapeError, match=r"expected first states of shape \(B, 4\), got \(B, 5\)"):
        kind(3, 4, states=True).build(((5, 3), *[(5,)] * states))
    for wrong in ({"hidden": 0}, {"in_features": None}, {"last": 1}, {"states": "no"}, {"bias": None}):
        with pytest.raises(ConfigError, match=f"expected {next(iter(wrong))} as"):
            kind(**{"in_features": 3, "hidden": 4, **wrong})
    with pytest.raises(ConfigError, match="hidden"):
        kind(3, hidden_size=4)
