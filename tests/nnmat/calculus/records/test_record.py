"""The record of a derivation: lines that join, and statements for all of them."""

from itertools import pairwise

import pytest

from nnmat.calculus import derive, matrix, parse
from nnmat.calculus.language.expr import add, replace
from nnmat.calculus.records.record import STATEMENTS, Link, Reading, Record, Stage, Step, replay

SOURCE = "x.T @ A @ sigmoid(inv(B) @ z + b)"


@pytest.fixture(scope="module")
def record():
    return derive(parse(SOURCE), "B")


def test_it_is_data(record):
    assert isinstance(record, Record)
    again = Record(record.function, record.wrt, record.root, record.gradient, record.chain, record.stages)
    assert again.steps == record.steps
    assert (again.form, again.error) == ("free", 0.0)


def test_the_lines_of_a_stage_join(record):
    lines = [step for stage in record.stages for step in stage.lines]
    assert len(lines) >= 8
    for before, after in pairwise(lines):
        assert before.terms_after == after.terms_before
    for step in lines:
        assert step.before is add(*step.terms_before)
        assert step.kind == "differential"


def test_steps_are_the_lines_and_then_the_rules_of_each_reading(record):
    wanted = []
    for stage in record.stages:
        wanted += [*stage.lines, *(step for reading in stage.readings for step in replay(reading))]
    assert record.steps == wanted
    assert {s.rule for s in record.steps} <= set(STATEMENTS)
    assert all(str(s).endswith(f"[{s.rule}: {STATEMENTS[s.rule]}]") for s in record.steps)


def test_a_reading_is_read_off_and_simplified_step_by_step(record):
    readings = [r for stage in record.stages for r in stage.readings]
    assert [r.name for r in readings] == [link.name for link in record.chain]
    assert [r.after for r in readings] == [link.local for link in record.chain]
    for reading in readings:
        steps = replay(reading)
        ends = [reading.before, *(s.after for s in steps)]
        assert all(s.before is line for s, line in zip(steps, ends, strict=False))
        assert ends[-1] is reading.after
        assert all(s.kind == "gradient" and s.of == reading.name for s in steps)


def test_a_rule_that_changes_nothing_of_the_line_is_no_step():
    A, B = matrix("A", "N", "N"), matrix("B", "N", "N")
    assert replay(Reading("A", A, A, [])) == []
    jump = replay(Reading("A", A + A, 2 * A, []))  # whatever led there, the last step says so
    assert [(s.rule, s.before, s.after) for s in jump] == [("SIM-1", A + A, 2 * A)]
    assert replace(A, B, A) is A


def test_stages_do_not_share_their_lists():
    first, second = Stage("f"), Stage("g")
    first.lines.append(Step("differential", "f", "TR-1", first, (), ()))
    assert second.lines == []
    assert Link("A", first, first, first) != Link("B", first, first, first)
