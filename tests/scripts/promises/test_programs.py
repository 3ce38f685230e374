"""The rows of the evidence about programs: what they count, and what they make of it."""

import re
import sys
from types import SimpleNamespace

import pytest

from promises import programs
from promises.row import ROOT


@pytest.fixture
def says(monkeypatch):
    """Sets what a command is made to have said; returns those that were run."""
    commands, texts = [], []

    def run(command, **extra):
        commands.append((command, extra))
        return SimpleNamespace(stdout=texts[-1])

    monkeypatch.setattr(programs, "run", run)
    return commands, texts


@pytest.mark.parametrize(("models", "holds"), [(500, True), (499, False)])
def test_random_models_are_counted(says, models, holds):
    commands, texts = says
    texts.append(f"fuzzed: {models} models equal bit by bit, 300 as programs, 200 by hand\n  200 by hand: x\n")
    row = programs.fuzzed()
    assert (row.holds, row.value) == (holds, texts[-1].splitlines()[0])
    assert commands[0][1] == {"NNMAT_FUZZ": "500"}
    assert all((ROOT / place).exists() for place in re.findall(r"\btests/[\w/.]+", commands[0][0]))
    texts.append("1 passed")
    with pytest.raises(OSError, match="printed no figures"):
        programs.fuzzed()


@pytest.mark.parametrize(("now", "holds"), [(1032, True), (1033, False)])
def test_lines_are_those_of_the_same_classes(monkeypatch, now, holds):
    found = {name: 0 for name in programs.COUNTED} | {"Linear": now, "New": 5000}
    del found["Branches"]
    monkeypatch.setattr(programs.lines, "of_folder", lambda folder: found)
    row = programs.lines_of_code()
    assert row.holds == holds
    assert row.value == f"0.80: {now} lines; gone: Branches"


def test_the_counted_classes_are_there():
    assert set(programs.COUNTED) & set(programs.lines.of_folder(ROOT))
    assert len(set(programs.COUNTED)) == len(programs.COUNTED) == 29


@pytest.mark.parametrize(
    ("said", "holds", "value"),
    [
        ("3 a b c\n0\n0\n", True, "0 after 3 for the first"),
        ("3 a b c\n0\n2 d e\n", False, "2 after 3 for the first: d, e"),
        ("0\n0\n0\n", False, "0 after 0 for the first"),
    ],
)
def test_kernels_for_another_architecture(says, said, holds, value):
    commands, texts = says
    texts.append(said)
    row = programs.architectures()
    assert (row.holds, row.value) == (holds, value)
    assert set(commands[0][1]) == {"NUMBA_CACHE_DIR", "NNMAT_COMPILE_PROCESSES"}


def test_the_program_of_the_architectures_is_python():
    compile(programs.ARCHITECTURES, "architectures", "exec")
    assert sys.version_info >= (3, 11)


def test_every_row_says_what_it_is():
    assert list(programs.ROWS)[:7] == ["fuzz", "compiled", "call", "unlisted", "jax", "outside", "busy"]
    assert all(row.__doc__ for row in programs.ROWS.values())
