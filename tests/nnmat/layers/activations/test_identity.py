"""The layer that leaves its input as it is, at a place in a model."""

import numpy as np

from nnmat import Identity, Linear, Sequential


def test_a_model_with_it_is_the_model_without(rng):
    X, G = rng.standard_normal((4, 5)), rng.standard_normal((4, 3))
    plain = Sequential([Linear(5, 3)], input_shape=(5,), dtype=np.float64)
    model = Sequential([Identity(), Linear(5, 3), Identity()], input_shape=(5,), dtype=np.float64)
    np.testing.assert_array_equal(model.forward(X, training=True), plain.forward(X, training=True))
    np.testing.assert_array_equal(model.backward(G), plain.backward(G))
    np.testing.assert_array_equal(model.flat_gradients, plain.flat_gradients)


def test_the_caller_gets_arrays_of_its_own(rng):
    layer, X = Identity().build((3, 2)), rng.standard_normal((4, 3, 2)).astype(np.float32)
    Y = layer.forward(X, training=True)
    np.testing.assert_array_equal(Y, X)
    assert not np.shares_memory(Y, X)
    assert not np.shares_memory(layer.backward(X), X)
