"""Callbacks: what is refused before the first step, their order in a run, and which steps they see."""

import math

import pytest

import nnmat
from nnmat.training.callbacks.base import next_look
from tests.nnmat.training import runs


def given(callbacks):
    runs.fit(runs.make(), runs.blobs(), callbacks=callbacks)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nnmat.EarlyStopping(patience=0), "EarlyStopping: expected patience as an integer >= 1, got 0"),
        (lambda: nnmat.EarlyStopping(min_delta=math.nan), "EarlyStopping: expected min_delta as a finite number >= 0"),
        (lambda: nnmat.EarlyStopping(min_delta=-1), "EarlyStopping: expected min_delta as a finite number >= 0, got"),
        (lambda: nnmat.EarlyStopping(restore_best=1), "EarlyStopping: expected restore_best as True or False, got 1"),
        (lambda: nnmat.EarlyStopping(5), "EarlyStopping: expected monitor as the name of a figure, got 5"),
        (
            lambda: given([nnmat.EarlyStopping]),
            "fit: expected callbacks as a list of Callback objects, got .*EarlyStop",
        ),
        (lambda: given(nnmat.Callback()), "fit: expected callbacks as a list of Callback objects, got <"),
    ],
)
def test_wrong_options_are_named(call, text):
    with pytest.raises(nnmat.ConfigError, match=text):
        call()


def test_callbacks_are_called_in_order(tmp_path):
    calls = []

    class Tell(nnmat.Callback):
        def on_train_begin(self, trainer):
            calls.append("begin")

        def on_step_end(self, trainer, step, loss):
            calls.append(step)

        def on_epoch_end(self, trainer, epoch, figures):
            calls.append(f"epoch {epoch}")

        def on_train_end(self, trainer, history):
            calls.append("end")

    runs.fit(runs.make(), runs.blobs(64), callbacks=[Tell()])
    assert calls == ["begin", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]


def test_learning_rate_of_the_history_is_that_of_the_last_step():
    table = [0.1 * 0.9**k for k in range(14)]  # one for each step: there is no 15th
    trainer = runs.make()
    trainer.optimizer.lr = lambda k: table[k]
    assert runs.fit(trainer, runs.blobs())["learning_rate"] == [table[6], table[13]]


# ---- steps that are looked at --------------------------------------------------------------------------------------


class EachStep(nnmat.Callback):
    def on_step_end(self, trainer, step, loss):
        pass


class EveryThird(EachStep):
    def next_step(self, step):
        return step - step % 3 + 3


def test_which_step_a_callback_must_see(tmp_path):
    replaced = nnmat.Callback()
    replaced.on_step_end = lambda trainer, step, loss: None
    for step in (0, 1, 5, 6):
        assert nnmat.Callback().next_step(step) == "last"
        assert nnmat.EarlyStopping().next_step(step) == "last"
        assert nnmat.Checkpoint(tmp_path / "m.npz", keep="last").next_step(step) == "last"
        assert nnmat.Checkpoint(tmp_path / "m.npz").next_step(step) == "last"
        assert EachStep().next_step(step) == replaced.next_step(step) == step + 1
        often = nnmat.Checkpoint(tmp_path / "m.npz", every_steps=5)
        assert often.next_step(step) == {0: 5, 1: 5, 5: 10, 6: 10}[step]


def test_the_least_of_all_is_the_next_look():
    assert next_look([], 4) is None
    assert next_look([nnmat.Callback(), nnmat.EarlyStopping()], 4) is None
    assert next_look([nnmat.Callback(), EveryThird()], 4) == 6
    assert next_look([EveryThird(), EachStep()], 4) == 5


@pytest.mark.parametrize("wanted", [4, 3, 0, -1, True, 5.0, None, "first", "5"])
def test_a_next_step_that_is_none_is_named(wanted):
    class Wrong(nnmat.Callback):
        def next_step(self, step):
            return wanted

    with pytest.raises(nnmat.ConfigError, match=r"Wrong.next_step: expected a step after 4, or 'last', got .*step"):
        next_look([Wrong()], 4)
