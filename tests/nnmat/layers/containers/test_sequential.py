"""The chain of layers."""

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, Sigmoid, Tanh
from tests.composites import Added


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([Linear(5, 3)], r"layer 0: Linear: expected inputs of width 5, got shape \(B, 6\)"),
        ([Linear(6, 3), Linear(4, 2)], "layer 1: Linear: expected inputs of width 4"),
        ([Linear(6, 3), Conv2d(1, 1, 3)], r"layer 1: Conv2d: expected images \(B, H, W, C\), .* of shape \(B, 3\)\."),
    ],
)
def test_shapes_are_checked_at_build(layers, text):
    with pytest.raises(nnmat.ShapeError, match=text):
        Sequential(layers, input_shape=(6,))
    assert not any(layer.built for layer in layers)


def test_input_gradient_is_skipped_up_to_the_first_parameters(rng):
    model = Sequential([ReLU(), Flatten(), Linear(None, 3)], input_shape=(2, 2))
    model.forward(rng.standard_normal((2, 2, 2)).astype(np.float32), training=True)
    seen = []
    with nnmat.observe(backward=lambda layer, gX: seen.append((layer.kind, gX is None))):
        assert model.backward(np.ones((2, 3), np.float32), input_gradient=False) is None
    assert seen == [("Linear", True), ("Sequential", True)]


def test_summary():
    model = Sequential([Conv2d(1, 2, 3), Flatten(), Linear(None, 3)], input_shape=(6, 5, 1))
    lines = model.summary().splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "flops", "forward"]
    assert lines[3].split() == ["0", "Conv2d", "(B,", "4,", "3,", "2)", "20", str(2 * 4 * 3 * 2 * 9)]
    assert lines[-1].split() == ["total", "(B,", "3)", str(20 + 24 * 3 + 3), str(2 * 4 * 3 * 2 * 9 + 2 * 24 * 3)]
    with pytest.raises(nnmat.BuildError, match="Give input_shape"):
        Sequential([ReLU()]).summary()
    two_inputs = Sequential([Added(3)], input_shape=((5,), (4,))).summary().splitlines()
    assert two_inputs[2].split() == ["input", "(B,", "5),", "(B,", "4)"]


def test_sequential_takes_layers_only():
    with pytest.raises(nnmat.ConfigError, match="at least one layer"):
        Sequential([])
    with pytest.raises(nnmat.ConfigError, match=r"Did you forget the parentheses: ReLU\(\)\?"):
        Sequential([ReLU])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [ReLU, Sigmoid, Tanh])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_a_chain_has_the_bits_of_its_layers_one_by_one(activation, dtype, batch, rng):
    layers = [Conv2d(2, 5, 3, padding=1), activation(), MaxPool2d(2), Conv2d(5, 18, 3), activation(), Flatten()]
    model = Sequential([*layers, Linear(None, 37), activation(), Linear(37, 3)], (9, 11, 2), seed=3, dtype=dtype)
    X, G = rng.standard_normal((batch, 9, 11, 2)).astype(dtype), rng.standard_normal((batch, 3)).astype(dtype)
    Y = model.forward(X, training=True)
    gX, gradients = model.backward(G), model.flat_gradients.copy()
    for layer in model:
        X = layer.forward(X, training=True)
    for layer in reversed(model.layers):
        G = layer.backward(G)
    for A, B in ((Y, X), (gX, G), (gradients, model.flat_gradients)):
        np.testing.assert_array_equal(A, B)
    for layer in (model, *model.layers):  # every record was used up
        with pytest.raises(nnmat.StateError, match=f"^{layer.kind}.*backward needs a recorded forward"):
            layer.backward(np.zeros((batch, *layer.output_shape(layer.input_shape)), dtype))
