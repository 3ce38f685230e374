"""One call of fit as an object: its settings, and the files that it writes."""

import numpy as np
import pytest

import nnmat
from nnmat import datasets
from nnmat.formats.npz import read_archive
from nnmat.training.run import Run, samples_of
from tests.nnmat.training.runs import Growing, blobs, make


def a_run(callbacks=(), budget=(3, np.inf)):
    data = blobs(40)
    trainer = make()
    return Run(trainer, datasets.ArrayBatches(data.X, data.y, 16), None, callbacks, budget, 7)


def test_settings_tell_runs_apart():
    settings = a_run().settings
    assert (settings["samples"], settings["batch size"], settings["seed"], settings["steps"]) == (40, 16, 7, None)
    assert a_run(budget=(np.inf, 12)).settings["steps"] == 12
    assert samples_of(Growing()) == (None, None)


def test_a_run_goes_on_until_its_budget_is_spent():
    run = a_run()
    assert run.goes_on
    run.state.epoch = 3
    assert not run.goes_on
    run = a_run(budget=(np.inf, 12))
    run.state.step = 12
    assert not run.goes_on


def test_a_file_says_whether_a_callback_holds_the_run_to_be_over(tmp_path):
    stopping = nnmat.EarlyStopping("loss", patience=2)
    run = a_run([stopping])
    for waited, over in ((1, False), (2, True)):
        stopping.waited = waited
        run.write(tmp_path / "s.npz", [])
        assert read_archive(tmp_path / "s.npz")[0]["training"]["progress"]["stopped"] == over
    assert run.files == {tmp_path / "s.npz"}


def test_what_cannot_be_written_is_a_warning(tmp_path):
    run = a_run()
    with pytest.warns(RuntimeWarning, match=r"the checkpoint .*none/s.npz was not written, the run goes on"):
        run.write_all([tmp_path / "none" / "s.npz", tmp_path / "t.npz", tmp_path / "t.npz"])
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]


def test_infinite_parameters_are_not_written(tmp_path):
    run = a_run()
    run.trainer.model[0].weight.value[0, 0] = np.inf
    with pytest.raises(nnmat.NonFiniteError, match=r"'0.weight' inf at index \(0, 0\) \(1 of 16 entries\)"):
        run.write_all([tmp_path / "s.npz"])
    assert not list(tmp_path.iterdir())
