"""Parameters used at several places: `backward` on the model or on any part of it overwrites, and sums all terms."""

import copy
import pickle

import numpy as np
import pytest

from nnmat import Layer, Linear, Sequential, Tanh
from tests.composites import Sandwich, TiedAutoencoder


def chain():
    return Sequential([Linear(4, 4), TiedAutoencoder(3), Linear(4, 2)], input_shape=(4,), seed=1, dtype=np.float64)


def grads(layer):
    return [p.grad.copy() for p in layer.parameters()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("how", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_backward_on_a_part_overwrites(how, rng):
    model = how(chain())
    X, G = rng.standard_normal((2, 5, 4))
    part = model[1]
    part.forward(X, training=True)
    model.flat_gradients[...] = 7
    part.backward(G, keep=True)
    W, b = part.encode.weight.value, part.encode.bias.value
    Z = np.tanh(X @ W.T + b)
    gH = (G @ W.T) * (1 - Z**2)
    once = grads(part)
    np.testing.assert_allclose(once[0], Z.T @ G + gH.T @ X, rtol=1e-12)
    part.backward(G, keep=True)
    assert same(grads(part), once)
    part.backward(G, accumulate=True, keep=True)
    assert all(np.allclose(a, 2 * b, rtol=1e-12) for a, b in zip(grads(part), once, strict=True))
    part.backward(G, parameters=False)
    assert all(np.allclose(a, 2 * b, rtol=1e-12) for a, b in zip(grads(part), once, strict=True))
    assert (model[0].weight.grad == 7).all()
    assert (model[2].weight.grad == 7).all()


def test_backward_on_one_tied_layer_overwrites(rng):
    model = chain()
    X, G = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    encode = model[1].encode
    encode.forward(X, training=True)
    for _ in range(2):
        encode.backward(G, keep=True)
        np.testing.assert_allclose(encode.weight.grad, G.T @ X, rtol=1e-12)
        np.testing.assert_allclose(encode.bias.grad, G.sum(axis=0), rtol=1e-12)


def test_parts_and_whole_in_turn(rng):
    model, fresh = chain(), chain()
    X, G = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    for m in (model, fresh):
        m.forward(X, training=True)
    model[1].backward(rng.standard_normal((5, 4)), keep=True)
    model.backward(G)
    fresh.backward(G)
    assert same(grads(model), grads(fresh))


def test_a_backward_that_fails_leaves_no_trace(rng, monkeypatch):
    model = chain()
    X, G = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    model.forward(X, training=True)
    model.backward(G, keep=True)
    once = grads(model)
    with monkeypatch.context() as patch:
        patch.setattr(model[1].activation._call, "batch", None)
        with pytest.raises(Exception, match="needs a recorded forward"):
            model.backward(G, keep=True)
    model.backward(G)
    assert same(grads(model), once)


class Guided(Layer):
    """Y = F(X), whose backward first runs the backward of another model (one that is no part of this one)."""

    def __init__(self, inner, other):
        super().__init__()
        self.inner, self.other = inner, other

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def named_children(self):
        return [("inner", self.inner)]

    def forward(self, X, call):
        self.other.forward(X, call.training, call.record)
        return self.inner.forward(X, call)

    def backward(self, G, call):
        self.other.backward(G, keep=call.keeps)
        return self.inner.backward(G, call, input_gradient=call.wants_input)


def test_another_model_inside_has_a_call_of_its_own(rng):
    other, alone = (TiedAutoencoder(2).build((4,), rng=3, dtype=np.float64) for _ in range(2))
    model = Guided(TiedAutoencoder(3), other).build((4,), rng=1, dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 4))
    alone.forward(X, training=True)
    alone.backward(G)
    model.forward(X, training=True)
    seen = []
    for _ in range(2):
        model.backward(G, keep=True)
        assert same(grads(other), grads(alone))
        seen.append(grads(model))
    assert same(*seen)
    model.backward(G, accumulate=True)
    assert same(grads(other), grads(alone))
    np.testing.assert_allclose(model.flat_gradients, 2 * np.concatenate([g.ravel() for g in seen[0]]), rtol=1e-12)


def test_a_tied_layer_with_layers_inside(rng):
    """It adds to its gradients, and so do the layers that it calls: theirs are cleared as well."""
    model = Sequential([Sandwich(3), Tanh()], input_shape=(4,), seed=2, dtype=np.float64)
    X, G = rng.standard_normal((2, 5, 4))
    part = model[0]
    part.forward(X, training=True)
    W, V, c = part.weight.value, part.inner.weight.value, part.inner.bias.value
    H = X @ W.T
    gZ = G @ W.T
    for _ in range(2):
        part.backward(G, keep=True)
        np.testing.assert_allclose(part.weight.grad, (H @ V.T + c).T @ G + (gZ @ V).T @ X, rtol=1e-12)
        np.testing.assert_allclose(part.inner.weight.grad, gZ.T @ H, rtol=1e-12)
        np.testing.assert_allclose(part.inner.bias.grad, gZ.sum(axis=0), rtol=1e-12)
