"""The learning rate that falls on a plateau."""

import pytest

import nnmat
from nnmat import schedules
from nnmat.training.callbacks.plateau import LearningRateOnPlateau
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both, figures, same


class Given(nnmat.Callback):
    """Puts made up figures into those of the epochs."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, trainer, epoch, figures):
        figures["made_up"] = self.values[epoch - 1]


def rates(values, lr=1.0, **options):
    """The rate of each epoch's last step for these figures."""
    trainer = runs.make(lr=lr)
    options = {"factor": 0.5, "patience": 2} | options
    callbacks = [Given(values), LearningRateOnPlateau("made_up", **options)]
    history = runs.fit(trainer, runs.blobs(32), epochs=len(values), callbacks=callbacks)
    return history["learning_rate"], trainer


def test_it_falls_after_so_many_epochs_without_improvement():
    found, trainer = rates([3.0, 2.0, 2.0, 2.5, 2.0, 2.0, 1.0, 1.0])
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    assert trainer.optimizer.lr == 0.25
    assert rates([1.0, 2.0, 3.0], mode="max")[0] == [1, 1, 1]
    assert rates([3.0, 2.9, 2.8, 2.7], min_delta=0.5)[0] == [1, 1, 1, 0.5]


def test_a_rest_after_it_fell_and_a_least_rate():
    assert rates([1.0] * 9, patience=1)[0] == [1, 1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125]
    assert rates([1.0] * 9, patience=1, cooldown=2)[0] == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]
    assert rates([1.0] * 6, patience=1, min_lr=0.2)[0] == [1, 1, 0.5, 0.25, 0.2, 0.2]
    assert rates([1.0] * 3, patience=1, lr=0.1, min_lr=0.2)[0] == [0.1] * 3


def test_a_schedule_is_multiplied():
    schedule = schedules.Cosine(1.0, 100)
    found, trainer = rates([1.0] * 6, patience=2, lr=schedule)
    expected = [factor * schedule(step) for step, factor in enumerate([1, 1, 1, 0.5, 0.5, 0.25])]
    assert found == pytest.approx(expected, rel=1e-15)
    assert trainer.optimizer.schedule.config() == schedules.Scaled(schedule, 0.125).config() | {"factor": 0.25}


@pytest.mark.parametrize("lr", [0.2, schedules.WarmUp(10, schedules.Cosine(0.2, 50))])
def test_a_resumed_run_has_the_same_bits(tmp_path, lr):
    def callbacks(folder):
        return [LearningRateOnPlateau("loss", factor=0.5, patience=1, min_delta=0.2, cooldown=1)]

    (one, mine, history), (other, theirs, again) = both(tmp_path, lambda: runs.make(lr=lr), callbacks, kill=38)
    same(one, other)
    assert figures(history) == figures(again)
    assert mine[0].state() == theirs[0].state()
    assert one.optimizer.lr < 0.11


def test_what_is_refused():
    trainer = runs.make(lr=lambda k: 0.1)
    with pytest.raises(nnmat.ConfigError, match=r"a number or a schedule of nnmat.schedules, got the function 'test_"):
        runs.fit(trainer, runs.blobs(), callbacks=[LearningRateOnPlateau("loss")])
    assert trainer.optimizer.steps == 0
    with pytest.raises(nnmat.ConfigError, match=r"expected fit\(..., validation=...\) to monitor 'validation_loss'"):
        runs.fit(runs.make(), runs.blobs(), callbacks=[LearningRateOnPlateau()])
    for options, text in (
        ({"factor": 1.0}, "expected factor as a number from 0 to below 1, got 1.0. Try 0.1."),
        ({"factor": 0}, "expected factor as a finite number > 0, got 0"),
        ({"patience": 0}, "expected patience as an integer >= 1, got 0"),
        ({"cooldown": -1}, "expected cooldown as an integer >= 0, got -1"),
        ({"min_lr": -1}, "expected min_lr as a finite number >= 0, got -1"),
    ):
        with pytest.raises(nnmat.ConfigError, match=f"LearningRateOnPlateau: {text}"):
            LearningRateOnPlateau(**options)
