"""Errors and exit codes."""

import argparse
import signal

import pytest

from nnmat import errors
from nnmat.command.usage.running import run, spoken
from nnmat.training.interruption import TrainingInterrupted


def ended(work) -> int:
    return run(argparse.Namespace(command="train", work=work))


def raising(error: BaseException):
    def work(options):
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.ConfigError("a\nb"), 2, "nnmat train: error: a b\n"),
        (errors.DataError("no"), 1, "nnmat train: error: no\n"),
        (OSError(28, "full"), 1, "nnmat train: error: [Errno 28] full\n"),
        (MemoryError("8 GiB"), 1, "not enough memory (8 GiB)"),
        (KeyboardInterrupt(), 130, "nnmat train: stopped by Ctrl-C."),
        (TrainingInterrupted("x", None), 130, "nnmat train: stopped."),
        (TrainingInterrupted("x", None, signal.SIGTERM), 143, "stopped"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "no"), 2, "PYTHONIOENCODING"),
    ],
)
def test_an_error_is_a_line_and_a_code(error, code, said, capsys):
    assert ended(raising(error)) == code
    assert said in capsys.readouterr().err


def test_what_a_command_returns_is_the_code():
    assert ended(lambda options: None) == 0
    assert ended(lambda options: 1) == 1


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        ended(raising(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("python", "line"),
    [
        ("table: leave it out: ignore=['my id'].", "leave it out: --ignore 'my id'."),
        ("make the table with unknown='zeros'.", "pass --unknown zeros, which takes them as none of the known ones."),
        ("nnmat.datasets.image_folder: expected PIL to be installed", "expected PIL to be installed"),
        ("name it in missing_values= or", "name it in --missing or"),
        ("Pass delimiter=, now ','.", "Pass --delimiter, now ','."),
    ],
)
def test_options_are_called_as_on_the_command_line(python, line):
    assert spoken(errors.DataError(python)) == line
