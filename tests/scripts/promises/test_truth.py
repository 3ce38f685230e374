"""The rows of the evidence that are right or wrong: what they count, and that the tests they run exist."""

import re
from types import SimpleNamespace

import pytest

from promises import training, truth
from promises.row import ROOT
from tests.outside import matrix_cookbook

CALCULUS = {"worked examples": 90, "identities": 60, "mutations": 30, "table": 5}


@pytest.fixture
def says(monkeypatch):
    """What each command is made to have said, by a word in it; returns the answers and the commands that were run."""
    answers, commands = {}, []

    def run(command, *place, **extra):
        commands.append(command)
        (text,) = (text for word, text in answers.items() if word in command)
        return SimpleNamespace(stdout=text)

    monkeypatch.setattr(truth, "run", run)
    return answers, commands


def calculus(counts):
    files = {truth.CALCULUS[name]: f"{count} passed in 1 s" for name, count in counts.items()}
    files[truth.CALCULUS["mutations"]] += "\na derivation: 3 ms"
    return files


FIGURES = {  # what the tests of a row say, by a word of its command
    "quick": "a derivation: median 1.9 ms, 99 % 9 ms, most 12 ms; depth 8 0.07 s",
    "cookbook": "..(32) 8/8 (iᵀk) (jᵀl)\n(37) 2/2 dX Y\ncookbook: 2 rows right; 2 rows short",
    "sizes": "....two layers, text: 0.20 s, 9 kB\n.two layers, latex: 0.30 s, 12 kB\nmemory: 51 MB\n3 passed",
    "without_shapes": "texts without shapes: 40 right, 50 asked, none silently wrong\n94 passed",
    "random": "compared 6000, refused 2, worst 1e-15",
    "read_back": "".join(f".read back: {n} texts of part {n}\n" for n in range(1, 7)),
}
ROWS = [truth.derivation_time, truth.book, truth.sizes, truth.texts_without_shapes, truth.calculus_random]
ROWS.append(truth.read_back)


def test_the_tests_behind_the_rows_exist(says):
    answers, commands = says
    answers |= calculus(CALCULUS) | {"tests/nnmat/layers": "3 passed", "tests/test_bad_input.py": "5 passed"}
    answers |= {"-q tests/judge": "4 passed"}
    for row in (truth.gradients, truth.calculus, truth.bad_input):
        assert row().holds
    answers.clear()
    answers |= FIGURES
    for row in ROWS:
        assert row().holds
    places = {place for command in commands for place in re.findall(r"\btests/[\w/.]+", command)}
    assert len(places) >= 10
    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []


def test_the_longer_rows_are_those_of_the_table():
    assert set(truth.LONGER) == {row.split()[0] for row in matrix_cookbook.LONGER}


def test_what_the_rows_of_the_calculus_say(says):
    says[0].update(FIGURES)
    time, book, sizes, _, _, back = [row() for row in ROWS]
    assert time.value == "median 1.9 ms, 99 % 9 ms, most 12 ms; depth 8 0.07 s"
    assert book.value.splitlines()[1:] == ["         (32) 8/8 (iᵀk) (jᵀl)", "         (37) 2/2 dX Y"]
    assert (sizes.what, sizes.value) == ("large functions: two layers", "2 outputs, at most 0.30 s and 12 kB; 51 MB")
    assert back.value.startswith("21 texts, all the same: 1 of part 1, ")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("quick", "a derivation: median 2.1 ms, 99 % 9 ms, most 12 ms"),
        ("cookbook", "(32) 9/7 long\n(37) 2/2 dX Y\ncookbook: 2 rows of 2 equations right; 1 rows short"),
        ("sizes", "two layers, text: 1.01 s, 9 kB\nmemory: 51 MB"),
        ("sizes", "two layers, text: 0.10 s, 100 kB\nmemory: 51 MB"),
        ("random", "compared 6000, refused 18, worst 1e-15"),
        ("read_back", ".read back: 1 texts of one\n"),
    ],
)
def test_what_misses_a_bar_of_the_calculus(says, word, text):
    says[0].update(FIGURES | {word: text})
    assert [row().holds for row in ROWS].count(False) == 1


@pytest.mark.parametrize("row", ROWS)
def test_rows_without_figures_are_an_error(says, row):
    says[0].update(dict.fromkeys(FIGURES, "3 passed"))
    with pytest.raises(OSError, match="printed no figures"):
        row()


def test_the_tests_behind_equal_bits_exist():
    places = re.findall(r"\btests/[\w/.]+", training.RESUMED)
    assert len(places) == 2
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("name", ["worked examples", "identities", "mutations"])
def test_too_few_cases_of_the_calculus_do_not_hold(says, name):
    answers, _ = says
    answers |= calculus(CALCULUS | {name: CALCULUS[name] - 1})
    row = truth.calculus()
    assert not row.holds
    assert f"{CALCULUS[name] - 1} tests of {name}" in row.value
    assert row.value.endswith("; a derivation: 3 ms")


@pytest.mark.parametrize(("compared", "refused", "holds"), [(5000, 14, True), (4999, 0, False), (5000, 15, False)])
def test_random_expressions_are_counted_over_all_parts(says, compared, refused, holds):
    parts = f"compared {compared - 10}, refused 0, worst 1e-15\ncompared 10, refused {refused}, worst 3e-14\n"
    says[0]["-k random"] = parts
    row = truth.calculus_random()
    assert row.holds == holds
    assert (
        row.value == f"{compared} right, {refused} refused, none wrong, none accused; worst relative distance 3.0e-14"
    )


@pytest.mark.parametrize(("right", "asked", "holds"), [(30, 30, True), (30, 29, False)])
def test_texts_without_shapes_are_counted(says, right, asked, holds):
    says[0]["without_shapes"] = f"texts without shapes: {right} right, {asked} asked, none silently wrong\n60 passed"
    row = truth.texts_without_shapes()
    assert row.holds == holds
    assert row.value.startswith(f"{right} right, {asked} asked")


@pytest.mark.parametrize(("kept", "passed", "holds"), [(True, 5, True), (False, 5, False), (True, 4, False)])
def test_bounds_and_pages_are_counted(says, monkeypatch, kept, passed, holds):
    said, commands = says
    said["page_shows"] = f"{passed} passed, 80 deselected in 60 s"
    seen = []

    def written(command):
        seen.append(command.removeprefix("python "))
        return {"tables": [{"title": "t", "rows": [{"holds": True}, {"holds": kept}]}]}

    monkeypatch.setattr(truth, "written", written)
    row = truth.analysis()
    assert row.holds == holds
    assert row.value.startswith(f"{8 if kept else 4} of 8 rows keep their bounds; the tables of {passed} scripts")
    assert all((ROOT / script).is_file() for script in seen)
    assert len(commands) == 1
