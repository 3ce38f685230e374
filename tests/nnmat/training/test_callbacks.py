"""Callbacks: what is refused before the first step, their order in a run, early stopping, checkpoints."""

import json
import math
import os

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from nnmat.training import callbacks
from tests.nnmat.training import runs

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((40, 2)).astype(np.float32), RNG.integers(0, 3, 40)


def make(metrics=()):
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=metrics)


def fit(callbacks=(), trainer=None, **options):
    return (trainer or make()).fit(DATA, epochs=2, callbacks=callbacks, progress=False, **options)


def test_a_validation_figure_needs_validation_data_before_the_first_step(tmp_path):
    for callback in (nnmat.EarlyStopping(), nnmat.Checkpoint(tmp_path / "best.npz", monitor="validation_accuracy")):
        trainer = make()
        with pytest.raises(nnmat.ConfigError, match=r"expected fit\(..., validation=...\) to monitor 'validation_"):
            fit([callback], trainer)
        assert trainer.optimizer.steps == 0
        fit([callback], make(["accuracy"]), validation=DATA)
    fit([nnmat.Checkpoint(tmp_path / "last.npz", keep="last")])  # monitors nothing


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nnmat.EarlyStopping(patience=0), "EarlyStopping: expected patience as an integer >= 1, got 0"),
        (lambda: nnmat.EarlyStopping(min_delta=math.nan), "EarlyStopping: expected min_delta as a finite number >= 0"),
        (lambda: nnmat.EarlyStopping(min_delta=-1), "EarlyStopping: expected min_delta as a finite number >= 0, got"),
        (lambda: nnmat.EarlyStopping(restore_best=1), "EarlyStopping: expected restore_best as True or False, got 1"),
        (lambda: nnmat.EarlyStopping(5), "EarlyStopping: expected monitor as the name of a figure, got 5"),
        (lambda: fit([nnmat.EarlyStopping]), "fit: expected callbacks as a list of Callback objects, got .*EarlyStop"),
        (lambda: fit(nnmat.Callback()), "fit: expected callbacks as a list of Callback objects, got <"),
    ],
)
def test_wrong_options_are_named(call, text):
    with pytest.raises(nnmat.ConfigError, match=text):
        call()


class Figure(nnmat.Callback):
    """Puts a figure into each epoch's."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def on_epoch_end(self, trainer, epoch, figures):
        figures[self.name] = self.value


def strict(text):
    """JSON as the standard has it, which has no NaN and no Infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_a_missing_folder_is_named(tmp_path):
    for name in ("history.json", "history.csv"):
        with pytest.raises(FileNotFoundError, match=r"save_history: the folder '.*none' does not exist") as raised:
            nnmat.save_history({"epoch": [1]}, tmp_path / "none" / name)
        assert "tmp'" not in str(raised.value)


def test_a_log_does_not_write_below_the_header_of_another_table(tmp_path):
    path = tmp_path / "log.csv"
    fit([nnmat.Log(path)])
    fit([nnmat.Log(path)])
    before = path.read_bytes()
    assert len(before.splitlines()) == 5
    with pytest.raises(nnmat.ConfigError, match=r"Log: .*log.csv has the columns epoch, loss, learning_rate, seconds"):
        fit([nnmat.Log(path)], make(["accuracy"]))
    assert path.read_bytes() == before


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


def test_early_stopping_and_the_best_parameters():
    figures = iter([3.0, 2.0, 2.5, 2.4, 2.3])
    kept = []

    class Fake(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, f):
            f["made_up"] = next(figures)
            kept.append(trainer.model.flat_parameters.copy())

    trainer = runs.make()
    stopping = nnmat.EarlyStopping("made_up", patience=2, restore_best=True)
    history = runs.fit(trainer, runs.blobs(), epochs=5, callbacks=[Fake(), stopping])
    assert history["epoch"] == [1, 2, 3, 4]
    assert stopping.best_epoch == 2
    assert np.array_equal(trainer.model.flat_parameters, kept[1])
    assert not np.array_equal(kept[1], kept[3])


def test_callbacks_start_anew_with_each_run(tmp_path):
    stopping = nnmat.EarlyStopping("loss", patience=1, restore_best=True)
    keep = nnmat.Checkpoint(tmp_path / "best.npz", monitor="loss")
    runs.fit(runs.make(), runs.blobs(), epochs=3, callbacks=[stopping, keep])
    best = keep.monitor.best
    other = runs.make(lr=1e-4, seed=5)  # learns little: never better than the first run
    history = runs.fit(other, runs.blobs(), epochs=3, callbacks=[stopping, keep])
    assert history["epoch"] == [1, 2, 3]
    assert -history["loss"][-1] == keep.monitor.best < best
    assert np.array_equal(nnmat.load(tmp_path / "best.npz").flat_parameters, other.model.flat_parameters)


def test_learning_rate_of_the_history_is_that_of_the_last_step():
    table = [0.1 * 0.9**k for k in range(14)]  # one for each step: there is no 15th
    trainer = runs.make()
    trainer.optimizer.lr = lambda k: table[k]
    assert runs.fit(trainer, runs.blobs())["learning_rate"] == [table[6], table[13]]


def test_early_stopping_names_what_there_is():
    with pytest.raises(nnmat.ConfigError, match="no figure 'los' to monitor. This run has: loss, accuracy"):
        runs.fit(runs.make(), runs.blobs(), callbacks=[nnmat.EarlyStopping("los")])
    with pytest.raises(nnmat.ConfigError, match="expected mode"):
        nnmat.EarlyStopping(mode="up")


def test_accuracies_rise_and_losses_fall():
    from nnmat.training.callbacks import Monitor

    up, down = Monitor("T", "validation_accuracy", "auto"), Monitor("T", "loss", "auto")
    assert [up.improved({"validation_accuracy": v}) for v in (0.1, 0.3, 0.2, math.nan)] == [True, True, False, False]
    assert [down.improved({"loss": v}) for v in (math.nan, 3, 4, 2)] == [False, True, False, True]
    slow = Monitor("T", "loss", "min", min_delta=0.5)
    assert [slow.improved({"loss": v}) for v in (3, 2.8, 2.4)] == [True, False, True]


def test_checkpoint_files(tmp_path):
    trainer = runs.make()
    best, last = tmp_path / "best.npz", tmp_path / "last.npz"
    callbacks = [nnmat.Checkpoint(best, monitor="loss"), nnmat.Checkpoint(last, keep="last")]
    runs.fit(trainer, runs.blobs(), callbacks=callbacks)
    for path in (best, last):
        assert np.array_equal(nnmat.load(path).flat_parameters, trainer.model.flat_parameters)
    with pytest.raises(nnmat.FileFormatError, match="holds a model but no state of a training run"):
        runs.fit(runs.make(), runs.blobs(), resume=best, callbacks=callbacks)
    with pytest.raises(nnmat.ConfigError, match="ends in .npz"):
        nnmat.Checkpoint("model.pkl")
    with pytest.raises(FileNotFoundError, match="Checkpoint: the folder .* does not exist"):
        nnmat.Checkpoint(tmp_path / "none" / "model.npz")
    with pytest.raises(nnmat.ConfigError, match="keep 'best' or 'last'"):
        nnmat.Checkpoint("model.npz", keep="all")


def test_paths_may_be_bytes(tmp_path):
    folder = os.fsencode(tmp_path)
    assert nnmat.Checkpoint(folder + b"/best.npz").path == tmp_path / "best.npz"
    assert nnmat.Log(folder + b"/log.csv").path == tmp_path / "log.csv"
    nnmat.save_history({"loss": [1.0]}, folder + b"/history.json")
    assert json.loads((tmp_path / "history.json").read_text()) == {"loss": [1.0]}


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


def test_a_file_by_the_clock_is_looked_for_when_it_is_nearly_due(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    timed = nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=60)
    both = nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=60, every_steps=4)
    for callback in (timed, both):
        callback.on_train_begin(None)
    for seconds, expected in ((0.0, ("last", 8)), (58.9, ("last", 8)), (59.1, (7, 7)), (61.0, (7, 7))):
        now[0] = 100.0 + seconds
        assert (timed.next_step(6), both.next_step(6)) == expected, seconds
    assert nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=0.5).next_step(3) == 4


def test_the_least_of_all_is_the_next_look():
    assert callbacks.next_look([], 4) is None
    assert callbacks.next_look([nnmat.Callback(), nnmat.EarlyStopping()], 4) is None
    assert callbacks.next_look([nnmat.Callback(), EveryThird()], 4) == 6
    assert callbacks.next_look([EveryThird(), EachStep()], 4) == 5


@pytest.mark.parametrize("wanted", [4, 3, 0, -1, True, 5.0, None, "first", "5"])
def test_a_next_step_that_is_none_is_named(wanted):
    class Wrong(nnmat.Callback):
        def next_step(self, step):
            return wanted

    with pytest.raises(nnmat.ConfigError, match=r"Wrong.next_step: expected a step after 4, or 'last', got .*step"):
        callbacks.next_look([Wrong()], 4)
