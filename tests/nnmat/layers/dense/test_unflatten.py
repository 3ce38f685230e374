"""From rows to images."""

import numpy as np
import pytest

from nnmat import ConfigError, Flatten, Linear, Sequential, ShapeError, Unflatten


def test_it_undoes_flatten(rng):
    model = Sequential([Flatten(), Unflatten((2, 3, 4))], input_shape=(2, 3, 4), dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 2, 3, 4))
    np.testing.assert_array_equal(model.forward(X, training=True), X)
    np.testing.assert_array_equal(model.backward(G), G)


def test_rows_are_in_the_order_row_column_channel(rng):
    layer = Unflatten((2, 3, 4)).build(24, dtype=np.float64)
    X = rng.standard_normal((5, 24))
    Y = layer.forward(X)
    assert Y.shape == (5, 2, 3, 4)
    assert all(Y[b, i, j, c] == X[b, 12 * i + 4 * j + c] for b in range(5) for i, j, c in np.ndindex(2, 3, 4))
    assert layer.forward(X[:0]).shape == (0, 2, 3, 4)


@pytest.mark.parametrize("shape", [7, (), "abc", (2, 0), (2, 1.5), None])
def test_what_is_no_shape(shape):
    with pytest.raises(ConfigError, match=r"Unflatten: expected shape"):
        Unflatten(shape)


@pytest.mark.parametrize("given", [(23,), (2, 12), ()])
def test_rows_of_another_length(given):
    with pytest.raises(ShapeError, match=r"expected rows \(B, 24\) for the shape \(2, 3, 4\)"):
        Unflatten((2, 3, 4)).output_shape(given)


def test_behind_a_linear():
    model = Sequential([Linear(3, 24), Unflatten((2, 3, 4))], input_shape=(3,))
    assert model.output_shape((3,)) == (2, 3, 4)
    assert "Unflatten(shape=(2, 3, 4))" in repr(model)
