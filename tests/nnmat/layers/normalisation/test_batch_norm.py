"""Batch norm: its running buffers, and batches that are too small."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import BatchNorm1d, BatchNorm2d, ConfigError, Linear, Sequential, ShapeError


def test_running_buffers_have_the_conventions_of_pytorch(rng):
    layer = BatchNorm1d(momentum=0.25).build((3,), dtype=np.float64)
    X = 5 + rng.standard_normal((8, 3))
    layer.forward(X, training=True)
    np.testing.assert_allclose(layer.buffers()["running_mean"], 0.25 * X.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        layer.buffers()["running_variance"], 0.75 + 0.25 * X.var(axis=0, ddof=1), rtol=1e-13
    )  # fmt: skip
    before = {name: A.copy() for name, A in layer.buffers().items()}
    layer.forward(X)
    layer.forward(X, training=True, record=False)
    assert all(np.array_equal(A, before[name]) for name, A in layer.buffers().items())


def test_evaluation_takes_the_running_ones(rng):
    layer = BatchNorm2d().build((2, 2, 3), dtype=np.float64)
    X = rng.standard_normal((4, 2, 2, 3))
    np.testing.assert_allclose(layer.forward(X), X / np.sqrt(1 + 1e-5), rtol=1e-13)


def test_the_gradient_of_a_bias_before_it_is_zero(rng):
    model = Sequential([Linear(4, 5), BatchNorm1d()], input_shape=(4,), dtype=np.float64)
    model.forward(rng.standard_normal((6, 4)), training=True)
    gX = model.backward(rng.standard_normal((6, 5)))
    np.testing.assert_allclose(model[0].bias.grad, 0, atol=1e-14)
    assert np.abs(gX).max() > 0


def test_one_value_of_a_channel_is_refused_in_training(rng):
    layer = BatchNorm1d().build((3,), dtype=np.float64)
    one = rng.standard_normal((1, 3))
    with pytest.raises(ShapeError, match=r"^BatchNorm1d: expected at least 2 values for each channel in training"):
        layer.forward(one, training=True)
    assert (layer.buffers()["running_mean"] == 0).all()
    layer.forward(one)
    BatchNorm1d().build((2, 3)).forward(np.zeros((1, 2, 3), np.float32), training=True)
    BatchNorm2d().build((2, 1, 3)).forward(np.zeros((1, 2, 1, 3), np.float32), training=True)


def trainer():
    model = Sequential([Linear(3, 4), BatchNorm1d(), Linear(4, 2)], input_shape=(3,))
    return nm.Trainer(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1))


def test_fit_says_before_it_starts_that_the_last_batch_is_too_small(rng):
    X, y = rng.standard_normal((33, 3)).astype(np.float32), rng.integers(0, 2, 33)
    own = trainer()
    before = own.model.flat_parameters.copy()
    with pytest.raises(
        nm.DataError,
        match=r"the last batch of an epoch would hold 1 of the 33 samples, and BatchNorm1d '1'.*batch_size=",
    ):
        own.fit((X, y), 1, batch_size=8, progress=False)
    assert np.array_equal(own.model.flat_parameters, before)
    own.fit((X, y), 1, batch_size=7, progress=False)
    with pytest.raises(nm.DataError, match=r"takes at least 2 in training. Give more samples"):
        own.fit((X[:1], y[:1]), 1, batch_size=1, progress=False)


def test_programs_keep_the_running_buffers(rng):
    X, y = rng.standard_normal((64, 3)).astype(np.float32), rng.integers(0, 2, 64)
    models = []
    for compiled in (False, True):
        own = trainer()
        own = nm.Trainer(own.model, own.loss, own.optimizer, compiled=compiled)
        own.fit((X, y), 12, batch_size=10, progress=False)
        models.append(own.model)
    for A, B in zip(*(m.buffers().values() for m in models), strict=True):
        assert A.tobytes() == B.tobytes()
    assert models[0].flat_parameters.tobytes() == models[1].flat_parameters.tobytes()


def test_axes_and_options():
    with pytest.raises(ShapeError, match=r"^BatchNorm2d: expected input of shape \(B, H, W, C\), got \(B, 3\)"):
        BatchNorm2d().build((3,))
    with pytest.raises(ShapeError, match=r"expected input of shape \(B, N\) or \(B, T, N\)"):
        BatchNorm1d().build((2, 2, 3))
    for momentum in (-0.1, 1.1, np.nan, None):
        with pytest.raises(ConfigError, match="expected momentum as a finite number"):
            BatchNorm1d(momentum=momentum)
