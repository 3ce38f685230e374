"""Layers side by side: what they are given, and what becomes of it."""

import numpy as np
import pytest

from nnmat import Add, Concatenate, ConfigError, Linear, ReLU, Sequential, ShapeError


@pytest.mark.parametrize("kind", [Add, Concatenate])
@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([], "expected at least one layer, got none"),
        ([None, ReLU], r"at place 1\. Did you forget the parentheses: ReLU\(\)\?"),
        (["relu"], "expected layers, or None for the input itself, got 'relu' at place 0"),
    ],
)
def test_layers_only(kind, layers, text):
    with pytest.raises(ConfigError, match=f"^{kind.__name__}: .*{text}"):
        kind(layers)


@pytest.mark.parametrize("kind", [Add, Concatenate])
def test_as_many_inputs_as_layers(kind):
    with pytest.raises(ShapeError, match=rf"^{kind.__name__}: expected several inputs, got one of shape \(3,\)"):
        kind().build((3,))
    with pytest.raises(ShapeError, match=rf"^{kind.__name__}: expected 3 inputs, one for each layer, got 2"):
        kind([None, None, None]).build(((3,), (3,)))


def test_names_and_parts():
    model = Sequential([Add([None, Linear(4, 4), Sequential([Linear(4, 4)])])], input_shape=(4,))
    assert [p.name for p in model.parameters()] == ["0.1.weight", "0.1.bias", "0.2.0.weight", "0.2.0.bias"]
    assert repr(model).startswith("Sequential([Add([None, Linear(in_features=4,")
    assert repr(Add()) == "Add()"


def test_the_input_gradient_is_left_out_where_nobody_wants_it(rng):
    model = Add([Linear(4, 4), Linear(4, 4)]).build((4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    model.forward(X, training=True)
    gX = model.backward(X, keep=True)
    gradients = model.flat_gradients.copy()
    assert gX.shape == X.shape
    assert model.backward(X, input_gradient=False) is None
    np.testing.assert_array_equal(model.flat_gradients, gradients)
