"""What a record holds, and how its lines join: all that can be judged without numbers."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ParseError, RecordError
from .points import ATTRIBUTES
from .reader import Tree, read

FORMAT, VERSION = "nnmat derivation", 1
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


def seal(record: Mapping[str, Any]) -> str:
    """A digest of all that a record says: it shows damage, and is no signature."""
    body = {key: value for key, value in record.items() if key != "seal"}
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def opened(text: str) -> dict[str, Any]:
    """The record of a text whose seal holds."""
    try:
        record = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise RecordError("file", f"expected the JSON of a record, got none: {error}") from None
    if not isinstance(record, dict):
        raise RecordError("file", f"expected a record, as --format json writes it, got {json.dumps(record):.40}")
    if record.get("format") != FORMAT:
        got = repr(record["format"]) if "format" in record else "none"
        raise RecordError("format", f"expected {FORMAT!r}, got {got:.60}")
    if record.get("version") != VERSION:
        raise RecordError("version", f"expected {VERSION}, got {record.get('version')!r:.40}")
    if record.get("seal") != seal(record):
        raise RecordError("seal", "the record was changed or cut after it was written")
    return record


def several(text: str) -> list[Any] | None:
    """The records of a text that is a list of them; None for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if found == []:
        raise RecordError("file", "expected records, got an empty list")
    return found if isinstance(found, list) else None


KEYS: dict[str, type] = {
    **{
        "format": str,
        "version": int,
        "function": str,
        "whole": str,
        "upstream": str,
        "root": str,
        "wrt": str,
        "form": str,
    },
    **{"symbols": dict, "quantities": list, "stages": list, "chain": list, "gradient": str, "laws": dict},
    **{"assumed": list, "sizes": list, "error": float, "seal": str},
}


class Structure:
    """A record, its trees, and what must hold of them before any of them has a value."""

    def __init__(self, record: dict[str, Any]):
        self.record = record
        self.trees: dict[str, Tree] = {}

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
        for key in ("function", "whole", "root", "gradient"):
            self._names(key, self.record[key], self.known)
        self._laws(laws)
        self._stages()
        self._chain()

    def _quantities(self) -> None:
        known = set(self.record["symbols"])
        for i, q in enumerate(self.record["quantities"]):
            place = f"quantities[{i}]"
            _keys(place, q, {"name": str, "is": str, "listed": bool, "found": bool})
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
        read_off = {
            g["of"]: g["after"] for s in record["stages"] if s["kind"] == "differential" for g in s["gradients"]
        }
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
