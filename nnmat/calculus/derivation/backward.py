"""Backwards through the quantities of a function: the line `df = ...`, law by law, and the gradients read off it."""

from ..language.expr import Expr, add, bottom_up, depending, node, ordered, rebuild, replace
from ..language.operators import inner
from ..laws.adjoints import move
from ..laws.differentials import differential
from ..laws.simplifier import Simplifier
from ..laws.sums import zero_like
from ..records.record import Edit, Link, Reading, Stage
from .derivation import Derivation
from .intermediates import name_quantities


class Backward:
    """The state of one derivation: the line `df = Σ ⟨∇_v f, dv⟩` over the quantities v on the frontier.

    `own` are the terms that a law works on now; they stand behind those that wait for their quantity, in `others`.
    """

    def __init__(self, root: Expr, variable: Expr):
        self.root, self.variable = root, variable
        self.named, self.given = name_quantities(root, variable)
        self.simplify = Simplifier()
        self.own: list[Expr] = [node("d", (self.named,))]
        self.others: dict[int, Expr] = {}
        self.waiting: dict[Expr, list[int]] = {}  # the keys of the terms of each quantity in `others`
        self.came = 0
        self.stages: list[Stage] = []
        self.closed: dict[Expr, Expr] = {}  # the closed form of each ∇_v f
        self.chain: list[Link] = []

    def run(self) -> Derivation:
        quantities = [x for x in reversed(depending(self.named, self.variable)) if x.op in ("ref", "sym")]
        root_stage = self._stage("f")
        self._expand(root_stage)
        for v in quantities:
            self._read(v)
            if v.op == "ref":
                self._open(v)
        last = self.chain[-1]
        result = Derivation(self.root, self.variable, self.root, last.closed, self.chain, self.stages)
        result.quantities = {x.data: x for x in reversed(quantities) if x.op == "ref"}
        return result

    def _stage(self, of: str) -> Stage:
        self.stages.append(Stage(of, (*self.others.values(), *self.own)))
        return self.stages[-1]

    def _change(self, stage: Stage, rule: str, on: Expr, at: int, after: list[Expr]) -> None:
        """A law turns the own term at this place into others."""
        stage.edits.append(Edit(rule, on, len(self.others) + at, (self.own[at],), tuple(after)))
        self.own[at : at + 1] = after

    def _expand(self, stage: Stage) -> None:
        """Laws until every differential is one of a quantity, then trace properties until each stands alone."""
        at = 0
        while at < len(self.own):
            term = self.own[at]
            d = _compound(term)
            if d is None:
                at += 1
                continue
            rule, new = differential(d.args[0], self._d)
            new = _put(term, d, new)
            self._change(stage, rule, d.args[0], at, list(new.args) if new.op == "add" and new.is_scalar else [new])
        at = 0
        while at < len(self.own):
            moved = move(self.own[at], lambda e: e.has_differential)
            if moved is None:
                at += 1
            else:
                self._change(stage, moved[0], self.own[at], at, moved[1])

    def _d(self, e: Expr) -> Expr | None:
        return node("d", (e,), None, e.shape) if self.variable in e.free else None

    def _gather(self, v: Expr) -> list[Expr]:
        """The terms of dv, which leave the line; all others wait for their quantity."""
        for t in self.own:
            self.waiting.setdefault(t.args[1].args[0], []).append(self.came)
            self.others[self.came] = t
            self.came += 1
        return [self.others.pop(key) for key in self.waiting.pop(v, [])]

    def _read(self, v: Expr) -> None:
        """DEF-6: the sum of what stands beside dv is the gradient of v."""
        stage = self.stages[-1]
        mine = self._gather(v)
        raw = add(*(t.args[0] for t in mine)) if mine else zero_like(v)
        local = self._simplified(stage, v, raw)
        closed = self._closed(local)
        self.chain.append(Link(v.name, v, local, closed))
        name = node("ref", (local,), f"∇_{v.name} f", v.shape)
        self.closed[name] = closed
        dv = node("d", (v,), None, v.shape)
        self.own = [inner(name, dv)]
        stage.edits.append(Edit("DEF-6", dv, None, tuple(mine), (self.own[0],)))

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
        stage = self._stage(v.name)
        dv, meaning = node("d", (v,), None, v.shape), v.args[0]
        inside = node("d", v.args, None, v.shape)
        self._change(stage, "DEF", dv, 0, [_put(self.own[0], dv, inside)])
        if meaning.op not in ("sym", "ref"):
            rule, new = differential(meaning, self._d)
            new = replace(new, meaning, v)  # y ⊙ (1 - y), whatever y stands for
            self._change(stage, rule, meaning, 0, [_put(self.own[0], inside, new)])
        self._expand(stage)


def _compound(term: Expr) -> Expr | None:
    """The first differential of something that has a law."""
    stack = [term]
    while stack:
        x = stack.pop()
        if x.op == "d":
            if x.args[0].op not in ("sym", "ref"):
                return x
        elif x.has_differential:
            stack += reversed(x.args)
    return None


def _put(term: Expr, old: Expr, new: Expr) -> Expr:
    """`term` with another differential in the place of `old`; only where differentials stand."""
    done: dict[Expr, Expr] = {}
    for x in ordered(term, until=lambda x: x is not old and (not x.has_differential or x.op == "d")):
        done[x] = new if x is old else rebuild(x, tuple([done.get(a, a) for a in x.args]))
    return done.get(term, term)
