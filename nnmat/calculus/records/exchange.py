"""A derivation as JSON, and back: `record_text` and `parts_of`. What the text says is judged in `verifying`."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..dimensions import Dim, dim
from ..errors import DomainError, NotDerivable, ParseError, RecordError
from ..language.blocks import entries
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, divide, matmul, mul, negative, node, number, ordered, plus, power, transpose
from ..language.operators import inner, matrix
from ..language.signatures import SIGNATURES
from ..language.vocabulary import CONSTRUCTORS
from ..laws.simplifier import Applied
from ..notation.code import ATOM, ONE_LINE, Coder, program
from ..notation.sharing import length, operands_first, taken
from ..verifying.numbers import FUNCTIONS as FUNCTIONS_OF_RECORDS
from ..verifying.numbers import constant, is_constant
from ..verifying.reader import Tree, read
from ..verifying.structure import FORMAT, VERSION, opened, seal
from .record import STATEMENTS, Edit, Link, Reading, Record, Stage

GRADIENT = "∇_"  # begins the name of ∇_v f


class _Coder(Coder):
    """Code in which ∇_v f is grad(v)."""

    def compose(self, e: Any) -> tuple[str, int]:
        if e.op == "ref" and e.data.startswith(GRADIENT):
            return f"grad({_gradient_of(e)})", ATOM
        return super().compose(e)


def _gradient_of(e: Any) -> str:
    return e.data.removeprefix(GRADIENT).removesuffix(" f")


class _Writing:
    """One record being written."""

    def __init__(self, d: Record):
        self.d = d
        self.texts: dict[Expr, str] = {}
        self.sizes: dict[Any, int] = {}
        self.names: set[str] = set()
        self.laws: set[str] = set()

    def text(self, e: Expr) -> str:
        """An expression as code; what a long one repeats stands in lines above it."""
        if e not in self.texts:
            for x in operands_first(e, until=self.sizes.__contains__):
                self.sizes[x] = length(x, self.sizes)
            if self.sizes[e] <= ONE_LINE:
                self.texts[e] = _Coder().write(e)
            else:
                *given, (_, last) = program(e, _Coder(), self.names)
                self.texts[e] = "\n".join([*(f"{name} = {body}" for name, body in given), last])
            self._held(e, self.texts[e])
        return self.texts[e]

    def _held(self, e: Expr, text: str) -> None:
        """A record can hold what its judge can read and compute. Raises NotDerivable with the function."""
        try:
            calls = {t.data for t in read(text).every() if t.kind == "call"} - FUNCTIONS_OF_RECORDS - {"floor"}
        except ParseError as error:
            raise NotDerivable(e, f"a record cannot hold {text:.60}: {error.message}") from None
        if calls:
            raise NotDerivable(e, f"a record cannot hold {min(calls)}, which the judge of records does not know")

    def law(self, name: str) -> dict[str, str]:
        self.laws.add(name)
        return {"law": name, "says": STATEMENTS[name]}

    def every(self) -> Iterator[Expr]:
        """All expressions of the derivation."""
        d = self.d
        yield from (d.function, d.root, d.gradient, *d.quantities.values())
        for link in d.chain:
            yield from (link.local, link.closed)
        for stage in d.stages:
            yield from stage.start
            for edit in stage.edits:
                yield from (edit.on, *edit.before, *edit.after)
            for r in stage.readings:
                yield from (r.before, r.after)
                for a in r.applied:
                    yield from (a.before, a.after)

    def record(self) -> dict[str, Any]:
        d = self.d
        seen: dict[Expr, None] = {}
        for e in self.every():
            if e not in seen:
                seen.update(dict.fromkeys(ordered(e, until=seen.__contains__)))
        symbols = {x.name: x for e in seen for x in e.free}
        for e in seen:
            self.names |= taken(e)
        quantities = self._quantities()
        with_upstream = d.root.op == "inner" and d.root is not d.function and d.root.args[1] is d.function
        start = d.stages[0].start[0]  # d of the function in terms of all quantities
        found: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "function": self.text(d.function),
            "whole": self.text(d.function.inline()),  # with no names: a changed definition does not fit it
            "upstream": self.text(d.root.args[0]) if with_upstream else "",
            "wrt": d.wrt.name,
            "form": d.form,
            "sizes": sorted({n for e in seen for s in (*e.shape, e.data) if isinstance(s, Dim) for n in s.names}),
            "symbols": {
                name: {"shape": [str(size) for size in s.shape], "attributes": list(s.data[1])}
                for name, s in sorted(symbols.items())
            },
            "quantities": quantities,
            "root": self.text(start.args[0] if start.op == "d" else d.root),
            "stages": [self._stage(stage) for stage in d.stages],
            "chain": [{"of": x.name, "local": self.text(x.local), "closed": self.text(x.closed)} for x in d.chain],
            "gradient": self.text(d.gradient),
            "assumed": list(d.assumed),
            "error": float(d.error),
        }
        found["laws"] = {name: STATEMENTS[name] for name in sorted(self.laws)}
        found["seal"] = seal(found)
        return found

    def _quantities(self) -> list[dict[str, Any]]:
        """What names stand for, operands first: those of the derivation, and others that are constant in it."""
        listed = self.d.quantities
        found: dict[str, Expr] = {}
        for e in (*listed.values(), *self.every()):
            for x in _refs(e):
                if not x.data.startswith(GRADIENT):
                    found.setdefault(x.data, listed.get(x.data, x))
        for name in found:
            if not name.isidentifier():
                raise NotDerivable(found[name], f"a record cannot hold a quantity named {name!r}. Rename it")
        order: dict[str, None] = {}
        for x in found.values():
            for y in _refs(x):
                order.setdefault(y.data)
        rows = [(n, found[n]) for n in order if n in found]
        user = {x.data for e in (self.d.root, self.d.function) for x in _refs(e)}
        return [{"name": n, "is": self.text(x.args[0]), "listed": n in listed, "found": n not in user} for n, x in rows]

    def _stage(self, stage: Stage) -> dict[str, Any]:
        texts = lambda terms: [self.text(t) for t in terms]  # noqa: E731
        return {
            "of": stage.of,
            "kind": stage.kind,
            "start": texts(stage.start),
            "steps": [
                {
                    **self.law(e.rule),
                    "on": self.text(e.on),
                    "at": e.at,
                    "before": texts(e.before),
                    "after": texts(e.after),
                }
                for e in stage.edits
            ],
            "gradients": [
                {
                    "of": r.name,
                    "before": self.text(r.before),
                    "after": self.text(r.after),
                    "steps": [
                        {**self.law(a.rule), "before": self.text(a.before), "after": self.text(a.after)}
                        for a in r.applied
                    ],
                }
                for r in stage.readings
            ],
        }


def _refs(e: Expr) -> list[Expr]:
    """The named quantities in an expression, those inside of others first."""
    found: dict[Expr, None] = {}
    stack = [e]
    while stack:
        x = stack[-1]
        inner = [a for a in x.args if a not in found] if x not in found else []
        if inner:
            stack += inner
        else:
            found.setdefault(stack.pop())
    return [x for x in found if x.op == "ref"]


def record_text(d: Record) -> str:
    """The record as JSON text. NotDerivable names a function of one's own, which no other reader knows."""
    return json.dumps(_Writing(d).record(), ensure_ascii=False, indent=1)


def records_text(many: Iterable[Record]) -> str:
    """Several records as one JSON text: a list, with a record on each line."""
    lines = [json.dumps(_Writing(d).record(), ensure_ascii=False, separators=(",", ":")) for d in many]
    return "[\n" + ",\n".join(lines) + "\n]"


BINARY: dict[str, Callable[..., Expr]] = {"+": plus, "*": mul, "/": divide, "@": matmul}


class _Reading:
    """One record being read."""

    def __init__(self, record: Mapping[str, Any]):
        self.record = record
        self.known: dict[str, Expr] = {}
        self.gradients: dict[str, Expr] = {}
        for name, s in record["symbols"].items():
            rows, columns = (self.size(read(d)) for d in s["shape"])
            self.known[name] = matrix(name, rows, columns, **dict.fromkeys(s["attributes"], True))
        self.given = dict(self.known)  # without the names that the derivation found: what the user wrote
        for q in record["quantities"]:
            inside = self.expression(q["is"])
            self.known[q["name"]] = node("ref", (inside,), q["name"], inside.shape)
            plain = self.build(read(q["is"]), self.given)
            self.given[q["name"]] = plain if q["found"] else node("ref", (plain,), q["name"], plain.shape)

    def expression(self, text: str) -> Expr:
        return self.build(read(text), {})

    def written(self, text: str) -> Expr:
        """An expression of what the user named."""
        return self.build(read(text), self.given)

    def build(self, t: Tree, local: Mapping[str, Expr]) -> Expr:
        if t.kind == "lines":
            names = dict(local)
            for name, part in zip(t.data, t.parts, strict=False):
                names[name] = self.build(part, names)
            return self.build(t.parts[-1], names)
        if t.kind == "num":
            return number(t.data)
        if t.kind == "name":
            return local[t.data] if t.data in local else self.known[t.data]
        if t.kind == "call":
            return self._call(t, local)
        if t.kind == "**":
            base = self.build(t.parts[0], local)
            return power(base, constant(t.parts[1]) if is_constant(t.parts[1]) else self.build(t.parts[1], local))
        if t.kind == "places":
            return entries(self.build(t.parts[0], local), self._places(t.parts[1:]))
        args = [self.build(p, local) for p in t.parts]
        if t.kind == "T":
            return transpose(args[0])
        if t.kind == "neg":
            return negative(args[0])
        if t.kind == "-":
            return plus(args[0], negative(args[1]))
        return BINARY[t.kind](*args)

    def _call(self, t: Tree, local: Mapping[str, Expr]) -> Expr:
        if t.data == "d":
            inside = self.build(t.parts[0], local)
            return node("d", (inside,), None, inside.shape)
        if t.data == "grad":
            return self.gradients[t.parts[0].data]
        if t.data in FUNCTIONS:
            return FUNCTIONS[t.data](self.build(t.parts[0], local))
        if t.data in ("hstack", "vstack"):
            return CONSTRUCTORS[t.data](*[self.build(p, local) for p in t.parts])
        many = SIGNATURES[t.data].operands
        options = {word: _option(value) for word, value in t.options}
        operands = [self.build(p, local) for p in t.parts[:many]]
        return CONSTRUCTORS[t.data](*operands, *map(self.size, t.parts[many:]), **options)

    def _places(self, places: Iterable[Tree]) -> Any:
        found = []
        for at in places:
            ends = [self.size(p) for p in at.parts]
            found.append(ends[0] if len(ends) == 1 else slice(*ends) if ends else slice(None))
        return found[0] if len(found) == 1 else tuple(found)

    def size(self, t: Tree) -> Dim:
        if t.kind in ("num", "name"):
            return dim(t.data if t.kind == "name" else int(t.data))
        if t.kind == "neg":
            return dim(0) - self.size(t.parts[0])
        if t.kind == "call":
            return self.size(t.parts[0].parts[0]).floor_divided(int(t.parts[0].parts[1].data))
        a, b = map(self.size, t.parts)
        return a + b if t.kind == "+" else a - b if t.kind == "-" else a * b

    def parts(self) -> dict[str, Any]:
        """The fields of a `Record`."""
        r = self.record
        chain = []
        stages = []
        links = {link["of"]: link for link in r["chain"]}
        function = self.written(r["function"])
        root = inner(self.written(r["upstream"]), function) if r["upstream"] else function
        for stage in r["stages"]:
            found = Stage(stage["of"], self.terms(stage["start"]), kind=stage["kind"])
            for g in stage["gradients"]:
                applied = [Applied(s["law"], *self.terms([s["before"], s["after"]])) for s in g["steps"]]
                ends = self.expression(g["before"]), self.expression(g["after"])
                found.readings.append(Reading(g["of"], *ends, applied))
                if stage["kind"] == "differential":
                    link = links[g["of"]]
                    v = self.known[g["of"]]
                    chain.append(Link(g["of"], v, self.expression(link["local"]), self.written(link["closed"])))
                    name = f"{GRADIENT}{g['of']} f"
                    self.gradients[g["of"]] = node("ref", (chain[-1].local,), name, v.shape)
            for s in stage["steps"]:
                before, after = self.terms(s["before"]), self.terms(s["after"])
                found.edits.append(Edit(s["law"], self.expression(s["on"]), s["at"], before, after))
            stages.append(found)
        if not chain:
            link = r["chain"][-1]
            chain.append(
                Link(link["of"], self.known[link["of"]], self.written(link["local"]), self.written(link["closed"]))
            )
        listed = [q["name"] for q in r["quantities"] if q["listed"]]
        return {
            "function": function,
            "wrt": self.known[r["wrt"]],
            "root": root,
            "gradient": self.written(r["gradient"]),
            "chain": chain,
            "stages": stages,
            "form": r["form"],
            "error": r["error"],
            "quantities": {name: self.known[name] for name in listed},
            "assumed": tuple(r["assumed"]),
        }

    def terms(self, texts: Iterable[str]) -> tuple[Expr, ...]:
        return tuple(self.expression(t) for t in texts)


def _option(t: Tree) -> Any:
    if t.kind == "pair":
        return int(t.parts[0].data), int(t.parts[1].data)
    return int(constant(t))


def parts_of(text: str) -> dict[str, Any]:
    """The fields of the `Record` that a text holds. Raises RecordError for what is none; `verify` judges the lines."""
    record = opened(text)
    try:
        return _Reading(record).parts()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RecordError("record", f"expected the entries of a derivation: {error!r:.120}") from None
    except (DomainError, RecursionError) as error:
        raise RecordError("record", str(error)) from None
