"""The log's lines, and where it goes on after a resumed run's checkpoint."""

import json
from types import SimpleNamespace

import pytest

import nnmat
from nnmat import Log

TRAINER = SimpleNamespace(figures=["loss"])


def write(log, *epochs):
    for epoch in epochs:
        log.on_epoch_end(TRAINER, epoch, {"loss": float(epoch)})


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_lines_after_the_checkpoint_are_taken_back(name, tmp_path):
    path = tmp_path / name
    log = Log(path)
    log.on_train_begin(TRAINER)
    write(log, 1, 2)
    state, kept = log.state(), path.read_bytes()
    write(log, 3)
    again = Log(path)
    again.on_train_begin(TRAINER)
    again.load_state(state)
    assert again.state() == state  # a checkpoint before the first line of the resumed run
    assert path.read_bytes() != kept  # nothing is taken back before there is a line to write
    write(again, 3, 4)
    assert path.read_bytes().startswith(kept)
    assert path.read_text().count("\n") == (5 if name == "log.csv" else 4)
    again.load_state(state)
    again.on_train_end(TRAINER, {})
    assert path.read_bytes() == kept


def test_a_state_of_an_earlier_version_is_taken(tmp_path):
    log = Log(tmp_path / "log.csv")
    log.load_state({})
    write(log, 1)
    assert (tmp_path / "log.csv").read_text().splitlines() == ["epoch,loss", "1,1.0"]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_line_that_a_killed_process_left_unfinished_is_ended(name, tmp_path):
    path = tmp_path / name
    write(Log(path), 1)
    path.write_bytes(path.read_bytes() + b"2,")
    write(Log(path), 3)
    lines = path.read_text().splitlines()
    assert lines[-2] == "2,"
    assert lines[-1] in ("3,3.0", '{"epoch": 3, "loss": 3.0}')


def test_no_half_line_stays_on_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    log = Log(path)
    write(log, 1)
    before, usual = path.read_bytes(), open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, text):
            self.file.write(text[:5])
            self.file.flush()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        "builtins.open", lambda name, mode="r", **o: Full(usual(name, mode)) if "a" in mode else usual(name, mode, **o)
    )
    with pytest.warns(RuntimeWarning, match="Log: the line of epoch 2 .* was not written, the run goes on.*No space"):
        write(log, 2)
    monkeypatch.undo()
    assert path.read_bytes() == before
    write(log, 3)
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_columns_of_another_run_are_noticed_before_it(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,accuracy\n")
    with pytest.raises(
        nnmat.ConfigError, match="has the columns epoch, loss, accuracy, this run epoch, loss. Log to a"
    ):
        Log(path).on_train_begin(TRAINER)
    Log(path).on_train_begin(SimpleNamespace(figures=[]))  # callbacks may add one
