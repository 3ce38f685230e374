"""Callbacks in a run: their order, early stopping, checkpoints, logs."""

import json
import math

import numpy as np
import pytest

import nnmat
from tests.nnmat.training.runs import blobs, fit, make


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

    fit(make(), blobs(64), callbacks=[Tell()])
    assert calls == ["begin", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]


def test_early_stopping_and_the_best_parameters():
    figures = iter([3.0, 2.0, 2.5, 2.4, 2.3])
    kept = []

    class Fake(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, f):
            f["made_up"] = next(figures)
            kept.append(trainer.model.flat_parameters.copy())

    trainer = make()
    stopping = nnmat.EarlyStopping("made_up", patience=2, restore_best=True)
    history = fit(trainer, blobs(), epochs=5, callbacks=[Fake(), stopping])
    assert history["epoch"] == [1, 2, 3, 4]
    assert stopping.best_epoch == 2
    assert np.array_equal(trainer.model.flat_parameters, kept[1])
    assert not np.array_equal(kept[1], kept[3])


def test_callbacks_start_anew_with_each_run(tmp_path):
    stopping = nnmat.EarlyStopping("loss", patience=1, restore_best=True)
    keep = nnmat.Checkpoint(tmp_path / "best.npz", monitor="loss")
    fit(make(), blobs(), epochs=3, callbacks=[stopping, keep])
    best = keep.monitor.best
    other = make(lr=1e-4, seed=5)  # learns little: never better than the first run
    history = fit(other, blobs(), epochs=3, callbacks=[stopping, keep])
    assert history["epoch"] == [1, 2, 3]
    assert -history["loss"][-1] == keep.monitor.best < best
    assert np.array_equal(nnmat.load(tmp_path / "best.npz").flat_parameters, other.model.flat_parameters)


def test_learning_rate_of_the_history_is_that_of_the_last_step():
    table = [0.1 * 0.9**k for k in range(14)]  # one for each step: there is no 15th
    trainer = make()
    trainer.optimizer.lr = lambda k: table[k]
    assert fit(trainer, blobs())["learning_rate"] == [table[6], table[13]]


def test_early_stopping_names_what_there_is():
    with pytest.raises(nnmat.ConfigError, match="no figure 'los' to monitor. This run has: loss, accuracy"):
        fit(make(), blobs(), callbacks=[nnmat.EarlyStopping("los")])
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
    trainer = make()
    best, last = tmp_path / "best.npz", tmp_path / "last.npz"
    callbacks = [nnmat.Checkpoint(best, monitor="loss"), nnmat.Checkpoint(last, keep="last")]
    fit(trainer, blobs(), callbacks=callbacks)
    for path in (best, last):
        assert np.array_equal(nnmat.load(path).flat_parameters, trainer.model.flat_parameters)
    with pytest.raises(nnmat.FileFormatError, match="holds a model but no state of a training run"):
        fit(make(), blobs(), resume=best, callbacks=callbacks)
    with pytest.raises(nnmat.ConfigError, match="ends in .npz"):
        nnmat.Checkpoint("model.pkl")
    with pytest.raises(FileNotFoundError, match="Checkpoint: the folder .* does not exist"):
        nnmat.Checkpoint(tmp_path / "none" / "model.npz")
    with pytest.raises(nnmat.ConfigError, match="keep 'best' or 'last'"):
        nnmat.Checkpoint("model.npz", keep="all")


def test_logs_and_history_files(tmp_path):
    logs = [nnmat.Log(tmp_path / "log.jsonl"), nnmat.Log(tmp_path / "log.csv")]
    history = fit(make(), blobs(), callbacks=logs)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == history["loss"]
    table = (tmp_path / "log.csv").read_text().splitlines()
    assert table[0] == "epoch,loss,accuracy,learning_rate,seconds"
    assert len(table) == 3
    nnmat.save_history(history, tmp_path / "h.json")
    nnmat.save_history(history, tmp_path / "h.csv")
    assert json.loads((tmp_path / "h.json").read_text()) == history
    assert (tmp_path / "h.csv").read_text().splitlines() == table
    with pytest.raises(nnmat.ConfigError, match=r"\.json or \.csv"):
        nnmat.save_history(history, tmp_path / "h.txt")
    with pytest.raises(nnmat.ConfigError, match=r"\.jsonl or \.csv"):
        nnmat.Log(tmp_path / "log.txt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        nnmat.Log(tmp_path / "none" / "log.csv")
