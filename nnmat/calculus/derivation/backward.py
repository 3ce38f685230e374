"""Backwards through the quantities of a function: the line `df = ...`, law by law, and the gradients read off it."""

from ..language.expr import Expr, add, bottom_up, depending, node, rebuild, replace
from ..language.operators import inner
from ..laws.adjoints import move
from ..laws.differentials import differential
from ..laws.simplifier import Simplifier
from ..laws.sums import zero_like
from ..records.record import Link, Reading, Stage, Step
from .derivation import Derivation
from .intermediates import name_quantities


class Backward:
    """The state of one derivation: the line `df = Σ ⟨∇_v f, dv⟩` over the quantities v on the frontier."""

    def __init__(self, root: Expr, variable: Expr):
        self.root, self.variable = root, variable
        self.named, self.given = name_quantities(root, variable)
        self.simplify = Simplifier()
        self.stages: list[Stage] = []
        self.terms: list[Expr] = [node("d", (self.named,))]
        self.closed: dict[Expr, Expr] = {}  # the closed form of each ∇_v f
        self.chain: list[Link] = []

    def run(self) -> Derivation:
        quantities = [x for x in reversed(depending(self.named, self.variable)) if x.op in ("ref", "sym")]
        root_stage = Stage("f")
        self.stages.append(root_stage)
        self._expand(root_stage)
        for v in quantities:
            self._read(v)
            if v.op == "ref":
                self._open(v)
        last = self.chain[-1]
        result = Derivation(self.root, self.variable, self.root, last.closed, self.chain, self.stages)
        result.quantities = {x.data: x for x in reversed(quantities) if x.op == "ref"}
        return result

    def _record(self, stage: Stage, rule: str, on: Expr, after: list[Expr]) -> None:
        stage.lines.append(Step("differential", stage.of, rule, on, tuple(self.terms), tuple(after)))
        self.terms = after

    def _expand(self, stage: Stage) -> None:
        """Laws until every differential is one of a quantity, then trace properties until each stands alone."""
        at = 0
        while at < len(self.terms):
            term = self.terms[at]
            d = _compound(term)
            if d is None:
                at += 1
            else:
                rule, new = differential(d.args[0], self._d)
                self._record(stage, rule, d.args[0], [*self.terms[:at], _put(term, d, new), *self.terms[at + 1 :]])
        at = 0
        while at < len(self.terms):
            moved = move(self.terms[at], lambda e: e.has_differential)
            if moved is None:
                at += 1
            else:
                self._record(stage, moved[0], self.terms[at], [*self.terms[:at], *moved[1], *self.terms[at + 1 :]])

    def _d(self, e: Expr) -> Expr | None:
        return node("d", (e,), None, e.shape) if self.variable in e.free else None

    def _read(self, v: Expr) -> None:
        """DEF-6: the sum of what stands beside dv is the gradient of v."""
        stage = self.stages[-1]
        mine = [t for t in self.terms if t.args[1].args[0] is v]
        others = [t for t in self.terms if t.args[1].args[0] is not v]
        raw = add(*(t.args[0] for t in mine)) if mine else zero_like(v)
        local = self._simplified(stage, v, raw)
        closed = self._closed(local)
        self.chain.append(Link(v.name, v, local, closed))
        name = node("ref", (local,), f"∇_{v.name} f", v.shape)
        self.closed[name] = closed
        dv = node("d", (v,), None, v.shape)
        self._record(stage, "DEF-6", dv, [*others, inner(name, dv)])

    def _simplified(self, stage: Stage, v: Expr, raw: Expr) -> Expr:
        start = len(self.simplify.log)
        local = self.simplify(raw)
        stage.readings.append(Reading(v.name, raw, local, self.simplify.log[start:]))
        return local

    def _closed(self, local: Expr) -> Expr:
        """Without the gradients of other quantities and without the names that were found here."""

        def meaning(x: Expr) -> Expr | None:
            return self.closed[x] if x in self.closed else self.given.get(x.data) if x.op == "ref" else None

        return self.simplify(bottom_up(local, lambda _, new: new, enter=meaning))

    def _open(self, v: Expr) -> None:
        """dv by the definition of v, and the laws for it."""
        stage = Stage(v.name)
        self.stages.append(stage)
        dv, meaning = node("d", (v,), None, v.shape), v.args[0]
        inside = node("d", v.args, None, v.shape)
        self._record(stage, "DEF", dv, [_put(t, dv, inside) for t in self.terms])
        if meaning.op not in ("sym", "ref"):
            rule, new = differential(meaning, self._d)
            new = replace(new, meaning, v)  # y ⊙ (1 - y), whatever y stands for
            self._record(stage, rule, meaning, [_put(t, inside, new) for t in self.terms])
        self._expand(stage)


def _compound(term: Expr) -> Expr | None:
    """The first differential of something that has a law."""
    if term.op == "d":
        return None if term.args[0].op in ("sym", "ref") else term
    if not term.has_differential:
        return None
    for a in term.args:
        found = _compound(a) if a.has_differential else None
        if found is not None:
            return found
    return None


def _put(term: Expr, old: Expr, new: Expr) -> Expr:
    """`term` with another differential in the place of `old`; only where differentials stand."""
    if term is old:
        return new
    if not term.has_differential or term.op == "d":
        return term
    return rebuild(term, tuple(_put(a, old, new) for a in term.args))
