"""Element-wise values as a list of operations for `k.walk`: registers, numbers, arrays."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.expressions.walk import KINDS_OF_ARRAYS, MOST_ARRAYS, MOST_REGISTERS, WALKED

from ..calculus.compiling.values import Value
from ..calculus.errors import NotDerivable

OF_TWO = ("maximum", "greater")
ENTRYWISE = {"add", "mul", "pow", "fn", "outer", "scaled", "filled", *OF_TWO}
FUNCTIONS = {name for name in WALKED[9:]} - {"negative", "reciprocal", "square", *OF_TWO}
SPREAD = {"rows": "row", "columns": "column"}


class Full(Exception):
    """A list would need more registers or arrays than there are."""


class Walk:
    """The step that computes one element-wise value, and what it is made of where that is stored nowhere else."""

    def __init__(
        self, value: Value, is_stored: Callable[[Value], bool], number: Callable[[Value], float | None], dtype
    ):
        self.value, self.dtype = value, dtype
        self._is_stored, self._number = is_stored, number
        self.lines: list[list[Any]] = []  # with a register for every result
        self.numbers: list[float] = []
        self.arrays: list[Value] = []
        self._placed: dict[Any, int] = {}
        last = self._written(value)
        self.lines.append(["store", 0, last, 0])
        self.coded = _coded(self.lines)
        self.coded_numbers = np.array(self.numbers, dtype)

    def run(self, arrays: Mapping[Value, Any], shape: tuple[int, ...]):
        rows, columns = (1, *shape)[-2:] if shape else (1, 1)
        found = k.walk(self.coded, self.coded_numbers, [arrays[v] for v in self.arrays], 1, (rows, columns))
        return found.reshape(shape or (1,))

    def _line(self, name: str, left: int, right: int = 0) -> int:
        self.lines.append([name, len(self.lines), left, right])
        return len(self.lines) - 1

    def _constant(self, number: float) -> int:
        key = ("constant", number)
        if key not in self._placed:
            if number not in self.numbers:
                self.numbers.append(number)
            self._placed[key] = self._line("constant", self.numbers.index(number))
        return self._placed[key]

    def _load(self, v: Value, kind: str) -> int:
        key = (v, kind)
        if key not in self._placed:
            if v not in self.arrays:
                if len(self.arrays) == MOST_ARRAYS:
                    raise Full
                self.arrays.append(v)
            self._placed[key] = self._line("load", self.arrays.index(v), KINDS_OF_ARRAYS.index(kind))
        return self._placed[key]

    def _operand(self, v: Value) -> int:
        """The register of an operand, as it stands beside the value."""
        if v.op == "full":
            v = v.args[0]
        if not v.shape:
            number = self._number(v)
            if number is not None:
                return self._constant(number)
            return self._written(v) if not self.value.shape and not self._is_stored(v) else self._load(v, "number")
        if v.op in SPREAD:
            return self._load(v.args[0], SPREAD[v.op])
        return self._load(v, "all") if self._is_stored(v) else self._written(v)

    def _written(self, v: Value) -> int:
        """The register of a value that is computed here."""
        if v not in self._placed:
            self._placed[v] = getattr(self, f"_{v.op}")(v)
        return self._placed[v]

    def _add(self, v: Value) -> int:
        found: int | None = None
        for a in sorted(v.args, key=lambda a: _negated(a) is not None):
            inside = None if self._is_stored(a) else _negated(a)
            if found is None:
                found = self._operand(a)
            elif inside is not None:
                found = self._line("subtract", found, self._operand(inside))
            else:
                found = self._line("add", found, self._operand(a))
        assert found is not None
        return found

    def _mul(self, v: Value) -> int:
        below = [a for a in v.args if a.op == "pow" and a.data == -1 and not self._is_stored(a)]
        found: int | None = None
        coefficient = v.data
        for a in (a for a in v.args if a not in below):
            found = self._operand(a) if found is None else self._line("multiply", found, self._operand(a))
        if coefficient == -1 and found is not None:
            found = self._line("negative", found)
        elif coefficient != 1 or found is None:
            number = self._constant(float(coefficient))
            found = number if found is None else self._line("multiply", found, number)
        for a in below:
            found = self._line("divide", found, self._operand(a.args[0]))
        return found

    def _pow(self, v: Value) -> int:
        x, p = self._operand(v.args[0]), v.data
        root = abs(p) == Fraction(1, 2)
        if root or abs(p) in (1, 2):
            found = self._line("sqrt", x) if root else self._line("square", x) if abs(p) == 2 else x
            return found if p > 0 else self._line("reciprocal", found)
        return self._line("power", x, self._constant(float(p)))

    def _fn(self, v: Value) -> int:
        if v.data not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise NotDerivable(v, f"no kernel of the function {v.data} is known. Known are {known}.")
        return self._line(v.data, self._operand(v.args[0]))

    def _maximum(self, v: Value) -> int:
        left, right = v.args
        return self._line(v.op, self._operand(left), self._operand(right))

    _greater = _maximum

    def _outer(self, v: Value) -> int:
        left, right = v.args
        return self._line("multiply", self._load(left, "column"), self._load(right, "row"))

    def _scaled(self, v: Value) -> int:
        vector, matrix = v.args
        return self._line(
            "multiply", self._load(vector, "column" if v.data == "rows" else "row"), self._operand(matrix)
        )

    def _filled(self, v: Value) -> int:
        return self._operand(v.args[0])


def _negated(v: Value) -> Value | None:
    """x, if v is -x."""
    return v.args[0] if v.op == "mul" and v.data == -1 and len(v.args) == 1 else None


def _coded(lines: list[list[Any]]) -> np.ndarray:
    """The lines as numbers, with registers that are used again once nobody reads them."""
    last: dict[int, int] = {}
    for at, (name, _, left, right) in enumerate(lines):
        for r in _read(name, left, right):
            last[r] = at
    free = list(range(MOST_REGISTERS))[::-1]
    place: dict[int, int] = {}
    coded = []
    for at, (name, r, left, right) in enumerate(lines):
        reads = _read(name, left, right)
        operands = [place[x] if x in reads else x for x in (left, right)]
        for x in {*reads}:
            if last[x] == at:
                free.append(place[x])
        if name != "store":
            if not free:
                raise Full
            place[r] = free.pop()
            r = place[r]
        if name not in ("load", "constant", "store") and len(reads) == 1:
            operands[1] = 0
        coded.append([WALKED.index(name), r, *operands])
    return np.array(coded, np.int64)


def _read(name: str, left: int, right: int) -> tuple[int, ...]:
    """The registers that a line reads."""
    if name in ("load", "constant"):
        return ()
    return (left, right) if name in ("add", "subtract", "multiply", "divide", "power", *OF_TWO) else (left,)
