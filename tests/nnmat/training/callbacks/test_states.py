"""What values of a state are refused, of every callback of nnmat's own."""

import json

import numpy as np
import pytest

import nnmat
from nnmat.formats.npz import read_archive, write_archive
from nnmat.training.callbacks import states
from tests.nnmat.training import runs


def test_numbers():
    assert all(map(states.is_count, (0, 5, 2**62)))
    assert not any(map(states.is_count, (-1, True, 1.0, "1", None, 2**63)))
    assert all(map(states.is_number, (0, -5, 1.5, float("nan"))))
    assert not any(map(states.is_number, (True, "1", None, 2**63, [1])))


def test_arrays():
    like = {"a": np.zeros(3), "b": np.zeros(2, np.float32)}
    assert states.are_alike({"b": np.ones(2, np.float32), "a": np.ones(3)}, like)
    for wrong in ({"a": np.ones(3)}, like | {"b": np.ones(2)}, like | {"a": np.ones(4)}, like | {"a": [1, 2, 3]}):
        assert not states.are_alike(wrong, like)
    model = runs.make().model
    assert states.arrays_of(model)["parameters"] is model.flat_parameters
    assert states.part({"x/a": 1, "x/b": 2, "y": 3}, "x/") == {"a": 1, "b": 2}


CASES = [
    (lambda p: nnmat.LearningRateOnPlateau("loss"), "waited", -1, "expected waited as an integer >= 0, got -1"),
    (lambda p: nnmat.LearningRateOnPlateau("loss"), "best", "x", "expected best as a number, got 'x'"),
    (lambda p: nnmat.Norms(), "history", {"step": [1], "x": []}, "expected history as lists of numbers, of one length"),
    (lambda p: nnmat.Norms(), "history", None, "expected history as lists of numbers, of one length"),
    (lambda p: nnmat.StochasticWeightAverage(1), "count", None, "expected count as an integer >= 0"),
    (lambda p: nnmat.StochasticWeightAverage(1), "count", 0, "expected mean as nothing before the first mean"),
    (lambda p: nnmat.StochasticWeightAverage(3), "count", 2, "expected mean as an array of float64 of shape"),
    (lambda p: nnmat.LearningRateFinder(), "losses", [1.0], "expected losses as a list of numbers, as long as"),
    (lambda p: nnmat.LearningRateFinder(), "first", 3, "expected first as an integer >= 0 for each optimizer"),
    (lambda p: nnmat.LearningRateFinder(), "before", [], "expected before as the steps of each optimizer"),
    (lambda p: nnmat.Log(p / "a.csv"), "size", "x", "expected size and checksum as two numbers"),
    (lambda p: nnmat.CSVLog(p / "b.csv", 2), "epochs", -1, "expected epochs as an integer >= 0, got -1"),
]


@pytest.mark.parametrize(("make", "name", "value", "text"), CASES)
def test_a_damaged_state_is_named(tmp_path, make, name, value, text):
    class Stop(nnmat.Callback):
        def __init__(self, path):
            self.path = path

        def on_step_end(self, trainer, step, loss):
            if step == 9 and self.path:
                trainer.request_checkpoint(self.path, now=True)
                raise_after.append(step)

        def state(self):
            return {}

    raise_after: list[int] = []
    path = tmp_path / "x.npz"
    runs.fit(runs.make(), runs.blobs(), epochs=3, callbacks=[make(tmp_path), Stop(path)])
    assert raise_after == [9]
    header, arrays = read_archive(path)
    header = json.loads(json.dumps(header))
    header["training"]["states"]["callback/0"][name] = value
    write_archive(path, {k: v for k, v in header.items() if k != "entries"}, arrays)
    trainer = runs.make()
    with pytest.raises(nnmat.FileFormatError, match=rf"callback 0 \(\w+\): its state is damaged: {text}"):
        runs.fit(trainer, runs.blobs(), callbacks=[make(tmp_path), Stop(None)], resume=path)
    assert trainer.optimizer.steps == 0
