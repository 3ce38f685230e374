"""Callbacks and logs: what is refused before the first step, and what stands in the files."""

import json
import math

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Trainer

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((40, 2)).astype(np.float32), RNG.integers(0, 3, 40)


def make(metrics=()):
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=metrics)


def fit(callbacks=(), trainer=None, **options):
    return (trainer or make()).fit(DATA, epochs=2, callbacks=callbacks, progress=False, **options)


def test_a_validation_figure_needs_validation_data_before_the_first_step(tmp_path):
    for callback in (nnmat.EarlyStopping(), nnmat.Checkpoint(tmp_path / "best.npz", monitor="validation_accuracy")):
        trainer = make()
        with pytest.raises(nnmat.ConfigError, match=r"expected fit\(..., validation=...\) to monitor 'validation_"):
            fit([callback], trainer)
        assert trainer.optimizer.steps == 0
        fit([callback], make(["accuracy"]), validation=DATA)
    fit([nnmat.Checkpoint(tmp_path / "last.npz", keep="last")])  # monitors nothing


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nnmat.EarlyStopping(patience=0), "EarlyStopping: expected patience as an integer >= 1, got 0"),
        (lambda: nnmat.EarlyStopping(min_delta=math.nan), "EarlyStopping: expected min_delta as a finite number >= 0"),
        (lambda: nnmat.EarlyStopping(min_delta=-1), "EarlyStopping: expected min_delta as a finite number >= 0, got"),
        (lambda: nnmat.EarlyStopping(restore_best=1), "EarlyStopping: expected restore_best as True or False, got 1"),
        (lambda: nnmat.EarlyStopping(5), "EarlyStopping: expected monitor as the name of a figure, got 5"),
        (lambda: fit([nnmat.EarlyStopping]), "fit: expected callbacks as a list of Callback objects, got .*EarlyStop"),
        (lambda: fit(nnmat.Callback()), "fit: expected callbacks as a list of Callback objects, got <"),
    ],
)
def test_wrong_options_are_named(call, text):
    with pytest.raises(nnmat.ConfigError, match=text):
        call()


class Figure(nnmat.Callback):
    """Puts a figure into each epoch's."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def on_epoch_end(self, trainer, epoch, figures):
        figures[self.name] = self.value


def strict(text):
    """JSON as the standard has it, which has no NaN and no Infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_not_finite_are_null_in_json(tmp_path):
    def undefined(H, y):
        return math.nan

    logged = [Figure("gap", np.float32(np.inf)), Figure("half", np.float32(0.5)), nnmat.Log(tmp_path / "log.jsonl")]
    history = fit(logged, make([undefined]))
    rows = [strict(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["undefined"], row["gap"], row["half"]) for row in rows] == [(None, None, 0.5)] * 2
    nnmat.save_history(history, tmp_path / "history.json")
    assert strict((tmp_path / "history.json").read_text()) == history | {"undefined": [None, None]}


def test_a_missing_folder_is_named(tmp_path):
    for name in ("history.json", "history.csv"):
        with pytest.raises(FileNotFoundError, match=r"save_history: the folder '.*none' does not exist") as raised:
            nnmat.save_history({"epoch": [1]}, tmp_path / "none" / name)
        assert "tmp'" not in str(raised.value)


def test_a_log_does_not_write_below_the_header_of_another_table(tmp_path):
    path = tmp_path / "log.csv"
    fit([nnmat.Log(path)])
    fit([nnmat.Log(path)])
    before = path.read_bytes()
    assert len(before.splitlines()) == 5
    with pytest.raises(nnmat.ConfigError, match=r"Log: .*log.csv has the columns epoch, loss, learning_rate, seconds"):
        fit([nnmat.Log(path)], make(["accuracy"]))
    assert path.read_bytes() == before
