"""What a call returns is the caller's, and backward differentiates the forward that was recorded, or refuses."""

import copy

import numpy as np
import pytest

import nnmat
from nnmat import (
    Add,
    AvgPool2d,
    Concatenate,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Softmax,
    StateError,
    Tied,
)


def tied():
    layer = Linear(6, 6)
    return Sequential([layer, ReLU(), Tied(layer)])


MODELS = {
    "linear": (lambda: Linear(6, 4), (6,)),
    "relu": (ReLU, (6,)),
    "softmax": (Softmax, (6,)),
    "flatten": (Flatten, (2, 3)),
    "dropout": (lambda: Dropout(0.5), (6,)),
    "network": (lambda: Sequential([Linear(6, 5), ReLU(), Linear(5, 3)]), (6,)),
    "network that ends in an activation": (lambda: Sequential([Flatten(), Linear(6, 3), ReLU()]), (2, 3)),
    "cnn": (lambda: Sequential([Conv2d(1, 2, 3), ReLU(), MaxPool2d(2), Flatten(), Linear(None, 3)]), (8, 8, 1)),
    "pool": (lambda: AvgPool2d(2), (4, 4, 2)),
    "khat": (lambda: Conv2d(1, 2, 3, method="khat"), (5, 5, 1)),
    "im2col": (lambda: Conv2d(1, 2, 3, method="im2col"), (5, 5, 1)),
    "residual": (lambda: Add([None, Linear(6, 6)]), (6,)),
    "beside": (lambda: Concatenate([None, Linear(6, 2)]), (6,)),
    "tied": (tied, (6,)),
}


@pytest.fixture(params=MODELS)
def model(request):
    make, shape = MODELS[request.param]
    return make().build(shape, rng=1, dtype=np.float64)


def draw(model, seed):
    return np.random.default_rng(seed).standard_normal((3, *model.input_shape))


@pytest.mark.parametrize("training", [{"training": True}, {"record": True}, {}])
def test_two_forwards_give_two_arrays(model, training):
    a, b = draw(model, 1), draw(model, 2)
    Ha = model.forward(a, **training)
    kept = Ha.copy()
    Hb = model.forward(b, **training)
    assert not np.shares_memory(Ha, Hb)
    np.testing.assert_array_equal(Ha, kept)


def test_two_backwards_give_two_arrays(model):
    a, b = draw(model, 1), draw(model, 2)
    Ha = model.forward(a, training=True)
    ga = model.backward(np.ones_like(Ha))
    kept = ga.copy()
    model.backward(-np.ones_like(model.forward(b, training=True)))
    np.testing.assert_array_equal(ga, kept)


def test_a_caller_may_write_to_what_it_got(model):
    twin, a = copy.deepcopy(model), draw(model, 1)
    Ha = model.forward(a, training=True)
    twin.forward(a, training=True)
    G = np.ones_like(Ha)
    Ha[...] = np.nan
    np.testing.assert_array_equal(model.backward(G), twin.backward(G))
    np.testing.assert_array_equal(model.flat_gradients, twin.flat_gradients)
    assert not np.isnan(a).any()


@pytest.mark.parametrize("options", [{}, {"accumulate": True}, {"input_gradient": False}])
def test_a_second_backward_without_a_forward_says_what_to_do(model, options):
    """Two forwards and two backwards: the second would be the gradient of the wrong forward."""
    model.forward(draw(model, 1), training=True)
    H = model.forward(draw(model, 2), training=True)
    model.backward(np.ones_like(H))
    with pytest.raises(StateError, match=r"each one serves one backward.*forward\(X, training=True\).*keep=True"):
        model.backward(np.ones_like(H), **options)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_keep_leaves_the_record(model, times):
    H = model.forward(draw(model, 1), training=True)
    G = np.random.default_rng(3).standard_normal(H.shape)
    first = model.backward(G, keep=True)
    gradients = model.flat_gradients.copy()
    for _ in range(times):
        np.testing.assert_array_equal(model.backward(G, accumulate=True, keep=True), first)
    np.testing.assert_allclose(model.flat_gradients, (times + 1) * gradients, rtol=1e-12)
    model.backward(G)
    with pytest.raises(StateError):
        model.backward(G)


def test_the_last_record_is_the_one(model):
    twin, a, b = copy.deepcopy(model), draw(model, 1), draw(model, 2)
    for m, inputs in ((model, (a, b)), (twin, (b,))):
        for name, A in m.buffers().items():
            A[...] = twin.buffers()[name]
        for X in inputs:
            H = m.forward(X, training=not m.buffers(), record=True)
    G = np.ones_like(H)
    np.testing.assert_array_equal(model.backward(G), twin.backward(G))


def test_a_forward_in_between_that_is_not_recorded_changes_nothing(model):
    twin, a = copy.deepcopy(model), draw(model, 1)
    H = model.forward(a, training=True)
    twin.forward(a, training=True)
    model.forward(draw(model, 2))
    G = np.ones_like(H)
    np.testing.assert_array_equal(model.backward(G), twin.backward(G))


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_training_is_what_it_was(batches):
    """The trainer's own step lends, a loop by hand copies: the same bits."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8 * batches, 6)).astype(np.float32), rng.integers(0, 3, 8 * batches)
    networks = [Sequential([Linear(6, 5), ReLU(), Linear(5, 3)], input_shape=(6,)) for _ in range(2)]
    loss = nnmat.SoftmaxCrossEntropy()
    by_trainer, by_hand = (nnmat.SGD(network, lr=0.1) for network in networks)
    source = nnmat.datasets.ArrayBatches(X, y, 8, False)
    nnmat.Trainer(networks[0], loss, by_trainer).fit(source, epochs=1, progress=False)
    for i in range(0, len(X), 8):
        loss.forward(networks[1].forward(X[i : i + 8], training=True), y[i : i + 8])
        networks[1].backward(loss.backward(), input_gradient=False)
        by_hand.step()
    np.testing.assert_array_equal(networks[0].flat_parameters, networks[1].flat_parameters)


class Twice(nnmat.Layer):
    """A container from outside that calls its part as often as it is told."""

    def __init__(self, part, times):
        super().__init__()
        self.part, self.times = part, times

    def named_children(self):
        return [("part", self.part)]

    def output_shape(self, input_shape):
        return self.part.output_shape(input_shape)

    def child_shapes(self, input_shape):
        return [input_shape]

    def forward(self, X, call):
        for _ in range(self.times):
            X = self.part.forward(X, call)
        return X

    def backward(self, G, call):
        for _ in range(self.times):
            G = self.part.backward(G, call)
        return G


@pytest.mark.parametrize("part", [lambda: Linear(6, 6), ReLU, lambda: Sequential([Linear(6, 6), ReLU()]), tied])
@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Sequential([Linear(6, 6), layer])])
def test_a_layer_that_is_called_twice_in_one_pass(part, wrap):
    once, twice = (wrap(Twice(part(), times)).build((6,), rng=1, dtype=np.float64) for times in (1, 2))
    X = np.ones((3, 6))
    for _ in range(2):
        with pytest.raises(StateError, match=r"twice in one pass of its container.*two layers, or Tied\(layer\)"):
            twice.forward(X, training=True)
    twice.forward(X)  # without a record it does no harm
    for _ in range(3):  # nor is a pass without a backward
        H = once.forward(X, training=True)
    once.backward(np.ones_like(H), keep=True)
    once.backward(np.ones_like(H))
    with pytest.raises(
        StateError, match=r"A layer called twice in one pass has one record: use two layers, or Tied\(layer\)"
    ):
        once.backward(np.ones_like(H))


def test_a_part_may_be_called_again_for_its_backward():
    """A container that keeps X only and repeats its forward."""

    class Again(Twice):
        def forward(self, X, call):
            call.keep(X=X)
            return self.part.forward(X, call)

        def backward(self, G, call):
            self.part.forward(call.X, call)
            return self.part.backward(G, call)

    again, once = (kind(Linear(6, 6), 1).build((6,), rng=1, dtype=np.float64) for kind in (Again, Twice))
    for model in (again, once):
        model.backward(np.ones_like(model.forward(np.ones((3, 6)), training=True)))
    np.testing.assert_array_equal(again.flat_gradients, once.flat_gradients)
