"""Steps of one's own as programs: a GAN's two steps, with the bits of the function run by hand."""

import collections
import copy
import os
import threading

import numpy as np
import pytest

import nnmat as nm
from nnmat.programs.compiled_function import CompiledFunction

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
OPTIMIZERS = {
    "momentum": lambda model: nm.SGD(model, lr=nm.schedules.Cosine(0.05, 30), momentum=0.9, nesterov=True),
    "Adam, clipped": lambda model: nm.Adam(model, lr=1e-3, clip_norm=0.1),
    "a schedule of one's own": lambda model: nm.RMSProp(model, lr=lambda step: 1e-3 / (1 + step)),
}


class Gan:
    """A generator and a discriminator, their losses and optimizers, and one step of both."""

    def __init__(self, optimizer):
        layers = [nm.Linear(6, 20), nm.ReLU(), nm.Dropout(0.2), nm.Linear(20, 9), nm.Tanh()]
        self.generator = nm.Sequential(layers, input_shape=(6,), seed=1)
        layers = [nm.Linear(9, 20), nm.LeakyReLU(0.2), nm.Linear(20, 1)]
        self.discriminator = nm.Sequential(layers, input_shape=(9,), seed=2)
        self.losses = nm.SigmoidBinaryCrossEntropy(), nm.SigmoidBinaryCrossEntropy()
        self.optimizers = optimizer(self.generator), optimizer(self.discriminator)

    def step(self, real, noise, ones, zeros):
        D, G = self.discriminator, self.generator
        of_generator, of_discriminator = self.optimizers
        fake = G.forward(noise, training=True)
        on_real = self.losses[0].forward(D.forward(real, training=True), ones)
        D.backward(self.losses[0].backward(), input_gradient=False)
        on_fake = self.losses[0].forward(D.forward(fake, training=True), zeros)
        D.backward(self.losses[0].backward(), accumulate=True, input_gradient=False)
        of_discriminator.step()
        fooled = self.losses[1].forward(D.forward(fake, training=True), ones)
        gX = D.backward(self.losses[1].backward(), parameters=False)
        G.backward(gX, input_gradient=False)
        of_generator.step()
        return {"discriminator": (on_real, on_fake), "generator": fooled, "fake": fake}

    def state(self):
        models = self.generator, self.discriminator
        arrays = [A for m in models for A in (m.flat_parameters, m.flat_gradients, *m.buffers().values())]
        arrays += [A for o in self.optimizers for A in o.state_vectors().values()]
        return [A.tobytes() for A in arrays], [o.steps for o in self.optimizers]


def batch(rng, n):
    real, noise = rng.standard_normal((n, 9)).astype(np.float32), rng.standard_normal((n, 6)).astype(np.float32)
    return real, noise, np.ones((n, 1), np.float32), np.zeros((n, 1), np.float32)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_gan(optimizer, rng):
    by_hand, other = Gan(OPTIMIZERS[optimizer]), Gan(OPTIMIZERS[optimizer])
    step = nm.compile_step(other.step)
    assert isinstance(step, CompiledFunction)
    for i in range(24):
        arrays = batch(rng, 11 if i % 4 == 3 else 16)
        expected, found = by_hand.step(*arrays), step(*arrays)
        assert found["discriminator"] == expected["discriminator"], i
        assert found["generator"] == expected["generator"], i
        assert found["fake"].tobytes() == expected["fake"].tobytes(), i
        assert by_hand.state() == other.state(), i
    assert step.why_not(*arrays) == ""
    listing = str(step.program(*arrays))
    assert "SigmoidBinaryCrossEntropy" in listing
    assert "Linear '3'" in listing


def classifier(**options):
    model = nm.Sequential([nm.Linear(5, 8), nm.Tanh(), nm.Linear(8, 3)], input_shape=(5,))
    loss, optimizer = nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1, momentum=0.9)

    def step(X, y):
        value = loss.forward(model.forward(X, training=True), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        return value

    return model, optimizer, step


def labelled(rng, n=8):
    return rng.standard_normal((n, 5)).astype(np.float32), rng.integers(0, 3, n)


def test_several_steps_of_one_optimizer(rng):
    models = []
    for compiled in (False, True):
        model, optimizer, one = classifier()
        optimizer.lr = nm.schedules.Cosine(0.1, 30)

        def two(X, y, one=one):
            return one(X, y), one(X, y)

        models.append((model, nm.compile_step(two) if compiled else two, optimizer))
    for _ in range(10):
        X, y = labelled(rng)
        (a, by_hand, first), (b, compiled, second) = models
        assert by_hand(X, y) == compiled(X, y)
        assert a.flat_parameters.tobytes() == b.flat_parameters.tobytes()
        assert first.steps == second.steps
    assert compiled.why_not(X, y) == ""


def test_what_changes_between_calls_counts(rng):
    model, optimizer, function = classifier()
    other, twin, by_hand = classifier()
    step = nm.compile_step(function)
    for i in range(30):
        for o in (optimizer, twin):
            o.lr = 0.1 / (1 + i)
            if i == 10:
                o.momentum = 0.5
            if i == 20:
                o.clip_norm = 0.01
        for m in (model, other):
            if i == 25:
                m[0].weight.trainable = False
        X, y = labelled(rng)
        assert step(X, y) == by_hand(X, y), i
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes(), i


def test_a_wrong_label_changes_nothing(rng):
    model, optimizer, function = classifier()
    step = nm.compile_step(function)
    for _ in range(8):
        step(*labelled(rng))
    X, y = labelled(rng)
    assert step.program(X, y) is not None
    before = model.flat_parameters.copy(), optimizer.steps
    y[3] = 7
    with pytest.raises(nm.errors.LabelError, match="7"):
        step(X, y)
    assert model.flat_parameters.tobytes() == before[0].tobytes()
    assert optimizer.steps == before[1]
    assert np.isfinite(step(*labelled(rng)))


def test_a_function_without_an_update():
    model = nm.Sequential([nm.Linear(5, 8), nm.Tanh()], input_shape=(5,))
    outputs = nm.compile_step(lambda X: model.forward(X))
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(8):
        X = rng.standard_normal((4, 5)).astype(np.float32)
        kept.append((X, outputs(X)))
    assert outputs.why_not(X) == ""
    for X, Y in kept:  # results stay what they are
        assert Y.tobytes() == model.forward(X).tobytes()


def test_what_python_computes_is_named(rng):
    model, _, _ = classifier()
    centred = nm.compile_step(lambda X: model.forward(X - X.mean(axis=0)))
    for _ in range(8):
        X, _ = labelled(rng)
        assert centred(X).tobytes() == model.forward(X - X.mean(axis=0)).tobytes()
    assert centred.why_not(X) == "Linear '0': matmul reads A of shape (8, 5), which Python has made"


def test_a_number_of_pythons_is_no_result(rng):
    _model, _, function = classifier()
    step = nm.compile_step(lambda X, y: 2 * function(X, y))
    for _ in range(4):
        step(*labelled(rng))
    assert "comes from no kernel" in step.why_not(*labelled(rng))


def test_other_results_are_refused(rng):
    _model, _, _ = classifier()
    step = nm.compile_step(lambda X: "done")
    with pytest.raises(nm.errors.ConfigError, match="floats and arrays"):
        step(labelled(rng)[0])


def test_a_layer_that_computes_in_python_runs_by_hand(rng):
    class Doubled(nm.Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return 2 * X

        def backward(self, G, call):
            return 2 * G

    model = nm.Sequential([nm.Linear(5, 3), Doubled()], input_shape=(5,))
    step = nm.compile_step(lambda X: model.forward(X))
    X, _ = labelled(rng)
    for _ in range(5):
        assert step(X).tobytes() == model.forward(X).tobytes()
    assert "Doubled '1' computes in Python" in step.why_not(X)


def test_arguments_that_share_memory_run_by_hand(rng):
    model, _, _ = classifier()
    step = nm.compile_step(lambda X, Z: (model.forward(X), model.forward(Z)))
    X, _ = labelled(rng)
    for _ in range(5):
        step(X, X)
    assert step.why_not(X, X) == "arguments share memory"


def test_nothing_is_left_for_a_backward_by_hand(rng):
    model, _, function = classifier()
    step = nm.compile_step(function)
    for _ in range(8):
        X, y = labelled(rng)
        step(X, y)
    with pytest.raises(nm.errors.StateError):
        model.backward(np.ones((8, 3), np.float32))


def test_a_copy_records_anew(rng):
    _model, _, function = classifier()
    step = nm.compile_step(function)
    for _ in range(6):
        X, y = labelled(rng)
        step(X, y)
    assert step.program(X, y) is not None
    assert copy.copy(step).program(X, y) is None


def test_several_threads_may_call(rng):
    """One has the program's memory, the others run by hand."""
    model = nm.Sequential([nm.Linear(40, 60), nm.Tanh(), nm.Linear(60, 30)], input_shape=(40,))
    outputs = nm.compile_step(lambda X: model.forward(X))
    batches = [rng.standard_normal((50, 40)).astype(np.float32) for _ in range(8)]
    expected = [model.forward(X).tobytes() for X in batches]
    for X in batches:
        outputs(X)
    wrong = []

    def work(i):
        for _ in range(300):
            if outputs(batches[i]).tobytes() != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_compiled_step_inside_another_runs_by_hand_and_so_do_both(rng):
    models = []
    for compiled in (True, False):
        model, optimizer, function = classifier()
        inner = nm.compile_step(function) if compiled else function
        outer = nm.compile_step(lambda X, y, inner=inner: inner(X, y)) if compiled else inner
        models.append((model, outer, optimizer))
    for _ in range(12):
        X, y = labelled(rng)
        (a, compiled, first), (b, by_hand, second) = models
        assert compiled(X, y) == by_hand(X, y)
        assert a.flat_parameters.tobytes() == b.flat_parameters.tobytes()
        assert first.steps == second.steps
    assert compiled.why_not(X, y) == "a compiled step runs inside it"


def test_a_rate_that_python_knows(rng):
    model, optimizer, _ = classifier()
    other, twin, _ = classifier()
    rate, loss = [0.1], nm.SoftmaxCrossEntropy()

    def function(model, optimizer, X, y):
        value = loss.forward(model.forward(X, training=True), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.apply(rate[0])
        return value

    step = nm.compile_step(lambda X, y: function(model, optimizer, X, y))
    for i in range(12):
        rate[0] = 0.1 if i < 8 else 0.01
        X, y = labelled(rng)
        assert step(X, y) == function(other, twin, X, y)
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes()
    assert step.why_not(X, y) == "SGD.apply(lr): use step(), with a schedule"


def test_an_optimizer_that_begins_again(rng):
    pairs = []
    for compiled in (True, False):
        model, optimizer, function = classifier()
        pairs.append((model, optimizer, nm.compile_step(function) if compiled else function, optimizer.state()))
    for i in range(14):
        X, y = labelled(rng)
        values = set()
        for _, optimizer, step, start in pairs:
            if i == 8:
                optimizer.load_state(start)
            values.add(step(X, y))
        assert len(values) == 1
        assert pairs[0][0].flat_parameters.tobytes() == pairs[1][0].flat_parameters.tobytes()


def test_a_schedule_that_raises_does_so_at_its_step(rng):
    _model, optimizer, function = classifier()
    optimizer.lr = lambda step: 1 / (9 - step)
    step = nm.compile_step(function)
    for _ in range(9):
        step(*labelled(rng))
    with pytest.raises(ZeroDivisionError):
        step(*labelled(rng))


@pytest.mark.parametrize(
    "function",
    [
        lambda model, X: (model.forward(X), X),
        lambda model, X: model.forward(X).mean(axis=0),
        lambda model, X: X.reshape(-1),
    ],
)
def test_results_that_no_operation_makes_run_by_hand(function, rng):
    model, _, _ = classifier()
    step, (X, _) = nm.compile_step(lambda X: function(model, X)), labelled(rng)
    for _ in range(6):
        step(X)
    Z, _ = labelled(rng)
    expected = function(model, Z)
    for A, B in zip(np.atleast_2d(step(Z)[-1]), np.atleast_2d(expected[-1]), strict=True):
        assert A.tobytes() == B.tobytes()
    assert "made by no operation" in step.why_not(X)


def test_an_argument_that_is_a_part_of_the_model(rng):
    model, _, _ = classifier()
    other = nm.Sequential([nm.Linear(5, 4)], input_shape=(5,))
    step, W = nm.compile_step(lambda X: (model.forward(X), other.forward(X))), model[0].weight.value
    for _ in range(6):
        step(W)
    X, _ = labelled(rng)
    assert step(X)[0].tobytes() == model.forward(X).tobytes()
    assert step.why_not(W) == "an argument is a part of the model"


def test_named_tuples_come_back(rng):
    Losses = collections.namedtuple("Losses", "first second")
    _, _, function = classifier()
    step = nm.compile_step(lambda X, y: Losses(function(X, y), None))
    for _ in range(6):
        found = step(*labelled(rng))
    assert type(found) is Losses
    assert step.why_not(*labelled(rng)) == ""


def test_what_a_convolution_refuses_changes_nothing_before(rng):
    """Images with infinities have a kernel of their own, which a program does not know."""
    models = []
    for compiled in (True, False):
        model, _optimizer, function = classifier()
        images = nm.Sequential([nm.Conv2d(2, 4, 3)], input_shape=(8, 8, 2))

        def both(X, y, Z, function=function, images=images):
            return function(X, y), images.forward(Z)

        models.append((model, nm.compile_step(both) if compiled else both))
    for i in range(9):
        X, y = labelled(rng)
        Z = rng.standard_normal((2, 8, 8, 2)).astype(np.float32)
        if i == 7:
            Z[0, 0, 0, 0] = np.inf
        found = [step(X, y, Z) for _, step in models]
        assert found[0][0] == found[1][0]
        assert found[0][1].tobytes() == found[1][1].tobytes()
        assert models[0][0].flat_parameters.tobytes() == models[1][0].flat_parameters.tobytes()


def test_batches_of_many_sizes_are_not_recorded_for_ever(rng):
    _, _, function = classifier()
    step = nm.compile_step(function)
    for size in rng.integers(1, 30, 1500):
        step(*labelled(rng, size))
    assert step.why_not(*labelled(rng, 99)) == "most programs would be made for a few calls"


def test_why_not_says_what_the_first_calls_do(rng):
    _, _, function = classifier()
    step = nm.compile_step(function)
    assert step.why_not(*labelled(rng)) == "the first of such steps run by hand, are recorded and checked"
