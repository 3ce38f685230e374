"""Norms of weights and gradients, layer by layer."""

import signal

import numpy as np
import pytest

import nnmat
from nnmat import Adversarial, AdversarialLoss, Norms
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both, same


class Expected(nnmat.Callback):
    """The norms by NumPy, after every third step and each epoch."""

    def __init__(self):
        self.found = {}

    def on_step_end(self, trainer, step, loss):
        if step % 3 == 0 or step % 7 == 0:
            for kind, what in (("weight_norm", "value"), ("gradient_norm", "grad")):
                for i in (0, 2):
                    own = [getattr(p, what).ravel() for p in trainer.model[i].parameters()]
                    norm = np.linalg.norm(np.concatenate(own).astype(np.float64))
                    self.found.setdefault(f"{kind}/{i}", []).append(norm)
            self.found.setdefault("step", []).append(step)


def test_they_are_those_of_the_layers():
    norms, expected = Norms(every_steps=3), Expected()
    runs.fit(runs.make(), runs.blobs(), epochs=3, callbacks=[norms, expected])  # seven steps in an epoch
    assert norms.history["step"] == expected.found["step"] == [3, 6, 7, 9, 12, 14, 15, 18, 21]
    assert list(norms.history) == ["step", "weight_norm/0", "weight_norm/2", "gradient_norm/0", "gradient_norm/2"]
    for name, column in norms.history.items():
        assert column == pytest.approx(expected.found[name], rel=1e-12)


def test_callbacks_behind_it_see_them(tmp_path):
    runs.fit(runs.make(), runs.blobs(), callbacks=[Norms(gradients=False), nnmat.Log(tmp_path / "log.csv")])
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy,learning_rate,seconds,weight_norm/0,weight_norm/2"
    assert len(rows) == 2
    runs.fit(
        runs.make(), runs.blobs(), callbacks=[Norms(), nnmat.EarlyStopping("gradient_norm/2")]
    )  # a figure that is not known before


def test_steps_between_run_in_one_go():
    assert [Norms().next_step(step) for step in (0, 5)] == ["last", "last"]
    assert [Norms(every_steps=4).next_step(step) for step in (0, 3, 4)] == [4, 4, 8]


def test_programs_and_steps_by_hand_have_the_same():
    found = []
    for compiled in (True, False):
        trainer = runs.make()
        trainer.compiled = compiled
        norms = Norms(every_steps=4)
        runs.fit(trainer, runs.blobs(), epochs=8, callbacks=[norms])
        found.append(norms.history)
    assert found[0] == found[1]


def test_a_resumed_run_has_the_same(tmp_path):
    found = both(tmp_path, runs.make, lambda folder: [Norms(every_steps=5)])
    (one, mine, _), (other, theirs, _) = found
    same(one, other)
    assert mine[0].history == theirs[0].history
    assert len(mine[0].history["step"]) == 8 + 56 // 5 - 1  # one of the fives ends an epoch


@pytest.mark.parametrize("every", [None, 5])
def test_a_run_stopped_within_a_long_validation_has_the_same(tmp_path, monkeypatch, every):
    """Its checkpoint stands after the last step of an epoch and before the epoch's end."""
    monkeypatch.setattr("nnmat.training.evaluation.GRACE", -1.0)
    data, checked = runs.blobs(), runs.blobs(50, 1)

    class Press(nnmat.Callback):
        at = 14

        def on_step_end(self, trainer, step, loss):
            if step == self.at:
                signal.raise_signal(signal.SIGINT)

    def logged(name, *more, **options):
        norms, log = Norms(every_steps=every), nnmat.CSVLog(tmp_path / name)
        runs.fit(runs.make(), data, epochs=3, validation=checked, callbacks=[norms, log, *more], **options)
        columns = [line.split(",") for line in (tmp_path / name).read_text().splitlines()]
        return norms.history, [row[-4:] for row in columns]

    whole = logged("whole.csv")
    with pytest.raises(nnmat.TrainingInterrupted, match=r"after 1 full epochs and 7 batches"):
        logged("other.csv", Press(), checkpoint=tmp_path / "stopped.npz")
    Press.at = None
    assert logged("other.csv", Press(), resume=tmp_path / "stopped.npz") == whole


def test_two_models_have_their_names():
    G = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
    D = nnmat.Sequential([nnmat.Linear(3, 1)], input_shape=(3,))
    game = Adversarial(G, D, AdversarialLoss(), nnmat.SGD(G, lr=0.1), nnmat.SGD(D, lr=0.1))
    norms = Norms()
    game.fit(np.ones((8, 3), np.float32), epochs=1, batch_size=4, callbacks=[norms], progress=False)
    assert list(norms.history)[1:3] == ["weight_norm/generator.0", "weight_norm/discriminator.0"]


def test_nothing_to_measure_is_refused():
    with pytest.raises(nnmat.ConfigError, match="Norms: expected weights or gradients to be True, got neither"):
        Norms(weights=False, gradients=False)
    with pytest.raises(nnmat.ConfigError, match="Norms: expected every_steps as an integer >= 1, got 0"):
        Norms(every_steps=0)
