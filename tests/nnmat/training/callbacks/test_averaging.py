"""The mean of the parameters, and the statistics of BatchNorm that belong to it."""

import numpy as np
import pytest

import nnmat
from nnmat import SGD, BatchNorm1d, Dropout, Linear, ReLU, Sequential, SoftmaxCrossEntropy, StochasticWeightAverage
from nnmat.training.callbacks.averaging import renew_statistics
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both, figures, same


class Kept(nnmat.Callback):
    """The parameters after each epoch and each step."""

    def __init__(self):
        self.epochs, self.steps = [], []

    def on_step_end(self, trainer, step, loss):
        self.steps.append(trainer.model.flat_parameters.astype(np.float64))

    def on_epoch_end(self, trainer, epoch, figures):
        self.epochs.append(self.steps[-1])


def with_norm(lr=0.1):
    layers = [Linear(2, 6), BatchNorm1d(), ReLU(), Dropout(0.2), Linear(6, 3)]
    model = Sequential(layers, input_shape=(2,), seed=0)
    return nnmat.Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=lr, momentum=0.9))


def test_the_mean_of_the_last_epochs():
    kept, trainer = Kept(), runs.make()
    average = StochasticWeightAverage(start=3)
    runs.fit(trainer, runs.blobs(), epochs=5, callbacks=[kept, average])
    assert average.count == 3
    mean = np.mean(kept.epochs[2:], axis=0)
    np.testing.assert_allclose(trainer.model.flat_parameters, mean, rtol=1e-6, atol=1e-9)
    assert not np.allclose(kept.epochs[-1], mean, rtol=1e-4)


def test_the_mean_of_every_third_step():
    kept, trainer = Kept(), runs.make()
    runs.fit(trainer, runs.blobs(), epochs=3, callbacks=[kept, StochasticWeightAverage(2, every_steps=3)])
    mean = np.mean([kept.steps[step - 1] for step in (9, 12, 15, 18, 21)], axis=0)  # seven steps in an epoch
    np.testing.assert_allclose(trainer.model.flat_parameters, mean, rtol=1e-6, atol=1e-9)


def test_steps_between_run_in_one_go():
    average = StochasticWeightAverage(2, every_steps=3)
    assert average.next_step(1) == "last"
    average._epochs = 1
    assert [average.next_step(step) for step in (1, 3)] == [3, 6]
    assert StochasticWeightAverage(2).next_step(1) == "last"


def test_a_constant_rate_from_then_on():
    schedule = nnmat.schedules.Cosine(0.1, 100)
    trainer = runs.make(lr=schedule)
    history = runs.fit(trainer, runs.blobs(), epochs=4, callbacks=[StochasticWeightAverage(3, lr=0.25)])
    assert history["learning_rate"] == [schedule(6), schedule(13), 0.25, 0.25]
    history = runs.fit(runs.make(), runs.blobs(), callbacks=[StochasticWeightAverage(1, lr=0.25)])
    assert history["learning_rate"] == [0.25, 0.25]


def test_statistics_are_those_of_the_mean():
    trainer, data = with_norm(), runs.blobs()
    runs.fit(trainer, data, epochs=4, callbacks=[StochasticWeightAverage(2)])
    model = trainer.model
    Z = model[0](data.X).astype(np.float64)  # before the BatchNorm
    buffers = model.buffers()
    np.testing.assert_allclose(buffers["1.running_mean"], Z.mean(axis=0), rtol=1e-5, atol=1e-6)
    # The mean of the batches' variances: below that of all, by the variance of their means.
    assert (buffers["1.running_variance"] < 1.3 * Z.var(axis=0)).all()
    assert (buffers["1.running_variance"] > 0.7 * Z.var(axis=0)).all()
    assert trainer.evaluate(data)["loss"] < 0.5


def test_the_means_are_weighted_by_rows_and_nothing_else_changes():
    model = with_norm().model
    norm = model[1]
    X = np.random.default_rng(0).standard_normal((10, 2)).astype(np.float32)
    before = {name: A.copy() for name, A in model.buffers().items()}
    renew_statistics(model, [X[:6], X[6:9], X[9:]])  # a single row has no variance
    Z = model[0](X[:9]).astype(np.float64)
    after = model.buffers()
    np.testing.assert_allclose(after["1.running_mean"], Z.mean(axis=0), rtol=1e-6, atol=1e-7)
    variances = (6 * Z[:6].var(axis=0, ddof=1) + 3 * Z[6:].var(axis=0, ddof=1)) / 9
    np.testing.assert_allclose(after["1.running_variance"], variances, rtol=1e-5)
    assert norm.momentum == 0.1
    assert np.array_equal(after["3.stream"], before["3.stream"])
    with pytest.raises(nnmat.StateError):
        model.backward(np.zeros((6, 3), np.float32))
    other = nnmat.Sequential([Linear(2, 1)], input_shape=(2,))
    renew_statistics(other, iter(lambda: pytest.fail("no pass is needed"), None))


@pytest.mark.parametrize("options", [{}, {"every_steps": 4}, {"lr": 0.2}])
@pytest.mark.parametrize("kill", [5, 24, 55])
def test_a_resumed_run_has_the_same_bits(tmp_path, options, kill):
    found = both(tmp_path, with_norm, lambda folder: [StochasticWeightAverage(4, **options)], kill=kill)
    (one, _, history), (other, _, again) = found
    same(one, other)
    assert figures(history) == figures(again)


def test_batches_of_a_source_of_ones_own_are_drawn_anew():
    class Twice(runs.Growing):
        def batches(self, rng, start=0):
            for X, y in super().batches(rng, start):
                yield np.concatenate([X, X]), np.concatenate([y, y])

    source, trainer = Twice(), with_norm()
    trainer.fit(source, epochs=3, callbacks=[StochasticWeightAverage(1)], progress=False)
    assert source.epochs == 3  # the pass for the statistics is none of the run's
    with pytest.raises(nnmat.StateError, match="inputs: there is no run in progress"):
        next(trainer.inputs())


def test_the_generator_of_two_models():
    G = Sequential([Linear(2, 3), BatchNorm1d()], input_shape=(2,))
    D = Sequential([Linear(3, 1)], input_shape=(3,))
    game = nnmat.Adversarial(G, D, nnmat.AdversarialLoss(), SGD(G, lr=0.1), SGD(D, lr=0.1))
    X = np.random.default_rng(0).standard_normal((16, 3)).astype(np.float32)
    game.fit(X, epochs=3, batch_size=4, callbacks=[StochasticWeightAverage(2)], progress=False)
    Z = G[0](np.random.default_rng(0).standard_normal((16, 2), np.float32))
    np.testing.assert_allclose(G.buffers()["1.running_mean"], Z.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_a_run_that_ends_before_says_so():
    trainer = runs.make()
    with pytest.warns(RuntimeWarning, match="the run ended with epoch 2, and start is 3: nothing was averaged"):
        runs.fit(trainer, runs.blobs(), callbacks=[StochasticWeightAverage(3)])
    with pytest.raises(nnmat.ConfigError, match="StochasticWeightAverage: expected start as an integer >= 1, got 0.8"):
        StochasticWeightAverage(0.8)
    with pytest.raises(nnmat.ConfigError, match="StochasticWeightAverage: expected lr as a finite number > 0"):
        StochasticWeightAverage(1, lr=0)
