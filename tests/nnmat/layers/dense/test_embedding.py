"""Tokens: the sum over places, what is refused, and models that take them."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import Concatenate, ConfigError, DtypeError, Embedding, Flatten, Linear, Sequential, ShapeError, Tied
from nnmat_kernels.runtime.config import settings


def test_the_gradient_sums_over_all_places_of_a_token(rng):
    layer = Embedding(5, 3).build((4,), dtype=np.float64)
    X = np.array([[1, 1, 3, 1], [3, 0, 0, 4]])
    G = rng.standard_normal((2, 4, 3))
    assert np.array_equal(layer.forward(X, training=True), layer.weight.value[X])
    assert layer.backward(G) is None
    right = np.zeros((5, 3))
    np.add.at(right, X, G)
    np.testing.assert_allclose(layer.weight.grad, right, rtol=1e-14)
    assert (layer.weight.grad[2] == 0).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_any_integers_are_tokens(dtype):
    layer = Embedding(5, 3).build((2,))
    X = np.array([[0, 4]], dtype)
    assert np.array_equal(layer.forward(X), layer.weight.value[[[0, 4]]])


@pytest.mark.parametrize("X", [np.zeros((1, 2)), np.zeros((1, 2), np.bool_)])
def test_what_is_no_token(X):
    layer = Embedding(5, 3).build((2,))
    with pytest.raises(DtypeError, match=r"^Embedding: expected X to hold integers, tokens, got dtype"):
        layer.forward(X)


@pytest.mark.parametrize("token", [-1, 5, 2**40])
def test_a_token_out_of_range(token):
    layer = Embedding(5, 3).build((2,))
    with pytest.raises(nm.LabelError, match=rf"expected tokens from 0 to 4.*got {token} at index \(0, 1\)"):
        layer.forward(np.array([[0, token]]))


def test_it_stands_first():
    with pytest.raises(ConfigError, match=r"^Embedding '1': it takes tokens.*Put it first of all"):
        Sequential([Linear(3, 3), Embedding(5, 3)], input_shape=(3,))
    with pytest.raises(ConfigError, match=r"^Concatenate: some of its layers take tokens and some numbers"):
        Concatenate([Sequential([Embedding(5, 3), Flatten()]), None]).build((3,))
    for wrong in ({"tokens": 0}, {"features": 2.5}, {"tokens": True}):
        with pytest.raises(ConfigError, match=f"^Embedding: expected {next(iter(wrong))} as an integer"):
            Embedding(**{"tokens": 5, "features": 3, **wrong})


def model(seed=0):
    table = Embedding(7, 4)
    layers = [table, Tied(table, transpose=True), Flatten(), Linear(None, 3)]
    return Sequential(layers, input_shape=(5,), seed=seed)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_training_on_tokens_has_the_same_bits_by_hand_and_as_a_program(dtype, rng):
    X = rng.integers(0, 7, (61, 5)).astype(dtype)
    y = X[:, 0].astype(np.int64) % 3
    found = []
    for compiled in (False, True):
        own = model()
        trainer = nm.Trainer(own, nm.SoftmaxCrossEntropy(), nm.Adam(own), metrics=["accuracy"], compiled=compiled)
        trainer.fit((X, y), 9, batch_size=8, progress=False)
        found.append(own.flat_parameters.tobytes())
    assert found[0] == found[1]
    assert trainer.predict(X).shape == (61, 3)
    assert trainer.evaluate((X, y))["accuracy"] > 0.3


def test_fit_refuses_what_is_no_token(rng):
    own = model()
    trainer = nm.Trainer(own, nm.SoftmaxCrossEntropy(), nm.SGD(own, lr=0.1))
    with pytest.raises(DtypeError, match=r"expected X to hold integers, tokens, got dtype float32"):
        trainer.fit((np.zeros((8, 5), np.float32), np.zeros(8, np.int64)), 1, progress=False)
    with pytest.raises(nm.LabelError, match=r"expected tokens from 0 to 6"):
        trainer.fit((np.full((8, 5), 9), np.zeros(8, np.int64)), 1, progress=False)


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_a_step_stops_at_a_token_out_of_range(rng):
    own = model()
    step = nm.compile_step(own, nm.SoftmaxCrossEntropy(), nm.SGD(own, lr=0.1))
    X, y = rng.integers(0, 7, (6, 5)), rng.integers(0, 3, 6)
    for _ in range(6):
        step(X, y)
    assert step.why_not(X, y) == ""
    before = own.flat_parameters.copy()
    with pytest.raises(nm.LabelError, match="expected tokens from 0 to 6"):
        step(X + 7, y)
    assert np.array_equal(own.flat_parameters, before)


def test_a_head_of_the_table_has_both_terms(rng):
    table = Embedding(6, 4)
    own = Sequential([table, Tied(table, transpose=True)], input_shape=(3,), dtype=np.float64)
    X, G = rng.integers(0, 6, (5, 3)), rng.standard_normal((5, 3, 6))
    E = table.weight.value
    np.testing.assert_allclose(own.forward(X, training=True), E[X] @ E.T, rtol=1e-13)
    own.backward(G)
    Z = np.eye(6)[X.reshape(-1)]
    g = G.reshape(-1, 6)
    np.testing.assert_allclose(table.weight.grad, g.T @ (Z @ E) + Z.T @ (g @ E), rtol=1e-12)
    table = Embedding(6, 4)
    with pytest.raises(ShapeError, match="expected inputs of width 4, that of the Embedding"):
        Sequential([table, Linear(4, 5), Tied(table, transpose=True)], input_shape=(3,))
