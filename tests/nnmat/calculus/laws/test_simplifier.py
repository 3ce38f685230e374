"""Normal forms."""

import pytest

from nnmat.calculus import NotDerivable, ShapeError, let, matrix, parse, simplify, sin, vector
from nnmat.calculus.language.expr import replace
from nnmat.calculus.laws.differentials import LAWS
from nnmat.calculus.laws.simplifier import RULES, STATEMENTS, Simplifier


def test_a_matrix_of_one_entry_is_a_scalar():
    s = matrix("s", 1, 1)
    for source in (
        "s * eye(1) + inv(s) * s",
        "trace(s) + softmax(s) - tril(s) + diag(s)",
        "ones(1, 1) * s + adjugate(s)",
    ):
        assert str(simplify(parse(source, s=s))) == "s + 1"


def test_simplify_is_stable():
    for source in ("A + A", "inv(A @ B).T", "(A * B) @ C - (A * B) @ D", "trace(A @ B) * C"):
        once = simplify(parse(source, **{n: ("N", "N") for n in "ABCD"}))
        assert simplify(once) is once


def test_text_is_no_expression():
    with pytest.raises(ShapeError, match="simplify: expected an expression"):
        simplify("A")


def test_every_application_is_on_record_and_joins():
    simplifier = Simplifier()
    e = parse("(A @ inv(A) @ B).T + 0 * A.T + B.T", A=("N", "N"), B=("N", "N"))
    after = simplifier(e)
    assert str(after) == "2 Bᵀ"
    assert {a.rule for a in simplifier.log} <= set(STATEMENTS)
    line = e
    for a in simplifier.log:
        line = replace(line, a.before, a.after)
    assert line is after


def test_what_was_simplified_once_is_known():
    simplifier = Simplifier()
    e = parse("A + A", A=("N", "N"))
    once, many = simplifier(e), len(simplifier.log)
    assert simplifier(e) is once
    assert simplifier(once) is once
    assert len(simplifier.log) == many


def test_a_name_is_not_looked_into():
    x = vector("x", "N")
    h = let("h", x + x)
    assert simplify(h + h) is simplify(2 * h)
    assert simplify(h + h).args[1] is h


def test_rules_that_do_not_end_are_stopped(monkeypatch):
    monkeypatch.setattr("nnmat.calculus.laws.simplifier.LIMIT", 50)
    monkeypatch.setitem(RULES, "fn", [("SIM-1", lambda e: sin(e))])
    with pytest.raises(NotDerivable, match="simplification took more than 50 steps. Derive it in parts"):
        simplify(sin(vector("x", "N")))


def test_every_operator_with_a_law_has_rules():
    alone = {"gaps", "greater", "hstack", "maximum", "vstack", "where"}  # nothing there is shorter
    assert set(LAWS) - set(RULES) == {"norm", *alone}  # a norm has them where it stands under a power
    assert {name for rules in RULES.values() for name, _ in rules} <= set(STATEMENTS)
