"""An activation that the layer before it applies on the way: the same bits as layer by layer, and the same contract."""

import copy

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Flatten, Layer, LeakyReLU, Linear, MaxPool2d, ReLU, Sequential, Sigmoid, Tanh, observe

ACTIVATIONS = [ReLU, Sigmoid, Tanh]


def network(activation, dtype, seed=3):
    layers = [
        Conv2d(2, 5, 3, padding=1),
        activation(),
        MaxPool2d(2),
        Conv2d(5, 18, 3, groups=1),
        activation(),
        Flatten(),
        Linear(None, 37),
        activation(),
        Linear(37, 3),
    ]
    return Sequential(layers, input_shape=(9, 11, 2), seed=seed, dtype=dtype)


def outputs_of(model, X, G):
    """The output, the input gradient, the parameters' gradients."""
    return [np.copy(A) for A in (model.forward(X, training=True), model.backward(G), model.flat_gradients)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_bits_are_those_of_single_layers(activation, dtype, batch, rng):
    model = network(activation, dtype)
    X, G = rng.standard_normal((batch, 9, 11, 2)).astype(dtype), rng.standard_normal((batch, 3)).astype(dtype)
    fused = outputs_of(model, X, G)
    with observe(forward=lambda layer, Y: None):  # somebody looks, so every layer runs on its own
        single = outputs_of(model, X, G)
    Z = X
    for layer in model.layers:
        Z = layer.forward(Z)
    for A, B in zip(fused, single, strict=True):
        np.testing.assert_array_equal(A, B)
    np.testing.assert_array_equal(Z, single[0])
    np.testing.assert_array_equal(model.forward(X), single[0])  # nothing recorded


def test_a_tied_layer_behind_an_activation(rng):
    first, second = Linear(4, 4), Linear(4, 4)
    second.weight = first.weight
    model = Sequential([Tanh(), first, Tanh(), second], input_shape=(4,), dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 4))
    fused = outputs_of(model, X, G)
    Z = model[2].forward(first.forward(np.tanh(X)))
    gH = (G @ second.weight.value) * (1 - Z**2)
    np.testing.assert_allclose(first.weight.grad, G.T @ Z + gH.T @ np.tanh(X), rtol=1e-12)
    with observe(backward=lambda layer, gX: None):
        single = outputs_of(model, X, G)
    for A, B in zip(fused, single, strict=True):
        np.testing.assert_array_equal(A, B)


def test_only_pairs_that_can_be_fused_are(rng):
    model = Sequential([ReLU(), Linear(6, 5), LeakyReLU(), Linear(5, 5), ReLU(), Tanh()], input_shape=(6,))
    pairs = [(layer.kind, activation and activation.kind) for layer, activation in model._chain]
    assert pairs == [("ReLU", None), ("Linear", None), ("LeakyReLU", None), ("Linear", "ReLU"), ("Tanh", None)]


def test_observers_see_the_activation_and_what_comes_before_it(rng):
    model, seen = network(ReLU, np.float32), []
    X = rng.standard_normal((4, 9, 11, 2)).astype(np.float32)
    with observe(forward=lambda layer, Y: seen.append((layer.kind, float(Y.min())))):
        model.forward(X)
    kinds = [kind for kind, _ in seen]
    assert kinds == [layer.kind for layer in model.layers] + ["Sequential"]
    assert seen[0][1] < 0 == seen[1][1]


def test_a_single_layer_still_runs_backward_on_its_own(rng):
    model = Sequential([Linear(6, 5), Sigmoid()], input_shape=(6,))
    X, G = rng.standard_normal((4, 6)).astype(np.float32), rng.standard_normal((4, 5)).astype(np.float32)
    Y = model.forward(X, training=True)
    with pytest.raises(nnmat.ShapeError, match=r"expected G of shape \(4, 5\)"):
        model[1].backward(G[:3])
    np.testing.assert_allclose(model[1].backward(G), G * Y * (1 - Y), rtol=1e-6)
    for backward in (model[1].backward, model.backward):
        with pytest.raises(nnmat.StateError, match="^Sigmoid '1': backward needs a recorded forward"):
            backward(G)


@pytest.mark.parametrize("activation", [ReLU, Sigmoid])
def test_a_pair_uses_up_both_records(activation, rng):
    model = Sequential([Linear(6, 5), activation(), Linear(5, 2)], input_shape=(6,))
    X, G = rng.standard_normal((4, 6)).astype(np.float32), rng.standard_normal((4, 2)).astype(np.float32)
    model.forward(X, training=True)
    kept = model.backward(G, keep=True)
    np.testing.assert_array_equal(model.backward(G), kept)
    for layer in (model, *model.layers):
        with pytest.raises(nnmat.StateError, match=f"^{layer.kind}.*backward needs a recorded forward"):
            layer.backward(np.zeros((4, *layer.output_shape(layer.input_shape)), np.float32))


def test_changing_batches_and_a_copy(rng):
    model = network(ReLU, np.float32)
    alone = copy.deepcopy(model)
    for batch in (8, 3, 8, 11, 1):
        X = rng.standard_normal((batch, 9, 11, 2)).astype(np.float32)
        G = rng.standard_normal((batch, 3)).astype(np.float32)
        fresh = copy.deepcopy(alone)
        for A, B in zip(outputs_of(model, X, G), outputs_of(fresh, X, G), strict=True):
            np.testing.assert_array_equal(A, B)


class Careless(Layer):
    """A layer of one's own whose passes return whatever it is told to."""

    def __init__(self, Y=None, gX=None):
        super().__init__()
        self.Y, self.gX = Y, gX

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, call):
        return X if self.Y is None else self.Y

    def backward(self, G, call):
        return G if self.gX is None else self.gX


@pytest.mark.parametrize(
    ("A", "error", "text"),
    [
        (np.zeros((2, 4)), nnmat.DtypeError, r"of dtype float32, got float64"),
        (np.zeros((2, 5), np.float32), nnmat.ShapeError, r"of shape \(2, 4\), got \(2, 5\)"),
        (np.zeros((1, 4), np.float32), nnmat.ShapeError, r"of shape \(2, 4\), got \(1, 4\)"),
        ([[0.0] * 4] * 2, nnmat.DtypeError, r"to be a NumPy array, got list"),
    ],
)
def test_what_a_layer_of_ones_own_returns_is_checked_before_a_kernel_sees_it(A, error, text):
    X = np.ones((2, 4), np.float32)
    for careless, name in ((Careless(Y=A), "forward"), (Careless(gX=A), "backward")):
        model = Sequential([Linear(4, 4), careless, Linear(4, 4)], input_shape=(4,))
        with pytest.raises(error, match=rf"Careless '1': expected the result of {name} {text}"):
            outputs_of(model, X, X)


def test_what_a_layer_of_ones_own_returns_is_made_contiguous(rng):
    Y = np.asfortranarray(rng.standard_normal((2, 4)).astype(np.float32))
    model = Sequential([Careless(Y=Y), Linear(4, 3)], input_shape=(4,))
    expected = Y @ model[1].weight.value.T + model[1].bias.value
    np.testing.assert_allclose(model.forward(np.ones((2, 4), np.float32)), expected, rtol=1e-5)
