"""What the sweep over all layers does not cover of pooling: ties, padding, shapes, options."""

import numpy as np
import pytest

from nnmat import AvgPool2d, ConfigError, MaxPool2d, ShapeError

BOTH = pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])


def run(layer, X, G=None):
    layer.build(X.shape[1:], dtype=np.float64)
    Y = layer.forward(X, record=True)
    return Y, layer.backward(np.ones_like(Y) if G is None else G)


def test_ties_go_to_the_first_in_row_major_order():
    X = np.array([[1.0, 1, 3, 0], [1, 0, 3, 3]]).reshape(1, 2, 4, 1)
    Y, gX = run(MaxPool2d(2), X)
    np.testing.assert_array_equal(Y.ravel(), [1, 3])
    np.testing.assert_array_equal(gX.reshape(2, 4), [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_up():
    X = np.zeros((1, 3, 3, 1))
    X[0, 1, 1] = 5
    Y, gX = run(MaxPool2d(2, stride=1), X)
    assert (Y == 5).all()
    assert gX[0, 1, 1] == 4
    assert gX.sum() == 4


def test_padding_of_the_maximum_is_never_chosen():
    Y, gX = run(MaxPool2d(3, stride=2, padding=1), -np.ones((2, 5, 5, 2)))
    np.testing.assert_array_equal(Y, -1)
    assert gX.sum() == Y.size


def test_padding_of_the_average():
    X = np.ones((1, 2, 2, 1))
    np.testing.assert_array_equal(
        run(AvgPool2d(2, 1, 1), X)[0].reshape(3, 3), [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    )
    Y, gX = run(AvgPool2d(2, 1, 1, count_padding=False), X)
    np.testing.assert_array_equal(Y, 1)
    np.testing.assert_array_equal(gX.reshape(2, 2), 2.25)  # 1 from the corner, 1/2 twice from the edges, 1/4


def test_global_average(rng):
    X, G = rng.standard_normal((2, 4, 6, 3)), rng.standard_normal((2, 1, 1, 3))
    Y, gX = run(AvgPool2d((4, 6)), X, G)
    np.testing.assert_allclose(Y[:, 0, 0], X.mean(axis=(1, 2)), rtol=1e-14)
    np.testing.assert_allclose(gX, np.broadcast_to(G / 24, X.shape), rtol=1e-14)


@BOTH
def test_shapes_and_config(kind):
    layer = kind((3, 2), stride=(2, 1), padding=(1, 0))
    assert layer.output_shape((7, 6, 4)) == (4, 5, 4)
    again = kind(**layer.config())
    assert again.config() == layer.config()
    assert again.output_shape((7, 6, 4)) == (4, 5, 4)
    assert kind(2).output_shape((7, 6, 4)) == (3, 3, 4)  # a last row that does not fill a window is left out


@BOTH
def test_refuses(kind):
    name = kind.__name__
    with pytest.raises(ConfigError, match=rf"^{name}: expected kernel_size of at least 1, got 0"):
        kind(0)
    with pytest.raises(
        ConfigError, match=rf"^{name}: expected stride to be an integer or a pair of integers, got 1\.5"
    ):
        kind(2, 1.5)
    with pytest.raises(ConfigError, match=rf"^{name}: expected padding smaller than the kernel, .*Try padding=1"):
        kind(2, padding=2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected images \(B, H, W, C\), got input of shape \(B, 5\)"):
        kind(2).build((5,))
    with pytest.raises(ShapeError, match=rf"^{name}: expected a window that fits into the padded image"):
        kind(6).build((5, 5, 1))


def test_count_padding_is_a_flag():
    with pytest.raises(ConfigError, match=r"^AvgPool2d: expected count_padding as True or False, got 1"):
        AvgPool2d(2, count_padding=1)
