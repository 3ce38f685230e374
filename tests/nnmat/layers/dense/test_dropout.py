"""Dropout of elements and of channels: mask, expectation, the counter, what is saved (the sweep covers the rest)."""

import copy

import numpy as np
import pytest

from nnmat import ConfigError, Dropout, Dropout2d, ShapeError


def dropout(rate, seed=0, shape=(50,)):
    return Dropout(rate).build(shape, rng=seed, dtype=np.float64)


def test_training_scales_what_it_keeps(rng):
    X = rng.standard_normal((400, 50))
    Y = dropout(0.3).forward(X, training=True)
    kept = Y != 0
    np.testing.assert_allclose(Y[kept], X[kept] / 0.7, rtol=1e-15)
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / X.size)


def test_expectation(rng):
    layer, X, n = dropout(0.4), rng.standard_normal((3, 50)), 3000
    mean = sum(layer.forward(X, training=True).copy() for _ in range(n)) / n
    np.testing.assert_allclose(mean, X, atol=5 * np.abs(X).max() * np.sqrt(0.4 / 0.6 / n))


def test_backward_uses_the_mask_of_its_forward(rng):
    layer, X, G = dropout(0.5), np.ones((6, 50)), rng.standard_normal((6, 50))
    D = layer.forward(X, training=True).copy()
    layer.forward(X, training=True, record=False)  # nor does a forward in between that is not recorded change it
    np.testing.assert_array_equal(layer.backward(G, keep=True), D * G)
    np.testing.assert_array_equal(layer.backward(G), D * G)


@pytest.mark.parametrize("rate", [0, 0.5, 1])
def test_evaluation_is_the_identity(rate, rng):
    layer, X, G = dropout(rate), rng.standard_normal((4, 50)), rng.standard_normal((4, 50))
    Y = layer.forward(X, training=False, record=True)
    np.testing.assert_array_equal(Y, X)
    assert not np.shares_memory(Y, X)
    np.testing.assert_array_equal(layer.backward(G), G)
    assert layer.buffers()["stream"][1] == 0


def test_extreme_rates(rng):
    X, G = rng.standard_normal((2, 4, 50))
    for rate, expected in ((0, (X, G)), (1, (0 * X, 0 * G))):
        layer = dropout(rate)
        np.testing.assert_array_equal(layer.forward(X, training=True), expected[0])
        np.testing.assert_array_equal(layer.backward(G), expected[1])


def test_counter():
    """A recorded forward in training takes a new mask each time; one that is not recorded writes nothing."""
    layer, X = dropout(0.5), np.ones((4, 50))
    stream = layer.buffers()["stream"]
    assert stream.dtype == np.uint64
    assert stream.shape == (2,)
    key = int(stream[0])
    present = [layer.forward(X, training=True, record=False) for _ in range(2)]
    assert stream.tolist() == [key, 0]
    np.testing.assert_array_equal(*present)
    first = layer.forward(X, training=True).copy()
    np.testing.assert_array_equal(first, present[0])
    assert stream.tolist() == [key, 1]
    assert (layer.forward(X, training=True) != first).any()
    assert stream.tolist() == [key, 2]


def test_restored_buffers_continue_the_masks():
    layer, X = dropout(0.5), np.ones((4, 50))
    for _ in range(3):
        layer.forward(X, training=True)
    saved = {name: A.copy() for name, A in layer.buffers().items()}
    expected = [layer.forward(X, training=True).copy() for _ in range(2)]
    other = dropout(0.5, seed=1)
    for name, A in other.buffers().items():
        A[...] = saved[name]
    for Y in expected:
        np.testing.assert_array_equal(other.forward(X, training=True), Y)


def test_seed_chooses_the_masks():
    X = np.ones((4, 50))
    one, same, other = (dropout(0.5, seed).forward(X, training=True) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_copy_has_its_own_counter():
    layer, X = dropout(0.5), np.ones((2, 50))
    twin = copy.deepcopy(layer)
    layer.forward(X, training=True)
    assert twin.buffers()["stream"][1] == 0


def test_two_layers_of_a_model_have_different_masks():
    from nnmat import Sequential

    model = Sequential([Dropout(0.5), Dropout(0.5)], input_shape=(400,), dtype=np.float64)
    keys = [int(A[0]) for A in model.buffers().values()]
    assert len(set(keys)) == 2
    kept = (model.forward(np.ones((50, 400)), training=True) != 0).mean()
    assert abs(kept - 0.25) < 0.02  # 0.5 if the masks were the same


def test_the_weights_of_a_seed_do_not_depend_on_dropout():
    """Else a comparison of a model with and without it would also compare two draws of the weights."""
    from nnmat import Linear, Sequential

    without = Sequential([Linear(6, 5), Linear(5, 4)], input_shape=(6,), seed=2)
    with_it = Sequential([Dropout(0.5), Linear(6, 5), Dropout(0.5), Linear(5, 4)], input_shape=(6,), seed=2)
    np.testing.assert_array_equal(with_it.flat_parameters, without.flat_parameters)


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan, "0.5", None, True])
def test_refuses(rate):
    with pytest.raises(
        ConfigError, match=r"^Dropout: expected rate as a finite number >= 0 and <= 1, got .*\. Try 0\.5"
    ):
        Dropout(rate)


def test_an_unrecorded_forward_writes_nothing_to_the_model():
    """So that another thread may draw masks while one trains."""
    layer = Dropout(0.5).build((4,))
    layer.own_buffers()["stream"].setflags(write=False)
    X = np.ones((3, 4), np.float32)
    assert np.array_equal(layer.forward(X, training=True, record=False), layer.forward(X, training=True, record=False))


def test_whole_channels_of_each_image(rng):
    layer = Dropout2d(0.3).build((4, 5, 6), rng=0, dtype=np.float64)
    X, G = np.ones((300, 4, 5, 6)), rng.standard_normal((300, 4, 5, 6))
    D = layer.forward(X, training=True).copy()
    np.testing.assert_array_equal(D, np.broadcast_to(D[:, :1, :1], D.shape))
    np.testing.assert_allclose(np.unique(D), [0, 1 / 0.7], rtol=1e-15)
    assert abs((D[:, 0, 0] != 0).mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / 1800)
    np.testing.assert_array_equal(layer.backward(G), D * G)
    assert (layer.forward(X, training=True) != D).any()


@pytest.mark.parametrize("rate", [0, 0.5, 1])
def test_channels_in_evaluation(rate, rng):
    layer, X = Dropout2d(rate).build((4, 5, 6), dtype=np.float64), rng.standard_normal((2, 4, 5, 6))
    np.testing.assert_array_equal(layer.forward(X, record=True), X)
    np.testing.assert_array_equal(layer.backward(X), X)
    if rate != 0.5:
        np.testing.assert_array_equal(layer.forward(X, training=True), (1 - rate) * X)
    assert Dropout2d(**layer.config()).rate == rate


def test_channels_need_images():
    with pytest.raises(ShapeError, match=r"^Dropout2d: expected images \(B, H, W, C\), got input of shape \(B, 5, 6\)"):
        Dropout2d().build((5, 6))
    with pytest.raises(ConfigError, match=r"^Dropout2d: expected rate .*Try 0\.5"):
        Dropout2d(1.5)
