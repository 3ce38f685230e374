"""The figure that a callback looks at: that it is there, and what is better."""

import math

import pytest

import nnmat
from nnmat.training.callbacks.monitor import Monitor
from tests.nnmat.training import runs


def test_a_validation_figure_needs_validation_data_before_the_first_step(tmp_path):
    for callback in (nnmat.EarlyStopping(), nnmat.Checkpoint(tmp_path / "best.npz", monitor="validation_accuracy")):
        trainer = runs.make()
        with pytest.raises(nnmat.ConfigError, match=r"expected fit\(..., validation=...\) to monitor 'validation_"):
            runs.fit(trainer, runs.blobs(), callbacks=[callback])
        assert trainer.optimizer.steps == 0
        runs.fit(trainer, runs.blobs(), callbacks=[callback], validation=runs.blobs(40, 1))
    runs.fit(
        runs.make(), runs.blobs(), callbacks=[nnmat.Checkpoint(tmp_path / "last.npz", keep="last")]
    )  # monitors nothing


def test_early_stopping_names_what_there_is():
    with pytest.raises(nnmat.ConfigError, match="no figure 'los' to monitor. This run has: loss, accuracy"):
        runs.fit(runs.make(), runs.blobs(), callbacks=[nnmat.EarlyStopping("los")])
    with pytest.raises(nnmat.ConfigError, match="expected mode"):
        nnmat.EarlyStopping(mode="up")


def test_accuracies_rise_and_losses_fall():
    up, down = Monitor("T", "validation_accuracy", "auto"), Monitor("T", "loss", "auto")
    assert [up.improved({"validation_accuracy": v}) for v in (0.1, 0.3, 0.2, math.nan)] == [True, True, False, False]
    assert [down.improved({"loss": v}) for v in (math.nan, 3, 4, 2)] == [False, True, False, True]
    slow = Monitor("T", "loss", "min", min_delta=0.5)
    assert [slow.improved({"loss": v}) for v in (3, 2.8, 2.4)] == [True, False, True]
