"""`derive`: the gradient of a scalar function of matrices, as a chain of matrix equations.

The method is that of the source: write df, put the laws of the differential in, wrap it in a trace, move every factor
to the left until dX stands alone, read off the gradient (DEF-6). It is done for one intermediate quantity at a time,
from the function down: `df = Tr((∇_h f)ᵀ dh)`, with dh by its law, gives the gradients of what h is made of. That is
backpropagation, written as matrix equations.
"""

from ..checking.differences import compare
from ..errors import NotDerivable, ShapeError
from ..language.assumptions import attributes, is_symmetric
from ..language.expr import Expr, add, described, lift, mul, negative, node, number, rebuild, replace
from ..language.operators import diag, diagm, inner, names_of, tril
from ..laws.adjoints import move
from ..laws.differentials import differential
from ..laws.simplifier import Simplifier
from ..laws.sums import zero_like
from .derivation import Derivation, Link, Stage, Step
from .intermediates import name_quantities, names, order

FORMS = ("manifold", "entries")


def derive(
    f: Expr, wrt: Expr | str, G: Expr | None = None, symmetric: str = "manifold", check: bool = True
) -> Derivation:
    """The gradient of `f` by the symbol `wrt` (or its name), of the shape of that symbol.

    `f` is a scalar, or a matrix with its upstream gradient `G` (of its shape): then ⟨G, f⟩ is derived, G constant.
    For a symmetric symbol, `symmetric` names the gradient that is meant: "manifold" (the symmetric one) or "entries"
    (by the free entries of the lower triangle); for independent entries declare the symbol without the attribute.
    The result is compared with difference quotients before it is returned; `check=False` leaves that out.
    Raises ShapeError for what does not fit, NotDerivable with node and reason, UnverifiedError if the check fails.
    """
    f = lift(f, "derive")
    try:
        return _derive(f, wrt, G, symmetric, check)
    except RecursionError:
        raise NotDerivable(f, "an expression nested deeper than Python's stack. Derive it in parts.") from None


def _derive(f: Expr, wrt: Expr | str, G: Expr | None, symmetric: str, check: bool) -> Derivation:
    variable = _variable(f, wrt)
    root = f if G is None else inner(_upstream(f, G, variable), f)
    if not root.is_scalar:
        raise ShapeError(
            f"derive: expected a scalar function, got {described(f)}. "
            "Pass its upstream gradient, G=matrix('G', ...), or take sum(...) or inner(G, ...)."
        )
    if symmetric not in FORMS:
        raise ShapeError(f"derive: expected symmetric as one of {', '.join(FORMS)}, got {symmetric!r}.")
    if symmetric == "entries" and not is_symmetric(variable):
        raise ShapeError(
            f"derive: expected a symmetric variable for the gradient by free entries, got {described(variable)}. "
            "Declare it symmetric=True."
        )
    _allowed(variable)
    result = _Backward(root, variable).run() if variable in root.free else _constant(root, variable)
    result.function = f
    _attributed(result, symmetric)
    if check and variable in root.free:
        result.error = compare(root, result.gradient, variable, entries=result.form == "entries")
    return result


def gradient(f: Expr, wrt: Expr | str, G: Expr | None = None, symmetric: str = "manifold") -> Expr:
    """The gradient alone: `derive(...).gradient`."""
    return derive(f, wrt, G, symmetric).gradient


def hessian_product(f: Expr, wrt: Expr | str, V: Expr) -> Derivation:
    """The product of the Hessian with V, of the shape of the variable: the gradient of ⟨∇f, V⟩, V constant."""
    first = derive(f, wrt)
    V = lift(V, "hessian_product")
    if V.shape != first.wrt.shape or first.wrt in V.free:
        raise ShapeError(
            f"hessian_product: expected V of the shape of {described(first.wrt)}, without {first.wrt.name}, "
            f"got {described(V)}. Take a symbol for V, and its array in evaluate(...)."
        )
    return derive(inner(first.gradient, V), first.wrt)


def _variable(f: Expr, wrt: Expr | str) -> Expr:
    if isinstance(wrt, Expr):
        if wrt.op != "sym":
            raise ShapeError(
                f"derive: expected wrt as a symbol or its name, got {wrt}. Name the quantity with let(...)."
            )
        same = [s for s in f.free if s.name == wrt.name and s is not wrt]
        if same:
            raise ShapeError(
                f"derive: expected wrt as the symbol {wrt.name} of the function, got another one of this name: "
                f"{described(wrt)} beside {described(same[0])}, or other attributes. Use the same object."
            )
        return wrt
    found = names(f).get(wrt)
    if found is None or found.op == "ref":
        hint = "Check the spelling." if found is None else "The gradient of a named quantity stands in the chain."
        raise ShapeError(f"derive: expected wrt among {names_of(f.free)}, got {wrt!r}. {hint}")
    return found


def _upstream(f: Expr, G: Expr, variable: Expr) -> Expr:
    G = lift(G, "derive")
    if G.shape != f.shape or variable in G.free:
        raise ShapeError(
            f"derive: expected G of the shape of {described(f)}, without {variable.name}, got {described(G)}."
        )
    return G


def _allowed(variable: Expr) -> None:
    """Attributes that leave no open set of directions have no gradient entry by entry."""
    had = attributes(variable)
    for word, why in (
        ("constant", "it is declared constant"),
        ("sums_to_one", "it is declared sums_to_one, which leaves the gradient open up to a multiple of 1"),
        ("orthogonal", "it is declared orthogonal, and its entries are not free"),
    ):
        if word in had:
            raise NotDerivable(variable, f"expected a variable, got {variable.name}: {why}. Declare it without {word}.")


def _constant(root: Expr, variable: Expr) -> Derivation:
    zero = node("zeros", (), None, variable.shape) if not variable.is_scalar else number(0)
    stage = Stage("f", [Step("differential", "f", "CONST", root, (node("d", (root,)),), (number(0),))])
    return Derivation(root, variable, root, zero, [Link(variable.name, variable, zero, zero)], [stage])


def _attributed(result: Derivation, symmetric: str) -> None:
    """The gradient for a symmetric or diagonal variable, as a step of its own."""
    variable, G = result.wrt, result.gradient
    if variable.is_scalar or not is_symmetric(variable):
        return
    if "diagonal" in attributes(variable):
        rule, raw = "SYM-3", diagm(diag(G))
    elif symmetric == "manifold":
        rule, raw = "SYM-1", mul(number(1) / 2, add(G, G.T))
    else:
        rule, raw = "SYM-2", tril(add(G, G.T, negative(diagm(diag(G)))))
    result.form = {"SYM-1": "manifold", "SYM-2": "entries", "SYM-3": "diagonal"}[rule]
    simplifier = Simplifier()
    after = simplifier(raw)
    if after.digest != G.digest:
        stage = Stage(variable.name)
        stage.lines.append(Step("attribute", variable.name, rule, G, (G,), (raw,)))
        stage.readings.append((variable.name, raw, after, simplifier.log))
        result.stages.append(stage)
    last = result.chain[-1]
    result.gradient, result.chain[-1] = after, Link(last.name, last.node, last.local, after)


class _Backward:
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
        quantities = [x for x in reversed(order(self.named, self.variable)) if x.op in ("ref", "sym")]
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
            if d is not None:
                if d.args[0].op == "ref":
                    raise AssertionError("a named quantity is opened by its own stage")
                rule, new = differential(d.args[0], self._d)
                changed = [_put(term, d, new)]
                rule_on = d.args[0]
            else:
                at += 1
                continue
            self._record(stage, rule, rule_on, [*self.terms[:at], *changed, *self.terms[at + 1 :]])
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
        stage.readings.append((v.name, raw, local, self.simplify.log[start:]))
        return local

    def _closed(self, local: Expr) -> Expr:
        """Without the gradients of other quantities and without the names that were found here."""
        done: dict[Expr, Expr] = {}

        def visit(x: Expr) -> Expr:
            if x not in done:
                if x in self.closed:
                    done[x] = self.closed[x]
                elif x.op == "ref" and x.data in self.given:
                    done[x] = self.given[x.data]
                else:
                    args = tuple(visit(a) for a in x.args)
                    done[x] = x if args == x.args else rebuild(x, args)
            return done[x]

        return self.simplify(visit(local))

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
