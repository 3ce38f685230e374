"""The rows of the evidence about sequences: what they run, and what they make of it."""

import os
import re
import shlex
from types import SimpleNamespace

import pytest

from promises import sequences
from promises.row import ROOT


@pytest.mark.parametrize(
    ("grown", "holds"),
    [([10, 20, 44, 96], True), ([10, 23, 44, 96], False), ([20, 40, 80, 160], False)],
)
def test_memory_that_is_linear_doubles(monkeypatch, grown, holds):
    found = iter(grown)
    monkeypatch.setattr(sequences, "run", lambda command: SimpleNamespace(stdout=f"{int(1e5 * next(found))}\n"))
    monkeypatch.setattr(sequences, "LENGTHS", (250, 500, 1000, 2000))
    monkeypatch.setattr(sequences, "HEADS", 10)  # the scores of 2000 places take 160 MB, a tenth of which is too much
    row = sequences.memory()
    assert row.holds == holds
    assert row.value.startswith(f"{grown[0] / 10:.1f}, {grown[1] / 10:.1f}, ")
    assert row.value.endswith("MB for T = 250, 500, 1000, 2000; the scores of the last alone are 160 MB")


def test_the_program_that_measures_memory_runs():
    done = sequences.run(f"python -c {shlex.quote(sequences.ATTENTION)} 512 2 8")
    assert int(done.stdout) >= 0


@pytest.mark.parametrize(("last", "holds"), [(b"same", True), (b"other", False)])
def test_resumed_runs_are_held_against_whole_ones(monkeypatch, last, holds):
    commands, bits = [], iter([b"same", b"same", b"same", last])

    def run(command):
        commands.append(command)
        if "resumed" in command:
            open(shlex.split(command)[-1], "w").close()

    def interrupted(folder, threads):
        return ["python", "x.py", "--threads", str(threads), "--save", f"{folder}/resumed.npz"]

    def load(file):
        return SimpleNamespace(flat_parameters=SimpleNamespace(tobytes=lambda: next(bits)))

    for name, function in (("run", run), ("interrupted", interrupted), ("load", load)):
        monkeypatch.setattr(sequences, name, function)
    row = sequences.resumed()
    assert row.holds == holds
    assert row.value == f"threads 1, 1, then 2, 2, 2, then 1: {'equal' if holds else 'DIFFERENT'}"
    assert [re.search(r"--threads (\d)", command)[1] for command in commands] == ["1", "2", "2", "1"]
    assert all("--dropout 0.1" in command for command in commands[::2])


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_is_stopped_behind_its_first_epoch(monkeypatch, tmp_path):
    model = "--layers 1 --heads 2 --width 8 --context 6 --limit 4000 --quiet --epochs 40 --epoch-steps 40"
    monkeypatch.setattr(sequences, "TRAIN", f"python scripts/train_transformer.py {model}")
    words = sequences.interrupted(str(tmp_path), 1)
    assert words[words.index("--threads") + 1] == "1"
    assert (tmp_path / "resumed.interrupted.npz").exists() or "--resume" in words


def test_a_run_that_ends_by_itself_is_no_interruption(monkeypatch, tmp_path):
    monkeypatch.setattr(sequences, "TRAIN", "python scripts/sample.py")
    with pytest.raises(OSError, match="was not interrupted, exit code 2"):
        sequences.interrupted(str(tmp_path), 1)


def test_every_row_says_what_it_is():
    assert list(sequences.ROWS) == ["norms", "attention", "recurrent", "lengths", "language", "resumed"]
    assert all(row.__doc__ for row in sequences.ROWS.values())
    assert (ROOT / shlex.split(sequences.TRAIN)[1]).exists()
