"""The rows of the evidence that are right or wrong: what they count, and that the tests they run exist."""

import re
from types import SimpleNamespace

import pytest

from promises import training, truth
from promises.row import ROOT

CALCULUS = {"worked examples": 90, "identities": 60, "mutations": 30, "table": 5}


@pytest.fixture
def says(monkeypatch):
    """What each command is made to have said, by a word in it; returns the answers and the commands that were run."""
    answers, commands = {}, []

    def run(command, **extra):
        commands.append(command)
        (text,) = (text for word, text in answers.items() if word in command)
        return SimpleNamespace(stdout=text)

    monkeypatch.setattr(truth, "run", run)
    return answers, commands


def calculus(counts):
    files = {truth.CALCULUS[name]: f"{count} passed in 1 s" for name, count in counts.items()}
    files[truth.CALCULUS["mutations"]] += "\na derivation: 3 ms"
    return files


def test_the_tests_behind_the_rows_exist(says):
    answers, commands = says
    answers |= calculus(CALCULUS) | {"tests/nnmat/layers": "3 passed", "tests/test_bad_input.py": "5 passed"}
    answers |= {"without_shapes": "texts without shapes: 40 right, 50 asked, none silently wrong\n94 passed"}
    answers |= {"random": "compared 6000, refused 2, worst 1e-15", "-q tests/judge": "4 passed"}
    for row in (truth.gradients, truth.calculus, truth.calculus_random, truth.texts_without_shapes, truth.bad_input):
        assert row().holds
    places = {place for command in commands for place in re.findall(r"\btests/[\w/.]+", command)}
    assert len(places) >= 10
    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []


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


@pytest.mark.parametrize(("compared", "refused", "holds"), [(5000, 50, True), (4999, 0, False), (5000, 51, False)])
def test_random_expressions_are_counted_over_all_parts(says, compared, refused, holds):
    parts = f"compared {compared - 10}, refused 0, worst 1e-15\ncompared 10, refused {refused}, worst 3e-14\n"
    says[0]["-k random"] = parts
    row = truth.calculus_random()
    assert row.holds == holds
    assert row.value == f"{compared} right, {refused} refused, none wrong; worst relative distance 3.0e-14"


@pytest.mark.parametrize(("right", "asked", "holds"), [(30, 30, True), (30, 29, False)])
def test_texts_without_shapes_are_counted(says, right, asked, holds):
    says[0]["without_shapes"] = f"texts without shapes: {right} right, {asked} asked, none silently wrong\n60 passed"
    row = truth.texts_without_shapes()
    assert row.holds == holds
    assert row.value.startswith(f"{right} right, {asked} asked")
    says[0]["without_shapes"] = "60 passed"
    with pytest.raises(OSError, match="printed no figures"):
        truth.texts_without_shapes()


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


def test_random_expressions_without_figures_are_an_error(says):
    says[0]["-k random"] = "3 passed"
    with pytest.raises(OSError, match="printed no figures"):
        truth.calculus_random()
