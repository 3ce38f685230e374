"""What a compiled function computes: a graph of values, each written one way only, so that equal work is found.

A value is a number, a vector or a matrix; a row and a column with the same entries are one vector. Scalars are pulled
out of products, `1 bᵀ` is b beside every row, and of a chain of products and its transpose one is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..dimensions import ONE, Dim

Shape = tuple[Dim, ...]  # of a number (), of a vector (n,), of a matrix (m, n)


@dataclass(eq=False)
class Value:
    """An operator on other values, with constants in `data`."""

    op: str
    args: "tuple[Value, ...]"
    data: Any
    shape: Shape
    index: int
    symmetric: bool = False


class Item:
    """A factor of a chain of matrix products: a value that stands there as a matrix of this shape."""

    def __init__(self, value: Value, rows: Dim, columns: Dim):
        self.value, self.rows, self.columns = value, rows, columns


class Graph:
    """The values of one function."""

    def __init__(self) -> None:
        self.table: dict[Any, Value] = {}

    def make(self, op: str, args: Iterable[Value] = (), data: Any = None, shape: Shape = ()) -> Value:
        """The one value of this operator, operands and constants."""
        args = tuple(args)
        key = (op, tuple(a.index for a in args), data, shape)
        if key not in self.table:
            self.table[key] = Value(op, args, data, shape, len(self.table), op in ("diagm", "eye"))
        return self.table[key]

    # Numbers, and what is the same in all its rows or columns: it is never written out beside another matrix.
    def number(self, value: Fraction | int) -> Value:
        return self.make("num", data=Fraction(value))

    def full(self, shape: Shape, value: Value) -> Value:
        """One number in every entry."""
        return self.make("full", (value,), None, shape) if shape else value

    def ones(self, size: Dim) -> Value:
        return self.full((size,), self.number(1))

    def rows(self, v: Value, shape: Shape) -> Value:
        """The vector v in every row."""
        return self.full(shape, v.args[0]) if v.op == "full" else self.make("rows", (v,), None, shape)

    def columns(self, v: Value, shape: Shape) -> Value:
        """The vector v in every column."""
        return self.full(shape, v.args[0]) if v.op == "full" else self.make("columns", (v,), None, shape)

    def elementwise(self, op: str, args: Sequence[Value], data: Any = None) -> Value:
        """An operator on entries; what its operands have in every row or column is computed once."""
        large = [a for a in args if a.shape]
        kinds = {a.op for a in large} - {"full"}
        plain = [a.args[0] if a.op == "full" else a for a in args]
        shape = large[0].shape if large else ()
        if large and not kinds:
            return self.full(shape, self.make(op, plain, data))
        if len(kinds) == 1 and kinds <= {*SAME}:
            spread = self.rows if kinds == {"rows"} else self.columns
            inside = [a.args[0] if a.op in SAME else a for a in plain]
            return spread(self.make(op, inside, data, next(a.shape for a in inside if a.shape)), shape)
        return self.make(op, plain, data, shape)

    def add(self, args: Iterable[Value]) -> Value:
        """The sum; numbers are added at once. Sums inside stay what they are: they may be needed elsewhere."""
        flat = list(args)
        constant = sum((a.data for a in flat if a.op == "num"), Fraction(0))
        shape = next((a.shape for a in flat if a.shape), ())
        rest = sorted((a for a in flat if a.op != "num"), key=lambda a: a.index)
        if constant or not rest:
            rest.append(self.number(constant))
        if len(rest) == 1:
            return rest[0]
        value = self.elementwise("add", rest)
        return value if value.shape == shape else self.full(shape, value)

    def mul(self, args: Iterable[Value]) -> Value:
        """The product of entries: one coefficient, the scalars, and then what has more entries, as one value."""
        coefficient = Fraction(1)
        small: list[Value] = []
        large: list[Value] = []
        stack = list(args)[::-1]
        while stack:
            a = stack.pop()
            if a.op == "num":
                coefficient *= a.data
            elif a.op == "mul":
                coefficient *= a.data
                stack += a.args
            elif a.op == "full":
                stack.append(a.args[0])
                large.append(self.full(a.shape, self.number(1)))
            else:
                (large if a.shape else small).append(a)
        shape = large[0].shape if large else ()
        real = sorted((a for a in large if a.op != "full"), key=lambda a: a.index)
        small.sort(key=lambda a: a.index)
        scalar = self._scaled(coefficient, small)
        if not shape:
            return scalar
        if not real or coefficient == 0:
            return self.full(shape, scalar)
        core = real[0] if len(real) == 1 else self.elementwise("mul", real, Fraction(1))
        if scalar.op == "num" and scalar.data == 1:
            return core
        if core.op in SAME:  # the factor goes to the vector that is spread
            inner = self.mul([scalar, core.args[0]])
            return (self.rows if core.op == "rows" else self.columns)(inner, shape)
        return self.make("mul", (*small, core), coefficient, shape)

    def _scaled(self, coefficient: Fraction, small: list[Value]) -> Value:
        if not small or coefficient == 0:
            return self.number(coefficient)
        if coefficient == 1 and len(small) == 1:
            return small[0]
        return self.make("mul", small, coefficient)

    def transpose(self, v: Value) -> Value:
        """vᵀ: of what is a vector here, the same vector."""
        if len(v.shape) < 2 or v.symmetric:
            return v
        turned = v.shape[::-1]
        if v.op == "T":
            return v.args[0]
        if v.op == "full":
            return self.full(turned, v.args[0])
        if v.op in SAME:
            return (self.columns if v.op == "rows" else self.rows)(v.args[0], turned)
        if v.op == "outer":
            return self.make("outer", v.args[::-1], None, turned)
        if v.op == "mul" and len([a for a in v.args if a.shape]) == 1:
            return self.mul([self.number(v.data), *v.args[:-1], self.transpose(v.args[-1])])
        return self.make("T", (v,), None, turned)

    def items(self, v: Value, rows: Dim, columns: Dim, scalars: list[Value]) -> list[Item]:
        """The factors that a value is a product of; its scalar factors go to `scalars`."""
        if rows == ONE and columns == ONE:
            scalars.append(v)
            return []
        if v.op == "mul" and len([a for a in v.args if a.shape]) == 1:
            scalars += [self.number(v.data), *v.args[:-1]]
            return self.items(v.args[-1], rows, columns, scalars)
        if v.op == "full" and not (v.args[0].op == "num" and v.args[0].data == 1):
            scalars.append(v.args[0])
            return self.items(self.full(v.shape, self.number(1)), rows, columns, scalars)
        if v.op in ("full", "rows", "columns", "outer") and len(v.shape) == 2:
            left = v.args[0] if v.op in ("columns", "outer") else self.ones(rows)
            right = v.args[-1] if v.op in ("rows", "outer") else self.ones(columns)
            return [*self.items(left, rows, ONE, scalars), *self.items(right, ONE, columns, scalars)]
        if v.op == "eye":
            return []
        if base(v).op == "chain":
            values = base(v).args
            is_column = len(v.shape) == 1 and len(values[-1].shape) == 1
            if v.op == "T" or (len(v.shape) == 1 and is_column != (columns == ONE)):
                values = tuple(self.transpose(a) for a in reversed(values))
            return [i for a, r, c in placed(values) for i in self.items(a, r, c, scalars)]
        return [Item(v, rows, columns)]

    def product(self, factors: Sequence[tuple[Value, Dim, Dim]]) -> Value:
        """The matrix product: its scalars in front, cut where the inner dimension is 1."""
        scalars: list[Value] = []
        items: list[Item] = []
        for v, rows, columns in factors:
            items += self.items(v, rows, columns, scalars)
        shape = tuple(d for d in (factors[0][1], factors[-1][2]) if d != ONE)
        if not items:
            core = self.make("eye", (), None, shape) if len(shape) == 2 else self.full(shape, self.number(1))
            return self.mul([*scalars, core])
        pieces: list[list[Item]] = [[]]
        for at, item in enumerate(items):
            pieces[-1].append(item)
            if item.columns == ONE and at < len(items) - 1:
                pieces.append([])
        ends = [self.chain(piece) for piece in pieces]
        scalars += [e for e in ends if not e.shape]
        vectors = [e for e in ends if e.shape]
        if len(vectors) <= 1:
            return self.mul([*scalars, *vectors])
        left, right = vectors
        if left.op == "full":
            return self.mul([*scalars, left.args[0], self.rows(right, shape)])
        if right.op == "full":
            return self.mul([*scalars, right.args[0], self.columns(left, shape)])
        return self.mul([*scalars, self.make("outer", (left, right), None, shape)])

    def chain(self, items: list[Item]) -> Value:
        """A product without an inner dimension of 1, or its transpose: one of the two is the value."""
        values = tuple(i.value for i in items)
        if len(values) == 1:
            return values[0]
        shape = tuple(d for d in (items[0].rows, items[-1].columns) if d != ONE)
        turned = tuple(self.transpose(v) for v in reversed(values))
        if [v.index for v in turned] < [v.index for v in values]:
            return self.transpose(self.make("chain", turned, None, shape[::-1]))
        return self.make("chain", values, None, shape)


SAME = ("rows", "columns")


def base(v: Value) -> Value:
    """The value that is stored: Aᵀ is A."""
    return v.args[0] if v.op == "T" else v


def placed(values: Sequence[Value]) -> list[tuple[Value, Dim, Dim]]:
    """The factors of a chain with their shapes as matrices: only the ends can be vectors."""
    found = []
    for at, v in enumerate(values):
        if len(v.shape) == 2:
            found.append((v, *v.shape))
        else:
            found.append((v, ONE, v.shape[0]) if at == 0 else (v, v.shape[0], ONE))
    return found
