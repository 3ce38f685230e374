"""What a run changes, put back."""

import numpy as np

import nnmat
from nnmat.training.callbacks.snapshot import Snapshot
from tests.nnmat.training import runs


def test_it_is_put_back_and_can_be_written_and_read():
    trainer = runs.make()
    runs.fit(trainer, runs.blobs())
    before = trainer.model.flat_parameters.copy()
    snapshot = Snapshot(trainer.held())
    state = snapshot.state()
    runs.fit(trainer, runs.blobs())
    trainer.optimizer.lr = 7.0
    other = Snapshot(trainer.held())
    other.load_state(state)
    for kept in (snapshot, other):
        kept.restore()
        assert np.array_equal(trainer.model.flat_parameters, before)
        assert trainer.optimizer.steps == 14
        trainer.model.flat_parameters[...] = 0
    assert trainer.optimizer.lr == 7.0  # schedules are the optimizer's own: the other one's


def test_generators_of_random_numbers_too():
    G = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
    D = nnmat.Sequential([nnmat.Linear(3, 1)], input_shape=(3,))
    game = nnmat.Adversarial(G, D, nnmat.AdversarialLoss(), nnmat.SGD(G, lr=0.1), nnmat.SGD(D, lr=0.1))
    (noise,) = game.held().generators.values()
    snapshot = Snapshot(game.held())
    first = noise.random(3)
    snapshot.restore()
    assert np.array_equal(noise.random(3), first)
