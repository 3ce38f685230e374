"""A derivation: the record of how a gradient was found, line by line, each with the law that justifies it."""

from dataclasses import dataclass, field
from functools import cached_property

from ..language.expr import Expr, add, replace
from ..laws import adjoints as moves
from ..laws import differentials as laws
from ..laws import simplifier

OTHERS = {
    "DEF": "a name stands for its definition",
    "CONST": "f does not contain the variable, so df = 0",
    "SYM-1": "gradient on the symmetric matrices: (G + Gᵀ)/2",
    "SYM-2": "gradient by the free entries of a symmetric matrix: tril(G + Gᵀ - Diag(diagonal(G)))",
    "SYM-3": "gradient on the diagonal matrices: I ⊙ G",
}
STATEMENTS: dict[str, str] = {**laws.STATEMENTS, **moves.STATEMENTS, **simplifier.STATEMENTS, **OTHERS}


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


@dataclass
class Stage:
    """The record of one quantity on the way: its line steps, then the simplification of the gradients read off."""

    of: str
    lines: list[Step] = field(default_factory=list)
    readings: list[tuple[str, Expr, Expr, list[simplifier.Applied]]] = field(default_factory=list)


@dataclass
class Derivation:
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

    @cached_property
    def steps(self) -> list[Step]:
        """Every step: the lines of df, and each rule by which a gradient was simplified."""
        steps: list[Step] = []
        for stage in self.stages:
            steps += stage.lines
            for name, before, after, applied in stage.readings:
                steps += replay(name, before, after, applied)
        return steps

    def check(self, trials: int = 3, seed: int = 0) -> float:
        """Check every line at `trials` random points in float64; the largest relative error.

        Raises UnverifiedError with the step and the counterexample.
        """
        from ..checking.verify import check

        return check(self, trials, seed)

    def __str__(self) -> str:
        from ..records.report import report

        return report(self)

    def to_text(self, full: bool = False) -> str:
        """The derivation as text; `full` shows each simplification as a line of its own."""
        from ..records.report import report

        return report(self, full=full)

    def to_latex(self, full: bool = False) -> str:
        """The derivation as LaTeX, an align* environment for each stage."""
        from ..records.report import latex_report

        return latex_report(self, full=full)

    def _repr_latex_(self) -> str:
        return self.to_latex()


def replay(name: str, before: Expr, after: Expr, applied: list[simplifier.Applied]) -> list[Step]:
    """The applications of rules as steps of the whole gradient."""
    steps: list[Step] = []
    line = before
    for a in applied:
        new = replace(line, a.before, a.after)
        if new is not line:
            steps.append(Step("gradient", name, a.rule, a.before, (line,), (new,)))
            line = new
    if line is not after:
        steps.append(Step("gradient", name, "SIM-1", line, (line,), (after,)))
    return steps
