"""The rows of the evidence about killed and forked processes: what they count, and that the tests they run exist."""

import re
from types import SimpleNamespace

import pytest

from promises import survival
from promises.row import ROOT


@pytest.fixture
def says(monkeypatch):
    """Sets what the commands are made to have said; returns those that were run."""
    commands, texts = [], []

    def run(command, **extra):
        commands.append((command, extra))
        return SimpleNamespace(stdout=texts[-1])

    monkeypatch.setattr(survival, "run", run)
    return commands, texts


KILLED = "killed: {} times at 90 steps, {} files whole, 9 runs resumed to the same bits, at most {} of 3 steps lost"


@pytest.mark.parametrize(
    ("times", "files", "lost", "holds"),
    [(200, 200, 3, True), (199, 199, 3, False), (200, 0, 0, False), (200, 9, 4, False)],
)
def test_kills_are_counted(says, times, files, lost, holds):
    commands, texts = says
    texts.append(f"{KILLED.format(times, files, lost)}\n1 passed in 3 s")
    row = survival.kills()
    assert (row.holds, row.value) == (holds, KILLED.format(times, files, lost))
    assert commands[0][1] == {"NNMAT_KILLS": "200"}


@pytest.mark.parametrize(("count", "holds"), [(200, True), (199, False)])
def test_forks_are_counted(says, count, holds):
    commands, texts = says
    texts.append(f"forked: {count} children on omp and workqueue, all with the same bits\n1 passed")
    assert survival.forks().holds == holds
    assert commands[0][1] == {"NNMAT_FORKS": "200"}


@pytest.mark.parametrize("name", survival.ROWS)
def test_a_row_without_figures_is_an_error(says, name):
    commands, texts = says
    texts.append("1 passed")
    with pytest.raises(OSError, match="printed no figures"):
        survival.ROWS[name]()
    assert all((ROOT / place).exists() for place in re.findall(r"\btests/[\w/.]+", commands[0][0]))
