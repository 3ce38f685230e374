"""From images to rows."""

import numpy as np

from nnmat import Conv2d, Flatten, Sequential


def test_rows_are_in_the_order_row_column_channel(rng):
    layer = Flatten().build((2, 3, 4), dtype=np.float64)
    X, G = rng.standard_normal((5, 2, 3, 4)), rng.standard_normal((5, 24))
    Y = layer.forward(X, training=True)
    np.testing.assert_array_equal(Y, [[x[i, j, c] for i in range(2) for j in range(3) for c in range(4)] for x in X])
    np.testing.assert_array_equal(layer.backward(G), G.reshape(5, 2, 3, 4))


def test_a_recorded_pass_moves_no_data_and_its_caller_gets_a_fresh_array(rng):
    layer = Flatten().build((2, 3), dtype=np.float64)
    X = rng.standard_normal((5, 2, 3))
    assert np.shares_memory(layer.run_forward(X, True, True), X)
    assert not np.shares_memory(layer.forward(X, training=True), X)
    assert not np.shares_memory(layer.forward(X), X)


def test_shapes():
    assert Flatten().output_shape((28, 28, 3)) == (2352,)
    assert Flatten().output_shape((7,)) == (7,)
    assert Flatten().output_shape(()) == (1,)
    model = Sequential([Conv2d(1, 2, 3), Flatten()], input_shape=(5, 6, 1))
    assert model.forward(np.zeros((0, 5, 6, 1), np.float32)).shape == (0, 24)
