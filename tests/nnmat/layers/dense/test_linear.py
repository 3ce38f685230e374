"""The fully connected layer: whatever changes from one pass to the next, each has the bits of one that comes first."""

import copy
import pickle

import numpy as np
import pytest

import nnmat

PASSES = [  # batch, parameters, input_gradient, accumulate
    (4, True, True, False), (4, True, True, False), (4, True, True, True), (9, True, True, False),
    (4, True, False, False), (4, False, True, False), (1, True, True, True), (9, True, False, False),
]  # fmt: skip


def model(dtype, width=3):
    layers = [nnmat.Linear(None, 5), nnmat.Tanh(), nnmat.Linear(5, 6, bias=False), nnmat.ReLU(), nnmat.Linear(6, 2)]
    return nnmat.Sequential(layers, input_shape=(width,), seed=3, dtype=dtype)


def one_pass(net, X, G, parameters=True, input_gradient=True, accumulate=False):
    Y = net.forward(X, training=True).copy()
    gX = net.backward(G, accumulate=accumulate, parameters=parameters, input_gradient=input_gradient)
    return Y, None if gX is None else gX.copy(), net.flat_gradients.copy()


def same(a, b):
    for x, y in zip(a, b, strict=True):
        if x is None or y is None:
            assert x is y
        else:
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [3, 20_000])  # products of one thread, and products shared among threads
def test_passes_that_change(dtype, width, rng):
    net = model(dtype, width)
    for batch, parameters, input_gradient, accumulate in PASSES:
        X = rng.standard_normal((batch, width)).astype(dtype)
        G = rng.standard_normal((batch, 2)).astype(dtype)
        fresh = model(dtype, width)
        fresh.flat_parameters[...] = net.flat_parameters
        fresh.flat_gradients[...] = net.flat_gradients
        options = parameters, input_gradient, accumulate
        same(one_pass(net, X, G, *options), one_pass(fresh, X, G, *options))
        net.flat_parameters[...] *= dtype(0.9)  # in place, as an optimizer does


@pytest.mark.parametrize("how", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_on_its_own(how, rng):
    net, X, G = model(np.float32), *(rng.standard_normal((4, n)).astype(np.float32) for n in (3, 2))
    before = one_pass(net, X, G)
    twin = how(net)
    twin.flat_parameters[...] = 0
    assert not one_pass(twin, X, G)[0].any()
    same(one_pass(net, X, G), before)


def test_inference_leaves_what_is_recorded_alone(rng):
    layer = nnmat.Linear(3, 2)
    layer.build((3,))
    X, G = (rng.standard_normal((4, n)).astype(np.float32) for n in (3, 2))
    Y = layer.forward(X, training=True)
    before = Y.copy()
    Z = layer.forward(2 * X)
    assert not np.shares_memory(Y, Z)
    np.testing.assert_array_equal(Y, before)
    layer.backward(G)
    np.testing.assert_allclose(layer.weight.grad, G.T @ X, rtol=1e-5, atol=1e-6)


def test_a_parameter_may_be_put_in_anothers_place(rng):
    net = nnmat.Sequential([nnmat.Linear(None, 4), nnmat.Linear(4, 4)], input_shape=(4,))
    X = rng.standard_normal((3, 4)).astype(np.float32)
    net.forward(X, training=True)
    net[1].weight = net[0].weight
    np.testing.assert_array_equal(net.forward(X, training=True), net.forward(X))


def test_sequences_are_rows(rng):
    layer = nnmat.Linear(3, 2)
    layer.build((5, 3))
    for batch in (4, 2, 4):
        X, G = (rng.standard_normal((batch, 5, n)).astype(np.float32) for n in (3, 2))
        np.testing.assert_allclose(layer.forward(X, training=True), X @ layer.weight.value.T, rtol=1e-5, atol=1e-6)
        gX = layer.backward(G)
        np.testing.assert_allclose(gX, G @ layer.weight.value, rtol=1e-5, atol=1e-6)
        gW = np.einsum("bti,btj->ij", G, X)
        np.testing.assert_allclose(layer.weight.grad, gW, rtol=1e-4, atol=1e-5)
