"""`verify`: whether a written derivation holds, from its record alone.

Every line of a record says what df is, or what a gradient is. Leaves get random numbers, d(...) the difference quotient
along a random direction, and then a line has a value: that of the line before. The gradient is held against the
function itself, and so is the gradient of every quantity on the way. No law is applied and nothing is derived here.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...checks import counted, generator
from ..errors import DomainError, RecordError, ShapeError
from .numbers import STEP, World
from .points import direction, draw, sizes_for, structured
from .reader import Tree
from .structure import Structure, opened, several

POINTS = 3  # where every line is judged
DRAWS = 80
LINES, GRADIENTS = 1e-6, 1e-8  # relative


class Verified(NamedTuple):
    """What was verified: how many lines, at how many points, and the largest relative difference between two lines."""

    lines: int
    points: int
    worst: float

    def __str__(self) -> str:
        return (
            f"verified: {counted(self.lines, 'line')} at {counted(self.points, 'random point')}, "
            f"largest relative error {self.worst:.1e}"
        )


def verify(text: str, laws: Mapping[str, str] | None = None, seed: int = 0) -> Verified:
    """Judge a record, the JSON text that `Derivation.to_json` writes.

    `laws` are the statements of the laws by name; a record that gives a law another statement is refused. Raises
    RecordError with the place: what is missing or damaged, a line that does not follow, a gradient that is none.
    """
    rng = generator("verify", "seed", seed)
    judge = _Judge(opened(text))
    judge.structure(laws)
    return judge.numbers(rng)


def verify_all(text: str, laws: Mapping[str, str] | None = None, seed: int = 0) -> dict[str, Verified]:
    """Judge a text that holds one record, or a list of records; by the place of each in it, "" for one alone.

    Raises RecordError as `verify` does; the place begins with the number of the record in the list.
    """
    records = several(text)
    if records is None:
        return {"": verify(text, laws, seed)}
    found = {}
    for at, record in enumerate(records):
        try:
            found[f"[{at}]"] = verify(json.dumps(record), laws, seed)
        except RecordError as error:
            raise RecordError(f"[{at}].{error.place}", error.reason) from None
    return found


class _Judge(Structure):
    """One record under judgement at random points."""

    count = 0

    def numbers(self, rng: np.random.Generator) -> Verified:
        """Every line at random points. A line that fails at two of them is refused."""
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
            worst = max(worst, self._equal(place, world, link["local"], link["closed"]))
        return worst

    def _value(self, place: str, world: World, tree: Tree) -> np.ndarray:
        try:
            return world.value(tree)
        except ShapeError as error:
            raise RecordError(place, str(error)) from None

    def _function(self, world: World, value: np.ndarray) -> float:
        """The root is the function, or its inner product with the upstream gradient."""
        function = self._value("function", world, self.tree("function", self.record["function"]))
        whole = self._value("whole", world, self.tree("whole", self.record["whole"]))
        self._close("whole", whole, function, GRADIENTS, 0.0)
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
            coarse = self._slope(world, held, root, name, d)
            if coarse is None and name != wrt:  # zeros that stand still may be where it bends
                d = d * (world.quotient(Tree("name", name)) != 0)
                coarse = self._slope(world, held, root, name, d) if d.any() else None
            if coarse is None:
                raise DomainError("verify: no quotient")
            form = self.record["form"] if name == wrt else "free"
            kept = slope if form == "free" else np.tril(slope) if form == "entries" else structured(slope, had)
            if np.abs(slope - kept).max() > 1e-9 * np.abs(slope).max():
                raise RecordError(place, f"expected the structure of {wrt}")
            along = np.tril(d) if form == "entries" else d
            claimed = np.array([[(slope * along).sum()]])
            worst = max(worst, self._close(place, claimed, coarse, LINES, float(np.abs(slope * along).max())))
        return worst

    def _slope(
        self, world: World, held: Mapping[str, np.ndarray], root: Tree, name: str, d: np.ndarray
    ) -> np.ndarray | None:
        """The quotient of the function along a direction of a quantity; None where it has none."""
        moved = World(world.sizes, world.arrays, world.quantities, {}, dict(held)).along(name, d)
        coarse, fine = moved.quotient(root, STEP), moved.quotient(root, STEP / 4)
        unsure = np.abs(coarse - fine).max() > 1e-6 * (np.abs(fine).max() + 1e-3 * self.unit)
        return None if unsure else coarse

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
            worst = max(worst, self._equal(f"{place}.steps[{j}]", world, step["before"], step["after"]))
        return max(worst, self._equal(f"{place}.after", world, reading["before"], reading["after"]))

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
            self._close(
                f"{place}.steps[0].before", self._value(place, world, self.tree(place, text)), before, GRADIENTS, 0.0
            )
        texts = [*step["after"], *(g["after"] for g in stage["gradients"]), self.record["gradient"]]
        for text in texts:
            found = self._value(place, world, self.tree(place, text))
            self._close(f"{place}.steps[0].after", found, forms[form](before), GRADIENTS, 0.0)

    def _equal(self, place: str, world: World, before: str, after: str) -> float:
        self.count += 1
        a, b = (self._value(place, world, self.tree(place, text)) for text in (after, before))
        return self._close(place, a, b, GRADIENTS, 0.0)

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
    return (
        re.sub(r"\s+", " ", np.array2string(a, precision=4, threshold=9)) if a.size > 1 else f"{float(a.flat[0]):.8g}"
    )
