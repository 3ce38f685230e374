"""The rows of the evidence about sequences: what they run, and what they make of it."""

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


def test_every_row_says_what_it_is():
    assert list(sequences.ROWS) == ["norms", "attention", "recurrent", "lengths", "language", "resumed"]
    assert all(row.__doc__ for row in sequences.ROWS.values())
    assert (ROOT / shlex.split(sequences.TRAIN)[1]).exists()
