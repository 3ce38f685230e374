"""Histories and logs in files."""

import json
import math

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from nnmat.training.reporting.history import History
from tests.nnmat.training import runs

RNG = np.random.default_rng(0)


DATA = RNG.standard_normal((40, 2)).astype(np.float32), RNG.integers(0, 3, 40)


def make(metrics=()):
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=metrics)


def fit(callbacks=(), trainer=None, **options):
    return (trainer or make()).fit(DATA, epochs=2, callbacks=callbacks, progress=False, **options)


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


def test_logs_and_history_files(tmp_path):
    logs = [nnmat.Log(tmp_path / "log.jsonl"), nnmat.Log(tmp_path / "log.csv")]
    history = runs.fit(runs.make(), runs.blobs(), callbacks=logs)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == history["loss"]
    table = (tmp_path / "log.csv").read_text().splitlines()
    assert table[0] == "epoch,loss,accuracy,learning_rate,seconds"
    assert len(table) == 3
    nnmat.save_history(history, tmp_path / "h.json")
    nnmat.save_history(history, tmp_path / "h.csv")
    assert json.loads((tmp_path / "h.json").read_text()) == history
    assert (tmp_path / "h.csv").read_text().splitlines() == table
    with pytest.raises(nnmat.ConfigError, match=r"\.json or \.csv"):
        nnmat.save_history(history, tmp_path / "h.txt")
    with pytest.raises(nnmat.ConfigError, match=r"\.jsonl or \.csv"):
        nnmat.Log(tmp_path / "log.txt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        nnmat.Log(tmp_path / "none" / "log.csv")


def test_numbers_that_are_not_finite_are_null_in_json(tmp_path):
    def undefined(H, y):
        return math.nan

    logged = [Figure("gap", np.float32(np.inf)), Figure("half", np.float32(0.5)), nnmat.Log(tmp_path / "log.jsonl")]
    history = fit(logged, make([undefined]))
    rows = [strict(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["undefined"], row["gap"], row["half"]) for row in rows] == [(None, None, 0.5)] * 2
    nnmat.save_history(history, tmp_path / "history.json")
    assert strict((tmp_path / "history.json").read_text()) == history | {"undefined": [None, None]}


def test_a_history_is_a_dict_that_a_notebook_shows():
    history = fit(trainer=make(["accuracy"]))
    assert isinstance(history, dict)
    assert history == dict(history)
    assert json.loads(json.dumps(history)) == history
    shown = history._repr_html_()
    for name in history:
        assert f">{name}</th>" in shown
    assert shown.count("<tr>") == 3
    assert f">{history['loss'][1]:.4g}</td>" in shown
    assert History({})._repr_html_().startswith("<table>")
    own = History({"epoch": [1, 2], "of_my_own": [0.5]})._repr_html_()  # what users add need not have all epochs
    assert "<td>1</td><td>0.5</td>" in own
    assert "<td>2</td><td></td>" in own


def test_of_a_long_history_the_first_and_the_last_epochs_are_shown():
    shown = History({"epoch": list(range(1, 101)), "loss": [0.5] * 100})._repr_html_()
    epochs = [1, 2, 3, 4, 5, *range(87, 101)]
    assert shown.count("<tr>") == 1 + len(epochs) + 1
    assert all(f"<td>{epoch}</td>" in shown for epoch in epochs)
    assert "<td>…</td>" in shown
    assert History({"epoch": list(range(20))})._repr_html_().count("<tr>") == 21


def test_a_missing_folder_is_named(tmp_path):
    for name in ("history.json", "history.csv"):
        with pytest.raises(FileNotFoundError, match=r"save_history: the folder '.*none' does not exist") as raised:
            nnmat.save_history({"epoch": [1]}, tmp_path / "none" / name)
        assert "tmp'" not in str(raised.value)
