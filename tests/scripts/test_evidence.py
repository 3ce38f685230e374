"""scripts/evidence.py: which rows it measures, what it prints and writes, and how it ends."""

import json

import pytest

import evidence
from promises.row import Row
from tests.scripts.running import run

ROWS = {
    "one": lambda: Row("first", ">= 1", "2", True, "python scripts/a.py"),
    "two": lambda: [Row("second", "< 1", "0.5", True, "b"), Row("third", "< 1", "3", False, "c")],
    "none": lambda: Row("fourth", ">= 2x", "not measured: no peer", False, "d", measured=False),
    "three": lambda: pytest.fail("it was not asked for"),
}


@pytest.fixture
def measured(monkeypatch, capsys):
    """Runs the script with rows that take no time; returns its exit code and its output."""
    monkeypatch.setattr(evidence, "ROWS", ROWS)

    def measure(*arguments):
        monkeypatch.setattr("sys.argv", ["scripts/evidence.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            evidence.main()
        return stopped.value.code, capsys.readouterr().out

    return measure


def test_rows_are_printed_written_and_counted(measured, tmp_path):
    code, said = measured("--only", "one", "two", "--json", tmp_path / "e.json")
    assert code == 1
    assert said.startswith(f"{ROWS['one']()}\n\n")
    assert said.endswith("2 of 3 rows met. Not met: third.\n")
    rows = json.loads((tmp_path / "e.json").read_text())
    assert [(row["what"], row["holds"]) for row in rows] == [("first", True), ("second", True), ("third", False)]


def test_rows_that_could_not_be_measured_are_counted(measured):
    code, said = measured("--only", "one", "none")
    assert code == 1
    assert said.endswith("1 of 2 rows met. Not measured: fourth.\n")


def test_if_all_rows_are_met_the_script_says_so(measured):
    code, said = measured("--only", "one")
    assert code == 0
    assert said.endswith("1 of 1 rows met.\n")


def test_every_row_has_a_line():
    done = run("evidence.py", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(evidence.ROWS)
    assert all(len(line.split()) > 3 for line in lines)


def test_a_row_that_does_not_exist_is_a_usage_error():
    done = run("evidence.py", "--only", "nonsense")
    assert done.returncode == 2
    assert "invalid choice: 'nonsense'" in done.stderr
    assert "Traceback" not in done.stderr
