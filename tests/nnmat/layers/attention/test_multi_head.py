"""Attention: what masks hide, dropped weights, and what is refused."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import ConfigError, DtypeError, MultiHeadAttention, ShapeError
from nnmat_kernels.runtime.config import settings


def test_a_place_that_sees_nothing_gives_the_bias_and_no_gradient(rng):
    layer = MultiHeadAttention(6, 2, key_mask=True).build(((4, 6), (4,)), dtype=np.float64)
    layer.out_proj.bias.value = b = rng.standard_normal(6)
    X, counts = rng.standard_normal((2, 4, 6)), np.array([[False] * 4, [True, False, True, True]])
    Y = layer.forward((X, counts), training=True)
    assert np.array_equal(Y[0], np.tile(b, (4, 1)))
    G = rng.standard_normal(Y.shape)
    gX, nothing = layer.backward(G)
    assert nothing is None
    assert (gX[0] == 0).all()
    assert np.isfinite(gX).all()
    other = X.copy()
    other[1, 1] = 100.0  # a key that nobody sees: the other places don't change
    np.testing.assert_array_equal(np.delete(layer.forward((other, counts))[1], 1, 0), np.delete(Y[1], 1, 0))


def test_causal_looks_back_only(rng):
    layer = MultiHeadAttention(6, 3, causal=True, rotary=True).build((5, 6), dtype=np.float64)
    X = rng.standard_normal((2, 5, 6))
    Y = layer.forward(X)
    X[:, 3:] = 7.0
    assert np.array_equal(layer.forward(X)[:, :3], Y[:, :3])


@pytest.mark.parametrize("heads", [1, 3])
def test_masks_that_are_added(heads, rng):
    layer = MultiHeadAttention(6, 3, mask=True).build(((4, 6), (heads, 4, 4)), dtype=np.float64)
    plain = MultiHeadAttention(6, 3, causal=True).build((4, 6), dtype=np.float64)
    plain.flat_parameters[...] = layer.flat_parameters
    X = rng.standard_normal((2, 4, 6))
    M = np.broadcast_to(np.triu(np.full((4, 4), -np.inf), 1), (2, heads, 4, 4))
    np.testing.assert_allclose(layer.forward((X, M)), plain.forward(X), rtol=1e-13)


def test_dropped_weights(rng):
    layer = MultiHeadAttention(4, 1, rate=0.5).build((50, 4), dtype=np.float64)
    X = rng.standard_normal((2, 50, 4))
    one, two = layer.forward(X, training=True), layer.forward(X, training=True)
    assert not np.array_equal(one, two)
    assert np.array_equal(layer.forward(X), layer.forward(X))
    counter = layer.buffers()["stream"][1]
    layer.forward(X, training=True, record=False)
    assert layer.buffers()["stream"][1] == counter == 2
    everything = MultiHeadAttention(4, 1, rate=1.0, bias=False).build((5, 4), dtype=np.float64)
    assert (everything.forward(X[:, :5].copy(), training=True) == 0).all()


def test_the_gradient_of_the_bias_of_keys_is_zero(rng):
    layer = MultiHeadAttention(8, 2).build((6, 8), dtype=np.float64)
    layer.forward(rng.standard_normal((3, 6, 8)), training=True)
    layer.backward(rng.standard_normal((3, 6, 8)))
    assert np.abs(layer.in_proj.bias.grad[8:16]).max() < 1e-13


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_training_with_masks_as_a_program(rng):
    X, counts = rng.standard_normal((60, 5, 4)).astype(np.float32), rng.random((60, 5)) < 0.8
    y = rng.integers(0, 3, 60)
    found = []
    for compiled in (False, True):
        attention = MultiHeadAttention(4, 2, key_mask=True, rate=0.1)
        model = nm.Sequential([attention, nm.Flatten(), nm.Linear(None, 3)], input_shape=((5, 4), (5,)))
        trainer = nm.Trainer(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1), compiled=compiled)
        trainer.fit(((X, counts), y), 6, batch_size=10, progress=False)
        found.append(model.flat_parameters.tobytes())
    assert found[0] == found[1]
    step = nm.compile_step(model, nm.SoftmaxCrossEntropy(), trainer.optimizer)
    for _ in range(5):
        step((X, counts), y)
    assert step.why_not((X, counts), y) == ""
    with pytest.raises(DtypeError, match=r"expected X\[1\] to hold booleans, got dtype int64"):
        trainer.fit(((X, counts.astype(np.int64)), y), 1, progress=False)


def test_options():
    with pytest.raises(ConfigError, match="expected heads that divide features = 6, got 4"):
        MultiHeadAttention(6, 4)
    with pytest.raises(ConfigError, match="key_features is for cross=True"):
        MultiHeadAttention(6, 2, key_features=3)
    for wrong in ({"rate": 1.5}, {"causal": 1}, {"heads": 0}, {"mask": None}, {"bias": "yes"}):
        with pytest.raises(ConfigError, match=f"expected {next(iter(wrong))} as"):
            MultiHeadAttention(**{"features": 6, "heads": 2, **wrong})
    with pytest.raises(ConfigError, match="heads"):
        MultiHeadAttention(6, num_heads=2)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({}, (4, 5), r"expected queries of shape \(B, T, 6\), got \(B, 4, 5\)"),
        ({}, ((4, 6), (4,)), r"expected 1 inputs \(queries\), got"),
        ({"key_mask": True}, (4, 6), r"expected 2 inputs \(queries, key_mask\), got"),
        ({"key_mask": True}, ((4, 6), (5,)), r"expected key_mask of shape \(B, 4\), got \(B, 5\)"),
        ({"mask": True}, ((4, 6), (4, 5)), r"expected mask of shape \(B, 4, 4\) or \(B, 2, 4, 4\), got \(B, 4, 5\)"),
        ({"cross": True, "key_features": 3}, ((4, 6), (5, 6)), r"expected keys of shape \(B, T, 3\), got \(B, 5, 6\)"),
    ],
)
def test_shapes(options, shape, message):
    with pytest.raises(ShapeError, match=message):
        MultiHeadAttention(6, 2, **options).build(shape)


def test_key_masks_are_booleans(rng):
    layer = MultiHeadAttention(6, 2, key_mask=True).build(((4, 6), (4,)))
    with pytest.raises(DtypeError, match=r"expected X\[1\] to hold booleans, got dtype float32"):
        layer.forward((np.zeros((1, 4, 6), np.float32), np.ones((1, 4), np.float32)))
