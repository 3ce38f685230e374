"""The log's lines, and where it goes on after a resumed run's checkpoint."""

import json
from types import SimpleNamespace

import pytest

import nnmat
from nnmat import CSVLog, Log
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both

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


def test_a_log_does_not_write_below_the_header_of_another_table(tmp_path):
    path = tmp_path / "log.csv"
    runs.fit(runs.make(metrics=()), runs.blobs(), callbacks=[Log(path)])
    runs.fit(runs.make(metrics=()), runs.blobs(), callbacks=[Log(path)])
    before = path.read_bytes()
    assert len(before.splitlines()) == 5
    with pytest.raises(nnmat.ConfigError, match=r"Log: .*log.csv has the columns epoch, loss, learning_rate, seconds"):
        runs.fit(runs.make(), runs.blobs(), callbacks=[Log(path)])
    assert path.read_bytes() == before


# ---- tables of steps -----------------------------------------------------------------------------------------------


class Seen(nnmat.Callback):
    def __init__(self):
        self.rows = []

    def on_step_end(self, trainer, step, loss):
        self.rows.append([step, 1 + (step - 1) // 7, loss, 0.1])


def table(path):
    header, *rows = path.read_text().splitlines()
    return header, [[float(cell) for cell in row.split(",")] for row in rows]


def test_a_table_of_epochs_is_that_of_a_log(tmp_path):
    callbacks = [CSVLog(tmp_path / "a.csv"), Log(tmp_path / "b.csv")]
    runs.fit(runs.make(), runs.blobs(), callbacks=callbacks)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert CSVLog(tmp_path / "a.csv").next_step(3) == "last"


def test_a_row_after_every_third_step(tmp_path):
    seen = Seen()
    runs.fit(runs.make(), runs.blobs(), epochs=3, callbacks=[CSVLog(tmp_path / "a.csv", every_steps=3), seen])
    header, rows = table(tmp_path / "a.csv")
    assert header == "step,epoch,loss,learning_rate"
    assert rows == seen.rows[2::3]
    assert [CSVLog(tmp_path / "a.csv", 5).next_step(step) for step in (0, 4, 5)] == [5, 5, 10]


@pytest.mark.parametrize("kill", [4, 41])
def test_of_a_killed_and_resumed_run_each_row_stands_there_once(tmp_path, kill):
    both(tmp_path, runs.make, lambda folder: [CSVLog(folder / "a.csv", every_steps=2)], kill=kill)
    whole, resumed = (table(tmp_path / name / "a.csv") for name in ("whole", "resumed"))
    assert whole == resumed
    assert [row[0] for row in whole[1]] == list(range(2, 58, 2))


def test_a_table_with_other_columns_is_refused_before_the_first_step(tmp_path):
    (tmp_path / "a.csv").write_text("epoch,loss\n")
    with pytest.raises(nnmat.ConfigError, match="CSVLog: .* has the columns epoch, loss, this run step, epoch, loss"):
        runs.fit(runs.make(), runs.blobs(), callbacks=[CSVLog(tmp_path / "a.csv", every_steps=1)])
    with pytest.raises(nnmat.ConfigError, match="CSVLog: expected a file name that ends in .csv, got 'a.jsonl'"):
        CSVLog("a.jsonl")


def test_two_models_have_two_rates(tmp_path):
    G = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
    D = nnmat.Sequential([nnmat.Linear(3, 1)], input_shape=(3,))
    game = nnmat.Adversarial(G, D, nnmat.AdversarialLoss(), nnmat.SGD(G, lr=0.1), nnmat.SGD(D, lr=0.2))
    log = CSVLog(tmp_path / "a.csv", every_steps=1)
    game.fit([[1.0, 2.0, 3.0]] * 8, epochs=1, batch_size=4, callbacks=[log], progress=False)
    header, rows = table(tmp_path / "a.csv")
    assert header == "step,epoch,loss,learning_rate_generator,learning_rate_discriminator"
    assert [row[3:] for row in rows] == [[0.1, 0.2]] * 2
