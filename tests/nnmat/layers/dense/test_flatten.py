"""From images to rows."""

import numpy as np
import pytest

from nnmat import ConfigError, Conv2d, Flatten, Sequential, ShapeError, observe


def test_rows_are_in_the_order_row_column_channel(rng):
    layer = Flatten().build((2, 3, 4), dtype=np.float64)
    X, G = rng.standard_normal((5, 2, 3, 4)), rng.standard_normal((5, 24))
    Y = layer.forward(X, training=True)
    np.testing.assert_array_equal(Y, [[x[i, j, c] for i in range(2) for j in range(3) for c in range(4)] for x in X])
    np.testing.assert_array_equal(layer.backward(G), G.reshape(5, 2, 3, 4))


@pytest.mark.parametrize("record", [False, True])
def test_a_pass_moves_no_data_and_its_caller_gets_a_fresh_array(record, rng):
    layer, seen = Flatten().build((2, 3), dtype=np.float64), []
    X = rng.standard_normal((5, 2, 3))
    with observe(forward=lambda layer, Y: seen.append(Y)):
        Y = layer.forward(X, record=record)
    assert np.shares_memory(seen[0], X)
    assert not np.shares_memory(Y, X)


def test_shapes():
    assert Flatten().output_shape((28, 28, 3)) == (2352,)
    assert Flatten().output_shape((7,)) == (7,)
    assert Flatten().output_shape(()) == (1,)
    model = Sequential([Conv2d(1, 2, 3), Flatten()], input_shape=(5, 6, 1))
    assert model.forward(np.zeros((0, 5, 6, 1), np.float32)).shape == (0, 24)


@pytest.mark.parametrize(
    ("start", "end", "shape"),
    [
        (1, -1, (120,)),
        (1, 2, (6, 4, 5)),
        (2, 3, (2, 12, 5)),
        (2, -1, (2, 60)),
        (-2, -1, (2, 3, 20)),
        (3, 3, (2, 3, 4, 5)),
    ],
)
def test_a_run_of_axes_becomes_one(start, end, shape, rng):
    layer = Flatten(start, end).build((2, 3, 4, 5), dtype=np.float64)
    X = rng.standard_normal((7, 2, 3, 4, 5))
    Y = layer.forward(X, training=True)
    np.testing.assert_array_equal(Y, X.reshape(7, *shape))
    np.testing.assert_array_equal(layer.backward(Y), X)
    twin = Flatten(**layer.config())
    assert (twin.start, twin.end) == (start, end)


def test_options_that_are_none():
    for options in ({"start": 0}, {"end": True}, {"end": 1.0}, {"start": "1"}):
        with pytest.raises(ConfigError, match=r"^Flatten: expected (start|end) as an integer .*the axis of the batch"):
            Flatten(**options)


@pytest.mark.parametrize(("start", "end"), [(1, 4), (-4, -1), (3, 2), (-1, 1)])
def test_there_must_be_such_axes(start, end):
    with pytest.raises(ShapeError, match=rf"shape \(B, 2, 3, 4\), .*got start={start} and end={end}\. Flatten\(\)"):
        Flatten(start, end).build((2, 3, 4))
