"""Runs that are stopped and resumed: which commands are run, and what is made of the files."""

import os
import re
import shlex

import pytest

from promises import resumed

MODEL = "--layers 1 --heads 2 --width 8 --context 6 --limit 4000 --quiet --epochs 40 --epoch-steps 40"


@pytest.mark.parametrize(("last", "holds"), [(b"same", True), (b"other", False)])
def test_resumed_runs_are_held_against_whole_ones(monkeypatch, last, holds):
    commands, bits = [], iter([b"same", b"same", b"same", last])

    def run(command):
        commands.append(command)
        open(shlex.split(command)[-1], "w").close()

    for name, function in (("run", run), ("interrupted", shlex.split), ("bits_of", lambda file: next(bits))):
        monkeypatch.setattr(resumed, name, function)
    row = resumed.resumed("a network", "python x.py --dropout 0.1", "shown")
    assert row.holds == holds
    assert row.value == f"threads 1, 1, then 2, 2, 2, then 1: {'equal' if holds else 'DIFFERENT'}"
    assert [re.search(r"--threads (\d)", command)[1] for command in commands] == ["1", "2", "2", "1"]
    assert all("--dropout 0.1" in command for command in commands)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_is_stopped_behind_its_first_epoch(tmp_path):
    command = f"python scripts/train_transformer.py {MODEL} --threads 1 --save {tmp_path}/resumed.npz"
    words = resumed.interrupted(command)
    assert words[words.index("--threads") + 1] == "1"
    assert (tmp_path / "resumed.interrupted.npz").exists() or "--resume" in words


@pytest.mark.parametrize(("command", "code"), [("python scripts/sample.py", 2), ("python -c 'print(3)'", 0)])
def test_a_run_that_ends_by_itself_is_no_interruption(command, code):
    with pytest.raises(OSError, match=f"was not interrupted, exit code {code}"):
        resumed.interrupted(command)
