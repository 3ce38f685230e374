"""The stopwatch: it finds silence where there is some, at the start, in the middle and at the end."""

import sys

import pytest

from promises.first_use import COMMANDS, ROWS, longest_silence, words


@pytest.mark.parametrize(
    ("program", "least", "most"),
    [
        ("print(1)", 0.0, 1.9),
        ("import time; time.sleep(2); print(1)", 1.9, 4.0),
        ("import time; print(1, flush=True); time.sleep(2); print(2)", 1.9, 4.0),
        ("import time; print(1, flush=True); time.sleep(2)", 1.9, 4.0),
        ("import time\nfor _ in range(30): time.sleep(0.1); print('.', end='', flush=True)", 0.0, 1.9),
        ("import sys; assert sys.stderr.isatty() and sys.stdout.isatty()", 0.0, 1.9),
    ],
)
def test_the_longest_silence(program, least, most):
    assert least <= longest_silence([sys.executable, "-c", program]) <= most


def test_a_command_that_fails_is_an_error():
    with pytest.raises(OSError, match="ended with exit code 3"):
        longest_silence([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_commands_are_those_of_a_new_user():
    assert words("python x.py MODEL", "/m.npz") == [sys.executable, "x.py", "/m.npz"]
    assert {"first fit", "gradcheck", "warmup", "derive", "evaluate"} <= set(COMMANDS)
    for command in COMMANDS.values():
        assert words(command, "m")[0] == sys.executable
    assert set(ROWS) == {"silence", "cold"}
    assert all(row.__doc__ for row in ROWS.values())
