"""`verify`: whether a written derivation holds, from its record alone.

Every line of a record says what df is, or what a gradient is. Leaves get random numbers, d(...) the difference quotient
along a random direction, and then a line has a value: that of the line before. The gradient is held against the
function itself, and so is the gradient of every quantity on the way. No law is applied and nothing is derived here.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DomainError, ParseError, RecordError, ShapeError
from .numbers import STEP, World
from .points import ATTRIBUTES, direction, draw, sizes_for, structured
from .reader import Tree, read

FORMAT, VERSION = "nnmat derivation", 1
POINTS = 3  # where every line is judged
DRAWS = 80
LINES, GRADIENTS = 1e-6, 1e-8  # relative
# What a law of the differential is about: the sign or the function that its expression begins with.
LAWS = {
    "LAW-1": "+ -",
    "LAW-2": "@",
    "LAW-3": "T",
    "LAW-4": "trace",
    "LAW-5": "inv",
    "LAW-6": "det",
    "LAW-6b": "logdet",
    "LAW-7": "* / neg",
    "LAW-9": "conv",
    "LAW-10": "softmax softmax_rows",
    "CAL-1": "log_softmax log_softmax_rows",
    "CAL-2": "logsumexp logsumexp_rows",
    "CAL-3": "inner",
    "CAL-4": "frobenius",
    "CAL-5": "kron",
    "CAL-7": "adjugate",
    "CAL-9": "**",
}


class Verified(NamedTuple):
    """What was verified: how many lines, at how many points, and the largest relative difference between two lines."""

    lines: int
    points: int
    worst: float

    def __str__(self) -> str:
        return f"verified: {self.lines} lines at {self.points} random points, largest relative error {self.worst:.1e}"


def seal(record: Mapping[str, Any]) -> str:
    """A digest of all that a record says: it shows damage, and is no signature."""
    body = {key: value for key, value in record.items() if key != "seal"}
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def verify(text: str, laws: Mapping[str, str] | None = None, seed: int = 0) -> Verified:
    """Judge a record, the JSON text that `Derivation.to_json` writes.

    `laws` are the statements of the laws by name; a record that gives a law another statement is refused. Raises
    RecordError with the place: what is missing or damaged, a line that does not follow, a gradient that is none.
    """
    record = opened(text)
    judge = _Judge(record)
    judge.structure(laws)
    return judge.numbers(seed)


def opened(text: str) -> dict[str, Any]:
    """The record of a text whose seal holds."""
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, TypeError, RecursionError) as error:
        raise RecordError("file", f"expected the JSON of a record, got none: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RecordError("format", f"expected {FORMAT!r}, got {record.get('format') if isinstance(record, dict) else '?'!r}")
    if record.get("version") != VERSION:
        raise RecordError("version", f"expected {VERSION}, got {record.get('version')!r:.40}")
    if record.get("seal") != seal(record):
        raise RecordError("seal", "the record was changed or cut after it was written")
    return record


KEYS: dict[str, type] = {
    **{"format": str, "version": int, "function": str, "upstream": str, "root": str, "wrt": str, "form": str},
    **{"symbols": dict, "quantities": list, "stages": list, "chain": list, "gradient": str, "laws": dict},
    **{"assumed": list, "sizes": list, "error": float, "seal": str},
}


class _Judge:
    """One record under judgement."""

    def __init__(self, record: dict[str, Any]):
        self.record = record
        self.trees: dict[str, Tree] = {}
        self.count = 0

    def tree(self, place: str, text: Any) -> Tree:
        """The tree of a text of the record."""
        if not isinstance(text, str):
            raise RecordError(place, f"expected the text of an expression, got {text!r:.40}")
        if text not in self.trees:
            try:
                self.trees[text] = read(text)
            except (ParseError, RecursionError) as error:
                raise RecordError(place, str(error)) from None
        return self.trees[text]

    # ---- structure ----

    def structure(self, laws: Mapping[str, str] | None) -> None:
        """All that can be seen without numbers: what there is, its kind, and how the lines join."""
        _keys("record", self.record, KEYS)
        for name, symbol in self.record["symbols"].items():
            place = f"symbols.{name}"
            _keys(place, symbol, {"shape": list, "attributes": list})
            if len(symbol["shape"]) != 2:
                raise RecordError(place, "expected two sizes")
            for d in symbol["shape"]:
                self.tree(place, d)
            unknown = [w for w in symbol["attributes"] if w not in {*ATTRIBUTES, "constant"}]
            if unknown:
                raise RecordError(place, f"expected attributes, got {unknown[0]!r}")
        if self.record["wrt"] not in self.record["symbols"]:
            raise RecordError("wrt", f"expected a symbol, got {self.record['wrt']!r}")
        self._quantities()
        self._laws(laws)
        self._stages()
        self._chain()

    def _quantities(self) -> None:
        known = set(self.record["symbols"])
        for i, q in enumerate(self.record["quantities"]):
            place = f"quantities[{i}]"
            _keys(place, q, {"name": str, "is": str, "listed": bool})
            if q["name"] in known:
                raise RecordError(place, f"expected a new name, got {q['name']}")
            self._names(place, q["is"], known)
            known.add(q["name"])
        self.known = known

    def _names(self, place: str, text: Any, known: set[str]) -> None:
        tree = self.tree(place, text)
        local = set(tree.data) if tree.kind == "lines" else set()
        sizes = set(self.record["sizes"])
        for t in tree.every():
            if t.kind == "name" and t.data not in known | local | sizes:
                raise RecordError(place, f"expected names that the record declares, got {t.data}")

    def _laws(self, laws: Mapping[str, str] | None) -> None:
        for name, says in self.record["laws"].items():
            if laws is not None and laws.get(name) != says:
                raise RecordError(f"laws.{name}", f"expected the statement {laws.get(name)!r}, got {says!r}")

    def _law(self, place: str, name: Any, says: Any, on: Tree | None = None) -> None:
        """A law that the record states, applied to what it is about."""
        if name not in self.record["laws"]:
            raise RecordError(place, f"expected a law that the record states, got {name!r}")
        if self.record["laws"][name] != says:
            raise RecordError(place, f"expected the statement of {name}, got {says!r}")
        if on is None:
            return
        head = on.data if on.kind == "call" else on.kind
        if name in LAWS and head not in LAWS[name].split():
            raise RecordError(place, f"expected an expression that {name} is about, got one with {head}")

    def _stages(self) -> None:
        record = self.record
        if not record["stages"]:
            raise RecordError("stages", "expected lines, got none")
        line: list[str] | None = None
        for i, stage in enumerate(record["stages"]):
            place = f"stages[{i}]"
            kinds = {"of": str, "kind": str, "start": list, "steps": list, "gradients": list}
            _keys(place, stage, kinds)
            if stage["kind"] not in ("differential", "attribute"):
                raise RecordError(place, f"expected a kind of line, got {stage['kind']!r}")
            if line is not None and stage["kind"] == "differential" and stage["start"] != line:
                raise RecordError(f"{place}.start", "expected the line where the one before ended")
            line = list(stage["start"])
            for j, text in enumerate(line):
                self._names(f"{place}.start[{j}]", text, self.known)
            for j, step in enumerate(stage["steps"]):
                self._step(f"{place}.steps[{j}]", stage, step, line)
            for j, reading in enumerate(stage["gradients"]):
                self._reading(f"{place}.gradients[{j}]", reading)

    def _step(self, place: str, stage: Mapping[str, Any], step: Any, line: list[str]) -> None:
        """One law on a line, which is changed by it."""
        kinds = {"law": str, "says": str, "on": str, "at": int | None, "before": list, "after": list}
        _keys(place, step, kinds)
        for key in ("before", "after"):
            for text in step[key]:
                self._names(f"{place}.{key}", text, self.known)
        self._names(f"{place}.on", step["on"], self.known)
        on = self.tree(place, step["on"])
        differential = step["law"].startswith(("LAW", "CAL"))
        self._law(place, step["law"], step["says"], on if differential else None)
        if stage["kind"] == "attribute":
            return
        at, before = step["at"], step["before"]
        if at is None:
            left = list(line)
            for text in before:
                if text not in left:
                    raise RecordError(f"{place}.before", "expected terms of the line")
                left.remove(text)
            line[:] = [*left, *step["after"]]
        else:
            if line[at : at + len(before)] != before or at < 0:
                raise RecordError(f"{place}.before", "expected terms of the line")
            line[at : at + len(before)] = step["after"]
        if before and not any(t.equals(on) for text in before for t in self.tree(place, text).every()):
            raise RecordError(f"{place}.on", "expected a part of the term that the law works on")

    def _reading(self, place: str, reading: Any) -> None:
        _keys(place, reading, {"of": str, "before": str, "after": str, "steps": list})
        if reading["of"] not in self.known:
            raise RecordError(place, f"expected a quantity of the record, got {reading['of']!r}")
        for key in ("before", "after"):
            self._names(f"{place}.{key}", reading[key], self.known)
        for j, step in enumerate(reading["steps"]):
            _keys(f"{place}.steps[{j}]", step, {"law": str, "says": str, "before": str, "after": str})
            self._law(f"{place}.steps[{j}]", step["law"], step["says"])
            for key in ("before", "after"):
                self._names(f"{place}.steps[{j}].{key}", step[key], self.known)

    def _chain(self) -> None:
        """The chain holds what was read off, and ends with the gradient."""
        record = self.record
        read_off = {g["of"]: g["after"] for s in record["stages"] if s["kind"] == "differential" for g in s["gradients"]}
        for i, link in enumerate(record["chain"]):
            place = f"chain[{i}]"
            _keys(place, link, {"of": str, "local": str, "closed": str})
            self._names(f"{place}.local", link["local"], self.known)
            self._names(f"{place}.closed", link["closed"], self.known)
            if any(t.kind == "call" and t.data in ("grad", "d") for t in self.tree(place, link["closed"]).every()):
                raise RecordError(f"{place}.closed", "expected no other gradients in it")
            if link["of"] in read_off and read_off[link["of"]] != link["local"]:
                raise RecordError(f"{place}.local", f"expected the gradient of {link['of']} that was read off")
        missing = sorted(set(read_off) - {link["of"] for link in record["chain"]})
        if missing:
            raise RecordError("chain", f"expected the gradient of {missing[0]}, got none")
        last = record["chain"][-1] if record["chain"] else None
        if last is None or last["of"] != record["wrt"] or last["closed"] != record["gradient"]:
            raise RecordError("chain", f"expected the gradient by {record['wrt']} at its end")
        if record["form"] not in ("free", "manifold", "entries", "diagonal"):
            raise RecordError("form", f"expected a kind of gradient, got {record['form']!r}")
        unknown = [n for n in record["assumed"] if n not in record["symbols"]]
        if unknown:
            raise RecordError("assumed", f"expected symbols, got {unknown[0]!r}")

    # ---- numbers ----

    def numbers(self, seed: int) -> Verified:
        """Every line at random points. A line that fails at two of them is refused."""
        rng = np.random.default_rng(seed)
        good, worst = 0, 0.0
        failed: dict[str, RecordError] = {}
        for attempt in range(DRAWS):
            try:
                world = self._world(attempt, rng)
                worst = max(worst, self._at(world, rng))
            except DomainError:
                continue
            except ShapeError as error:
                if attempt % 4 == 3:  # sizes drawn for themselves need not fit a window
                    continue
                raise RecordError("lines", str(error)) from None
            except RecordError as error:
                if error.place == "symbols" or error.place in failed:
                    raise
                failed[error.place] = error
                continue
            good += 1
            if good == POINTS:
                return Verified(self.count, good, worst)
        if failed:
            raise next(iter(failed.values()))
        raise RecordError("function", f"expected {POINTS} points of its domain in {DRAWS} draws, found {good}")

    def _world(self, attempt: int, rng: np.random.Generator) -> World:
        record = self.record
        sizes = sizes_for(self.record["sizes"], rng, attempt)
        plain = World(sizes, {}, {}, {})
        arrays = {}
        for name, symbol in sorted(record["symbols"].items()):
            rows, columns = (plain.size(self.tree("symbols", d)) for d in symbol["shape"])
            if min(rows, columns) < 1:
                raise DomainError("verify: sizes that are no shape")
            arrays[name] = draw((rows, columns), frozenset(symbol["attributes"]), attempt % 6, rng)
        quantities = {q["name"]: self.tree("quantities", q["is"]) for q in record["quantities"]}
        gradients = {link["of"]: self.tree("chain", link["closed"]) for link in record["chain"]}
        world = World(sizes, arrays, quantities, gradients)
        wrt = record["wrt"]
        return world.along(wrt, direction(arrays[wrt], self._had(wrt), rng))

    def _had(self, name: str) -> frozenset[str]:
        return frozenset(self.record["symbols"][name]["attributes"]) if name in self.record["symbols"] else frozenset()

    def _at(self, world: World, rng: np.random.Generator) -> float:
        """The largest difference at one point; RecordError where it is too large, DomainError where nothing is told."""
        record, self.count = self.record, 0
        root = self.tree("root", record["root"])
        value = self._value("root", world, root)
        if value.shape != (1, 1):
            raise RecordError("root", f"expected a number, got shape {value.shape}")
        df = world.quotient(root)
        if abs(df - world.quotient(root, STEP / 4)) > 1e-7 * (abs(df) + 1e-3 * abs(value)):
            raise DomainError("verify: no quotient")
        self.unit = float(np.abs(value).max()) + float(np.abs(df).max())
        worst = self._function(world, value)
        worst = max(worst, self._slopes(world, root, rng))
        for i, stage in enumerate(record["stages"]):
            place = f"stages[{i}]"
            if stage["kind"] == "differential":
                worst = max(worst, self._lines(place, world, stage, df))
            for j, reading in enumerate(stage["gradients"]):
                worst = max(worst, self._gradient(f"{place}.gradients[{j}]", world, reading))
            if stage["kind"] == "attribute":
                self._attribute(place, world, stage)
        for i, link in enumerate(record["chain"]):
            if link is record["chain"][-1] and record["stages"][-1]["kind"] == "attribute":
                continue  # the last is what the attribute made of it
            place = f"chain[{i}].closed"
            pair = [self.tree(place, link[key]) for key in ("local", "closed")]
            worst = max(worst, self._equal(place, world, *pair, GRADIENTS))
        return worst

    def _value(self, place: str, world: World, tree: Tree) -> np.ndarray:
        try:
            return world.value(tree)
        except ShapeError as error:
            raise RecordError(place, str(error)) from None

    def _function(self, world: World, value: np.ndarray) -> float:
        """The root is the function, or its inner product with the upstream gradient."""
        function = self._value("function", world, self.tree("function", self.record["function"]))
        upstream = self.record["upstream"]
        if upstream:
            G = self._value("upstream", world, self.tree("upstream", upstream))
            if G.shape != function.shape:
                raise RecordError("upstream", f"expected the shape {function.shape}, got {G.shape}")
            function = np.array([[(G * function).sum()]])
        return self._close("function", function, value, GRADIENTS, 0.0)

    def _slopes(self, world: World, root: Tree, rng: np.random.Generator) -> float:
        """The gradient of every quantity against difference quotients of the function in that quantity."""
        worst = 0.0
        wrt = self.record["wrt"]
        for i, link in enumerate(self.record["chain"]):
            name, place = link["of"], f"chain[{i}].closed"
            slope = self._value(place, world, self.tree(place, link["closed"]))
            here = self._value(place, world, Tree("name", name))
            if slope.shape != here.shape:
                raise RecordError(place, f"expected the shape of {name}, {here.shape}, got {slope.shape}")
            held = {} if name == wrt else {name: here}
            had = self._had(name) if name == wrt else frozenset[str]()
            d = direction(here, had, rng)
            free = World(world.sizes, world.arrays, world.quantities, {}, held).along(name, d)
            coarse, fine = free.quotient(root, STEP), free.quotient(root, STEP / 4)
            if np.abs(coarse - fine).max() > 1e-6 * (np.abs(fine).max() + 1e-3 * self.unit):
                raise DomainError("verify: no quotient")
            form = self.record["form"] if name == wrt else "free"
            if form != "free" and np.abs(slope - (np.tril(slope) if form == "entries" else structured(slope, had))).max() > 1e-9 * (np.abs(slope).max() + 1e-300):
                raise RecordError(place, f"expected the structure of {wrt}")
            along = np.tril(d) if form == "entries" else d
            claimed = np.array([[(slope * along).sum()]])
            worst = max(worst, self._close(place, claimed, coarse, LINES, float(np.abs(slope * along).max())))
        return worst

    def _lines(self, place: str, world: World, stage: Mapping[str, Any], df: np.ndarray) -> float:
        """Every line of df has the value of df."""
        worst = self._sum(f"{place}.start", world, stage["start"], df)
        line = list(stage["start"])
        for j, step in enumerate(stage["steps"]):
            where = f"{place}.steps[{j}]"
            if step["at"] is None:
                for text in step["before"]:
                    line.remove(text)
                line += step["after"]
            else:
                line[step["at"] : step["at"] + len(step["before"])] = step["after"]
            worst = max(worst, self._sum(f"{where}.after", world, line, df))
        return worst

    def _sum(self, place: str, world: World, line: Sequence[str], df: np.ndarray) -> float:
        self.count += 1
        values = [self._value(place, world, self.tree(place, text)) for text in line]
        if any(v.shape != (1, 1) for v in values):
            raise RecordError(place, "expected terms that are numbers")
        total = np.array([[sum(float(v[0, 0]) for v in values)]])
        return self._close(place, total, df, LINES, max((float(np.abs(v).max()) for v in values), default=0.0))

    def _gradient(self, place: str, world: World, reading: Mapping[str, Any]) -> float:
        worst = 0.0
        for j, step in enumerate(reading["steps"]):
            pair = [self.tree(place, step[key]) for key in ("before", "after")]
            worst = max(worst, self._equal(f"{place}.steps[{j}]", world, *pair, GRADIENTS))
        pair = [self.tree(place, reading[key]) for key in ("before", "after")]
        return max(worst, self._equal(f"{place}.after", world, *pair, GRADIENTS))

    def _attribute(self, place: str, world: World, stage: Mapping[str, Any]) -> None:
        """What the attributes of the variable make of the gradient that was read off."""
        forms: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "manifold": lambda G: (G + G.T) / 2,
            "entries": lambda G: np.tril(G + G.T - np.diag(np.diag(G))),
            "diagonal": lambda G: np.diag(np.diag(G)),
        }
        form = self.record["form"]
        if form not in forms or len(stage["start"]) != 1 or len(stage["steps"]) != 1:
            raise RecordError(place, f"expected the gradient of a variable that is {form}")
        (step,) = stage["steps"]
        before = self._value(place, world, self.tree(place, stage["start"][0]))
        on = self._value(place, world, self.tree(place, step["on"]))
        self._close(f"{place}.steps[0].on", on, before, GRADIENTS, 0.0)
        for text in step["before"]:
            self._close(f"{place}.steps[0].before", self._value(place, world, self.tree(place, text)), before, GRADIENTS, 0.0)
        texts = [*step["after"], *(g["after"] for g in stage["gradients"]), self.record["gradient"]]
        for text in texts:
            found = self._value(place, world, self.tree(place, text))
            self._close(f"{place}.steps[0].after", found, forms[form](before), GRADIENTS, 0.0)

    def _equal(self, place: str, world: World, a: Tree, b: Tree, bar: float) -> float:
        self.count += 1
        return self._close(place, self._value(place, world, a), self._value(place, world, b), bar, 0.0)

    def _close(self, place: str, a: np.ndarray, b: np.ndarray, bar: float, scale: float) -> float:
        """How far two values are from one another, relative to their size."""
        if a.shape != b.shape:
            raise RecordError(place, f"expected the shape {b.shape}, got {a.shape}")
        size = max(float(np.abs(a).max()), float(np.abs(b).max()), scale)
        noise = 1e-9 * self.unit if bar == LINES else 1e-13 * self.unit
        gap = float(np.abs(a - b).max())
        if gap > bar * size + noise:
            raise RecordError(place, f"expected the value {_shown(b)} of the line before, got {_shown(a)}")
        return gap / (size + noise or 1.0)


def _shown(a: np.ndarray) -> str:
    return re.sub(r"\s+", " ", np.array2string(a, precision=4, threshold=9)) if a.size > 1 else f"{float(a.flat[0]):.8g}"


def _keys(place: str, found: Any, kinds: Mapping[str, Any]) -> None:
    """A part of a record has these entries, of these kinds, and no others."""
    if not isinstance(found, dict):
        raise RecordError(place, f"expected entries by name, got {found!r:.40}")
    odd: Iterable[str] = sorted(set(kinds) ^ set(found))
    for key in odd:
        raise RecordError(f"{place}.{key}", "expected it, got none" if key in kinds else "expected no such entry")
    for key, kind in kinds.items():
        good = isinstance(found[key], kind) and not (isinstance(found[key], bool) and kind is not bool)
        if not good:
            raise RecordError(f"{place}.{key}", f"expected a {getattr(kind, '__name__', kind)}, got {found[key]!r:.40}")
        if kind is list and not all(isinstance(x, str | dict) for x in found[key]):
            raise RecordError(f"{place}.{key}", "expected texts or entries in it")
