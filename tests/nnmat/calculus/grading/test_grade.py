"""Grading: right lines are right, the first wrong one is named, and mostly the misuse too."""

import importlib
from itertools import repeat

import numpy as np
import pytest

from nnmat import ConfigError
from nnmat.calculus import ParseError, ShapeError, claim, grade, let, logdet, matrix, norm2, parse, same, vector
from nnmat.calculus.grading.repairs import MISUSES
from tests.nnmat.calculus.grading.misuses import RIGHT, WAYS, injected

TOTAL = 17  # of each misuse: more than 100 together


def function(name):
    text, wrt, shapes, lines = RIGHT[name]
    return parse(text, **shapes), wrt, lines


@pytest.mark.parametrize("name", RIGHT)
def test_right_lines_are_right(name):
    f, wrt, lines = function(name)
    verdict = grade(f, wrt, lines)
    assert verdict.right, str(verdict)
    assert verdict.finished
    assert verdict.lines == len(lines)


def differs(name, line, other):
    """Whether two lines say something else: by their values, with dA as a symbol of its own, or by not fitting."""
    _, wrt, shapes, lines = RIGHT[name]
    declared = dict(shapes)
    declared[f"d{wrt}"] = shapes[wrt]
    above = [x for x in lines if not x.startswith(("df", "gradient", "=", "d"))]
    try:
        named = {}
        for x in above:
            left, _, body = x.partition("=")
            named[left.strip()] = parse(body, named, **declared)
            declared[f"d{left.strip()}"] = named[left.strip()].shape
        bodies = [parse(x.partition("=")[2], named, **declared) for x in (line, other)]
    except (ParseError, ShapeError):
        return True
    return bodies[0].shape != bodies[1].shape or not same(*bodies)


@pytest.mark.parametrize("misuse", WAYS)
def test_injected_misuses_are_named(misuse, grades):
    rng = np.random.default_rng(5)
    done = named = 0
    for name, at, right, wrong in injected(rng, misuse):
        if done == TOTAL:
            break
        if not differs(name, right, wrong):
            continue
        f, wrt, lines = function(name)
        changed = [*lines[:at], wrong, *lines[at + 1 :]]
        verdict = grade(f, wrt, changed)
        assert not verdict.right, (name, wrong)
        assert verdict.line == at + 1, (name, wrong, str(verdict))
        assert verdict.text == wrong
        assert verdict.reason
        done += 1
        named += verdict.misuse == misuse
        if verdict.misuse != misuse:
            print(f"{misuse} called {verdict.misuse or 'nothing'}: {right} -> {wrong}")
    grades[misuse] = done, named
    assert done >= 15
    assert named >= 0.6 * done


@pytest.fixture(scope="module")
def grades():
    found = {}
    yield found
    done, named = (sum(x[i] for x in found.values()) for i in (0, 1))
    print(f"grading: {done} misuses, the right line in all, the right misuse in {named}")


def test_most_misuses_are_named(grades):
    if len(grades) < len(WAYS):
        pytest.skip("needs the counts of the test above")
    done, named = (sum(x[i] for x in grades.values()) for i in (0, 1))
    assert done >= 100
    assert named >= 0.9 * done


def sum(values):
    total = 0
    for v in values:
        total += v
    return total


A, x, y = matrix("A", "M", "N"), vector("x", "M"), vector("y", "N")
f = norm2(A @ y - x) ** 2


def test_claims():
    assert claim(f, "y", 2 * A.T @ (A @ y - x))
    assert claim(f, "y", "2 * A.T @ A @ y - 2 * A.T @ x")
    wrong = claim(f, "y", "2 * A.T @ A @ y - x")
    assert not wrong
    assert wrong.misuse == "" or wrong.misuse in MISUSES
    law = claim(logdet(matrix("S", "N", "N")), "S", "inv(S).T / dim(N)")
    assert (law.right, law.misuse) == (False, "factor")
    assert "line 1 is wrong" in str(law)
    assert "probably a factor" in str(law)


def test_unfinished_work_is_right_so_far():
    verdict = grade(f, "y", ["df = 2 * (A @ y - x).T @ A @ dy"])
    assert verdict.right
    assert not verdict.finished
    assert str(verdict) == "right so far: 1 line holds, and the gradient is not among them"


def test_a_seed_below_zero():
    for asked in (lambda: claim(f, "y", "y", seed=-1), lambda: same(f, f + 0, seed=-1)):
        with pytest.raises(ConfigError, match="expected seed as a seed"):
            asked()


def test_several_ways_to_write_a_line():
    assert grade(f, "y", "f = (A @ y - x).T @ (A @ y - x)\ndf = d((A @ y - x).T @ (A @ y - x))  # by definition\n\n"
                 "= 2 * (A @ y - x).T @ A @ d(y)\n∇_y f = 2 * A.T @ (A @ y - x)").right  # fmt: skip
    assert grade(f, "y", ["2 * (A @ y - x).T @ A @ dy", "grad f = 2 * A.T @ (A @ y - x)"]).finished


def test_the_counterexample_is_one():
    verdict = grade(f, "y", ["f = (A @ y + x).T @ (A @ y - x)"])
    assert (verdict.line, verdict.misuse) == (1, "sign")
    assert verdict.meant == "(A @ y - x).T @ (A @ y - x)"
    assert "f is " in verdict.reason
    assert "the line gives" in verdict.reason


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["df = 2 * r.T @ dy"], "line 1: expected names among A, x, y, or dy, got r"),
        (["", "df = (A @"], "line 2: expected"),
        (["a b = x"], "line 1: expected df = ..., f = ..., gradient = ... or a name"),
    ],
)
def test_lines_that_cannot_be_read(lines, message):
    with pytest.raises(ParseError) as found:
        grade(f, "y", lines)
    assert message in str(found.value)


def test_what_is_refused():
    with pytest.raises(ShapeError, match="expected lines"):
        grade(f, "y", "\n# nothing\n")
    with pytest.raises(ShapeError, match="expected a gradient on one line"):
        claim(f, "y", "a\nb")
    with pytest.raises(ShapeError, match="expected a scalar function"):
        claim(A @ y, "y", "A")


def test_a_claim_with_names_of_its_own():
    r = let("r", A @ y - x)
    assert claim(f, "y", 2 * A.T @ r)
    assert claim(norm2(r) ** 2, "y", 2 * A.T @ r)


def test_names_keep_their_meaning():
    again = grade(f, "y", ["r = A @ y - x", "r = A @ y + x"])
    assert (again.line, again.misuse) == (2, "sign")
    assert grade(f, "y", ["x = A @ y"]).line == 1
    assert grade(f, "y", ["x = x", "r = A @ y - x", "r = -(x - A @ y)"]).right
    unfit = grade(f, "y", ["r = A @ x"])
    assert (unfit.line, unfit.misuse) == (1, "")
    assert "columns on the left" in unfit.reason
    h = let("h", A @ y)
    assert grade(norm2(h - x) ** 2, "y", ["h = A @ y", "dh = A @ dy", "df = 2 * (h - x).T @ dh"]).right


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("gradient = foo(y)", r"column 12: line 1: expected a function, got 'foo'. There are "),
        ("gradient = adj(A) @ y", r"line 1: .*Write adjugate\(A\)"),
        ("df = d(foo(y))", "column 8: line 1: expected a function, got 'foo'. There are "),
        ("gradient = exp(y, y)", "line 1: expected 1 argument of exp, got 2"),
    ],
)
def test_a_call_that_is_none(line, fault):
    with pytest.raises(ParseError, match=fault):
        grade(f, "y", line)


@pytest.mark.parametrize("lines", [3, None, [3]])
def test_lines_that_are_no_text(lines):
    with pytest.raises(ConfigError, match="expected lines as a text or a list of texts, got"):
        grade(f, "y", lines)


def test_a_line_of_too_many_operators():
    with pytest.raises(ParseError, match="line 1: expected a line that Python's stack holds"):
        grade(f, "y", "gradient = " + "-" * 5000 + "y")


def test_of_a_long_line_not_every_repair_is_tried(monkeypatch):
    module = importlib.import_module("nnmat.calculus.grading.grade")
    monkeypatch.setattr(module, "repairs", lambda tree, text, sizes: repeat(("sign", tree)))
    assert not grade(norm2(vector("x", "N")) ** 2, "x", "gradient = 3 * x")


def test_a_wrong_derivation_is_not_finished():
    f = parse("norm2(x) ** 2", x="N")
    assert not grade(f, "x", ["df = dx", "gradient = 2 * x"]).finished
    assert not claim(f, "x", "x").finished
    assert not grade(f, "x", ["df = 2 * x.T @ dx"]).finished
    assert claim(f, "x", "2 * x").finished


@pytest.mark.parametrize(
    ("who", "judge"), [("grade", lambda f, w: grade(f, w, "df = 0")), ("claim", lambda f, w: claim(f, w, "x"))]
)
def test_who_was_asked_says_what_is_wrong(who, judge):
    with pytest.raises(ShapeError, match=f"{who}: expected wrt among x, got 'Z'"):
        judge(parse("x.T @ x"), "Z")
    with pytest.raises(ShapeError, match=f"{who}: expected a scalar function, got Ax .* Take sum"):
        judge(parse("A @ x"), "x")
