"""Early stopping: when a run ends, and with which parameters."""

import numpy as np

import nnmat
from tests.nnmat.training import runs


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
