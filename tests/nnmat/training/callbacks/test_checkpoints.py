"""Files in the course of a run, and when they are due."""

import json
import os

import numpy as np
import pytest

import nnmat
from nnmat.training.callbacks import checkpoints
from tests.nnmat.training import runs


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


def test_a_file_by_the_clock_is_looked_for_when_it_is_nearly_due(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    timed = nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=60)
    both = nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=60, every_steps=4)
    for callback in (timed, both):
        callback.on_train_begin(None)
    for seconds, expected in ((0.0, ("last", 8)), (58.9, ("last", 8)), (59.1, (7, 7)), (61.0, (7, 7))):
        now[0] = 100.0 + seconds
        assert (timed.next_step(6), both.next_step(6)) == expected, seconds
    assert nnmat.Checkpoint(tmp_path / "m.npz", every_seconds=0.5).next_step(3) == 4
