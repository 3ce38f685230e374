"""What a derivation leaves: every line with its law, as data. Reports and checks read it, and derive nothing."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ..language.expr import Expr, add, replace
from ..laws import adjoints, differentials, simplifier
from ..laws.simplifier import Applied

OTHERS = {
    "DEF": "a name stands for its definition",
    "CONST": "f does not contain the variable, so df = 0",
    "SYM-1": "gradient on the symmetric matrices: (G + Gᵀ)/2",
    "SYM-2": "gradient by the free entries of a symmetric matrix: tril(G + Gᵀ - I ⊙ G)",
    "SYM-3": "gradient on the diagonal matrices: I ⊙ G",
    "SYM-4": "gradient on the lower triangular matrices: tril(G)",
}
STATEMENTS: dict[str, str] = {
    **differentials.STATEMENTS,
    **adjoints.STATEMENTS,
    **simplifier.STATEMENTS,
    **OTHERS,
}


@dataclass(frozen=True)
class Step:
    """One step. `before` and `after` are lines `df = ...` (kind "differential") or gradients of `of` (kind "gradient").

    `rule` is the id of a law, property or simplification, `statement` what it says, `on` the sub-expression that it
    acted on.
    """

    kind: str
    of: str
    rule: str
    on: Expr
    terms_before: tuple[Expr, ...]
    terms_after: tuple[Expr, ...]

    @property
    def statement(self) -> str:
        return STATEMENTS[self.rule]

    @property
    def before(self) -> Expr:
        return add(*self.terms_before)

    @property
    def after(self) -> Expr:
        return add(*self.terms_after)

    def __str__(self) -> str:
        return f"{self.after}    [{self.rule}: {self.statement}]"


@dataclass(frozen=True)
class Link:
    """One gradient of the chain: of the quantity `name`, in terms of the gradients before it, and closed."""

    name: str
    node: Expr
    local: Expr
    closed: Expr


class Reading(NamedTuple):
    """A gradient read off: of the quantity `name`, as it was read, as it is simplified, and by which rules."""

    name: str
    before: Expr
    after: Expr
    applied: list[Applied]


class Edit(NamedTuple):
    """What a law did to a line: the terms `before`, from place `at` on, became `after`; where `at` is None the terms
    `before` were gathered from all places, and `after` stands at the end."""

    rule: str
    on: Expr
    at: int | None
    before: tuple[Expr, ...]
    after: tuple[Expr, ...]

    def apply(self, terms: list[Expr]) -> None:
        """Change a line, the one that it was made for."""
        if self.at is None:
            gone = set(self.before)
            terms[:] = [t for t in terms if t not in gone]
            terms += self.after
        else:
            terms[self.at : self.at + len(self.before)] = self.after


@dataclass
class Stage:
    """The record of one quantity on the way: its line steps, then the simplification of the gradients read off.

    A line is kept as its change: in a sum of a thousand terms a law works on one of them.
    """

    of: str
    start: tuple[Expr, ...] = ()
    edits: list[Edit] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    kind: str = "differential"

    @cached_property
    def lines(self) -> list[Step]:
        """The steps of the line."""
        steps: list[Step] = []
        terms, before = list(self.start), self.start
        for edit in self.edits:
            edit.apply(terms)
            after = tuple(terms)
            steps.append(Step(self.kind, self.of, edit.rule, edit.on, before, after))
            before = after
        return steps


@dataclass
class Record:
    """The gradient of `function` by `wrt`: `gradient`, the `chain` of gradients that leads there, and all `steps`."""

    function: Expr
    wrt: Expr
    root: Expr
    gradient: Expr
    chain: list[Link]
    stages: list[Stage]
    form: str = "free"
    error: float = 0.0
    quantities: dict[str, Expr] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()  # the names whose shapes were found from use

    @cached_property
    def steps(self) -> list[Step]:
        """Every step: the lines of df, and each rule by which a gradient was simplified."""
        steps: list[Step] = []
        for stage in self.stages:
            steps += stage.lines
            for reading in stage.readings:
                steps += replay(reading)
        return steps


def replay(reading: Reading) -> list[Step]:
    """The applications of rules as steps of the whole gradient."""
    steps: list[Step] = []
    line = reading.before
    for a in reading.applied:
        new = replace(line, a.before, a.after)
        if new is not line:
            steps.append(Step("gradient", reading.name, a.rule, a.before, (line,), (new,)))
            line = new
    if line is not reading.after:
        steps.append(Step("gradient", reading.name, "SIM-1", line, (line,), (reading.after,)))
    return steps
