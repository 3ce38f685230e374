"""A row of the evidence, and the commands behind it."""

import sys

import pytest

from promises.row import ROOT, Row, run, written


def test_a_row_says_whether_the_promise_is_met():
    row = Row("speed", ">= 2x", "2.5x", True, "python scripts/x.py")
    assert str(row).splitlines() == [
        "met      speed",
        "         bar: >= 2x",
        "         value: 2.5x",
        "         python scripts/x.py",
    ]
    row.holds = False
    assert str(row).startswith("NOT MET  speed\n")


def test_a_command_runs_with_this_python_in_the_project():
    said = run("python -c 'import os, sys; print(sys.executable, os.getcwd(), os.environ[\"MARK\"])'", MARK="7").stdout
    assert said.split() == [sys.executable, str(ROOT), "7"]
    assert (ROOT / "scripts" / "evidence.py").is_file()


def test_a_command_that_fails_is_an_error_with_what_it_said():
    with pytest.raises(OSError, match=r"(?s)ended with exit code 3:\nsaid before\n.*"):
        run("python -c 'print(\"said before\"); raise SystemExit(3)'")


def test_what_a_command_wrote_is_read():
    code = "import sys; assert sys.argv[1] == '--json'; open(sys.argv[2], 'w').write('{\"rows\": [1]}')"
    assert written(f'python -c "{code.replace(chr(34), chr(92) + chr(34))}"') == {"rows": [1]}
