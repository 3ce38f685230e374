"""A run that is killed within an epoch and resumed, beside one that was never stopped."""

import numpy as np

import nnmat
from tests.nnmat.training import runs


class Killed(Exception):
    """What ends a run as suddenly as a signal does that nobody can catch."""


class Kill(nnmat.Callback):
    """Ends the run after a step."""

    def __init__(self, step=None):
        self.step = step

    def on_step_end(self, trainer, step, loss):
        if step == self.step:
            raise Killed

    def next_step(self, step):
        return "last" if self.step is None or step >= self.step else self.step


def both(tmp_path, trainer, callbacks, epochs=8, kill=41, data=None, **options):
    """The trainers and the callbacks of a whole run and of one that was killed and resumed, and both histories.

    `trainer()` and `callbacks(folder)` make them anew. Checkpoints are written after every third step.
    """
    data = runs.blobs() if data is None else data
    found = []
    for name, steps in (("whole", [None]), ("resumed", [kill, None])):
        folder = tmp_path / name
        folder.mkdir()
        last = folder / "last.npz"
        for step in steps:
            own, mine = trainer(), callbacks(folder)
            everything = [*mine, nnmat.Checkpoint(last, every_steps=3), Kill(step)]
            resume = last if name == "resumed" and step is None else None
            try:
                history = runs.fit(own, data, epochs=epochs, callbacks=everything, resume=resume, **options)
            except Killed:
                assert step == kill
                continue
            found.append((own, mine, history))
    return found


def same(whole, resumed):
    """Assert that two trainers ended with the same bits."""
    held, other = whole.held(), resumed.held()
    for name, model in held.models.items():
        assert np.array_equal(model.flat_parameters, other.models[name].flat_parameters), name
        for key, A in model.buffers().items():
            assert np.array_equal(A, other.models[name].buffers()[key]), key
    for name, optimizer in held.optimizers.items():
        mine, theirs = optimizer.state(), other.optimizers[name].state()
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            assert np.array_equal(value, theirs[key]), key


def figures(history):
    """All but the seconds."""
    return {name: column for name, column in history.items() if name != "seconds"}
