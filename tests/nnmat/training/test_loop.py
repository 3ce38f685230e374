"""What all trainings share: callbacks and budgets as they are given, and the order in which a run ends."""

import copy
import math

import numpy as np
import pytest

import nnmat
from nnmat.training.loop import Loop, budget, check_callbacks
from tests.nnmat.training.runs import blobs, fit, make


def trainer():
    model = nnmat.Sequential([nnmat.Linear(2, 1)], input_shape=(2,), seed=0)
    return nnmat.Trainer(model, nnmat.MeanSquaredError(), nnmat.SGD(model, lr=0.1))


DATA = (np.ones((6, 2), np.float32), np.ones((6, 1), np.float32))


def test_a_budget_is_of_epochs_or_of_steps():
    assert budget(3, None) == (3, math.inf)
    assert budget(None, 5) == (math.inf, 5)
    for given in ((None, None), (1, 1)):
        with pytest.raises(nnmat.ConfigError, match="either epochs or steps"):
            budget(*given)


@pytest.mark.parametrize("given", [nnmat.EarlyStopping(), [nnmat.EarlyStopping], {}, [1]])
def test_what_is_no_list_of_callbacks(given):
    with pytest.raises(nnmat.ConfigError, match="expected callbacks as a list"):
        check_callbacks(given)


def test_a_trainer_is_a_loop_of_one_model():
    own = trainer()
    assert isinstance(own, Loop)
    held = own.held()
    assert list(held.models.values()) == [own.model]
    assert list(held.optimizers.values()) == [own.optimizer]
    assert held.generators == {}


class Notes(nnmat.Callback):
    """Writes down what it is told."""

    def __init__(self, fails_at=None):
        self.fails_at, self.told = fails_at, []

    def on_train_begin(self, trainer):
        self.told.append("begin")

    def on_step_end(self, trainer, step, loss):
        self.told.append(step)
        if step == self.fails_at:
            raise OSError("no more")

    def on_epoch_end(self, trainer, epoch, figures):
        self.told.append(f"epoch {epoch}")

    def on_train_end(self, trainer, history):
        self.told.append("end")

    def on_train_error(self, trainer, error):
        self.told.append(type(error).__name__)


def test_the_order_of_what_callbacks_are_told():
    notes = Notes()
    trainer().fit(DATA, 2, batch_size=3, callbacks=[notes], progress=False)
    assert notes.told == ["begin", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]


def test_an_error_is_told_to_all_and_raised():
    notes = Notes(fails_at=3), Notes()
    with pytest.raises(OSError, match="no more"):
        trainer().fit(DATA, 2, batch_size=3, callbacks=list(notes), progress=False)
    assert notes[0].told == ["begin", 1, 2, "epoch 1", 3, "OSError"]
    assert notes[1].told == ["begin", 1, 2, "epoch 1", "OSError"]


def test_a_file_that_was_asked_for_is_written_after_the_step(tmp_path):
    class Ask(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 1:
                trainer.request_checkpoint(tmp_path / "one.npz", now=True)
            if step == 2:
                assert (tmp_path / "one.npz").exists()

    trainer().fit(DATA, 1, batch_size=2, callbacks=[Ask()], progress=False)
    assert nnmat.load(tmp_path / "one.npz").flat_parameters.size == 3


def test_a_run_that_cannot_begin_is_told_to_those_that_have_begun():
    told = []

    class Begins(nnmat.Callback):
        def __init__(self, name, error=None):
            self.name, self.error = name, error

        def on_train_begin(self, trainer):
            if self.error is not None:
                raise self.error

        def on_train_error(self, trainer, error):
            told.append((self.name, error))

    error, trainer = ValueError("no"), make()
    with pytest.raises(ValueError, match="no"):
        fit(trainer, blobs(), callbacks=[Begins("first"), Begins("second", error), Begins("third")])
    assert told == [("first", error)]
    assert trainer.optimizer.steps == 0


def test_a_copy_made_in_a_run_has_no_part_of_it():
    class Copies(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            self.copied = copy.deepcopy(trainer)

    callback = Copies()
    fit(make(), blobs(), callbacks=[callback])
    with pytest.raises(nnmat.StateError, match="inputs: there is no run in progress"):
        next(callback.copied.inputs())
    assert fit(callback.copied, blobs())["epoch"] == [1, 2]
