"""The search for a learning rate: its curve, its suggestion, and that nothing is left of it."""

import numpy as np
import pytest

import nnmat
from nnmat import Dropout, LearningRateFinder, Linear, Sequential, SoftmaxCrossEntropy, Tanh
from nnmat.training.callbacks.rate_finder import steepest_fall
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both, same


def make(kind=nnmat.Adam, lr=0.01):
    model = Sequential([Linear(2, 8), Tanh(), Dropout(0.1), Linear(8, 3)], input_shape=(2,), seed=0)
    return nnmat.Trainer(model, SoftmaxCrossEntropy(), kind(model, lr=lr))


def everything(trainer):
    arrays = [trainer.model.flat_parameters, trainer.model.flat_gradients, *trainer.model.buffers().values()]
    state = trainer.optimizer.state()
    return [A.tobytes() for A in arrays], {k: np.asarray(v).tobytes() for k, v in state.items() if k != "schedule"}


@pytest.mark.parametrize("kind", [nnmat.SGD, nnmat.Adam, nnmat.Muon])
def test_all_is_as_before(kind):
    schedule = lambda k: 0.01  # noqa: E731  (a function that no file could hold)
    trainer, other = make(kind, schedule), make(kind, schedule)
    for own in (trainer, other):
        runs.fit(own, runs.blobs(), epochs=3)
    before = everything(trainer)
    curve = LearningRateFinder(1e-4, 1.0, steps=40).find(trainer, runs.blobs(), batch_size=16)
    assert everything(trainer) == before
    assert trainer.optimizer.schedule is schedule
    assert trainer.optimizer.steps == 21
    assert len(curve.rates) == len(curve.losses) == len(curve.smoothed) <= 40
    for own in (trainer, other):
        runs.fit(own, runs.blobs(), epochs=2, seed=3)
    same(trainer, other)


def test_the_rates_are_a_geometric_series_and_the_losses_those_of_the_steps():
    trainer = make(nnmat.SGD)
    curve = LearningRateFinder(1e-3, 1e-1, steps=11, smoothing=0.5).find(trainer, runs.blobs(), seed=4)
    np.testing.assert_allclose(curve.rates, 10 ** np.linspace(-3, -1, 11))
    by_hand, losses = make(nnmat.SGD), []

    class Rate(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            losses.append(loss)

    by_hand.optimizer.lr = lambda step: 1e-3 * 100 ** (step / 10)
    by_hand.fit(runs.blobs(), steps=11, callbacks=[Rate()], seed=4, progress=False)
    np.testing.assert_allclose(curve.losses, losses, rtol=1e-6)
    weights = 0.5 ** np.arange(11)[::-1]
    assert curve.smoothed[-1] == pytest.approx(np.dot(weights, curve.losses) / weights.sum())


def test_the_suggestion_trains():
    data = runs.blobs(400)
    found = {}
    for kind in (nnmat.SGD, nnmat.Adam):
        trainer = make(kind)
        curve = LearningRateFinder(1e-5, 10.0).find(trainer, data, batch_size=40)
        assert 1e-3 < curve.suggestion < 5.0
        trainer.optimizer.lr = found[kind] = curve.suggestion
        assert trainer.fit(data, epochs=5, batch_size=40, progress=False)["loss"][-1] < 0.2


def test_the_steepest_fall_of_a_known_curve():
    rates = np.geomspace(1e-5, 1, 101)
    fall = 1 / (1 + (rates / 1e-3) ** 2) + 50 * rates**2  # falls most, over the logarithm, at 1e-3
    assert steepest_fall(rates, fall) == pytest.approx(1e-3, rel=0.1)
    assert steepest_fall(rates, np.linspace(1, 2, 101)) is None
    assert steepest_fall(rates, np.full(101, 1.0)) is None


def test_a_loss_that_runs_away_ends_the_search():
    trainer = runs.make(loss=nnmat.MeanSquaredError(), metrics=())
    data = runs.blobs()
    data = (data.X, np.eye(3, dtype=np.float32)[data.y])
    before = everything(trainer)
    curve = LearningRateFinder(1e-3, 1e30, steps=60).find(trainer, data)
    assert len(curve.losses) < 60
    assert everything(trainer) == before
    curve = LearningRateFinder(1e20, 1e35, steps=60).find(trainer, data)  # infinite at the second step
    assert len(curve.losses) < 4
    assert curve.suggestion is None
    assert everything(trainer) == before


def test_as_a_callback_it_leaves_the_run_where_it_began():
    trainer, finder = make(), LearningRateFinder(steps=20)
    before = everything(trainer)
    runs.fit(trainer, runs.blobs(), epochs=50, callbacks=[finder])
    assert everything(trainer) == before
    assert len(finder.curve.losses) == 20
    with pytest.raises(nnmat.StateError, match=r"there is no curve yet. Call find\(trainer, data\) first"):
        LearningRateFinder().curve  # noqa: B018


def test_a_killed_and_resumed_search_finds_the_same(tmp_path):
    (one, mine, _), (other, theirs, _) = both(
        tmp_path, make, lambda folder: [LearningRateFinder(1e-4, 0.1, steps=50)], kill=30
    )
    same(one, other)
    same(one, make())
    assert all(map(np.array_equal, mine[0].curve[:3], theirs[0].curve[:3]))
    assert mine[0].curve.suggestion == theirs[0].curve.suggestion


def test_an_error_before_the_first_step_leaves_all_as_it_was(tmp_path):
    trainer = make()
    schedule = trainer.optimizer.schedule
    with pytest.raises(FileNotFoundError):
        runs.fit(trainer, runs.blobs(), callbacks=[LearningRateFinder()], resume=tmp_path / "none.npz")
    assert trainer.optimizer.schedule is schedule


def test_a_source_of_ones_own_is_put_back():
    source = runs.Growing()
    LearningRateFinder(steps=12).find(make(), source)
    assert source.epochs == 0


def test_two_models():
    G = Sequential([Linear(2, 3)], input_shape=(2,))
    D = Sequential([Linear(3, 1)], input_shape=(3,))
    game = nnmat.Adversarial(G, D, nnmat.AdversarialLoss(), nnmat.Adam(G), nnmat.Adam(D))
    before = [m.flat_parameters.copy() for m in (G, D)]
    curve = LearningRateFinder(steps=12).find(game, np.ones((32, 3), np.float32), batch_size=8)
    assert len(curve.losses) == 12
    assert all(map(np.array_equal, before, [m.flat_parameters for m in (G, D)]))
    assert game.generator_optimizer.steps == 0


def test_what_is_refused():
    for options, text in (
        ({"low": 0}, "expected low as a finite number > 0"),
        ({"low": 1.0, "high": 0.1}, "expected low below high, got 1.0 and 0.1"),
        ({"steps": 3}, "expected steps as an integer >= 10, got 3"),
        ({"smoothing": 1}, "expected smoothing as a number from 0 to below 1"),
    ):
        with pytest.raises(nnmat.ConfigError, match=f"LearningRateFinder: {text}"):
            LearningRateFinder(**options)
