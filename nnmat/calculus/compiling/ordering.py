"""In which order the products of a chain are taken, and whether a matrix is inverted or solved with.

The order is the cheapest one for given sizes, found over all splits of the chain; a part of it that is needed
elsewhere, as it stands or transposed, costs nothing more. A matrix B with one B⁻¹z is solved with; where more products
need B⁻¹ or (B⁻¹)ᵀ, one inverse may serve them all, and where B⁻¹ is itself a result it has to.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .values import Graph, Value, base, placed

LONG = 60  # factors of a chain that is taken from the left
CALL, PRODUCTS, FACTORS = 3e-6, 6e10, 1.5e10  # seconds for a call, flops of products and of factorisations in a second
LARGE = 192  # rows from which an inverse is taken by blocks


class Order(NamedTuple):
    """The flops of a chain as it is taken, and from the left and from the right."""

    best: float
    left: float
    right: float


def solving(n: int, k: float) -> float:
    """Flops of B⁻¹Z for Z of k columns."""
    return 2 / 3 * n**3 + 2 * n * n * k


def inverting(n: int) -> float:
    """Flops of B⁻¹."""
    return (2 if n >= LARGE else 8 / 3) * n**3


class Ordering:
    """Rewrites the values of a graph, so that every product has two operands."""

    def __init__(self, graph: Graph, outputs: Iterable[Value], sizes: Mapping[str, int]):
        self.graph, self.sizes = graph, sizes
        self.reached = reachable(outputs)
        self.needed = {v for v in self.reached if v.op == "chain"}
        self.done: dict[Value, Value] = {}
        self.orders: dict[Value, Order] = {}
        self.inverted = self._inverted(set(outputs))

    def size(self, v: Value) -> int:
        """How many entries it has."""
        found = 1
        for d in v.shape:
            found *= d.value(self.sizes)
        return found

    def _inverted(self, outputs: set[Value]) -> set[Value]:
        """The inverses that are computed as such."""
        uses: dict[Value, int] = {}
        whole = {base(v) for v in outputs}
        for v in self.reached:
            for a in v.args:
                if base(a).op == "inv" and v.op == "chain":
                    uses[base(a)] = uses.get(base(a), 0) + 1
                elif v.op not in ("T", "chain"):
                    whole.add(base(a))
            if v.op == "chain" and all(base(a).op == "inv" for a in v.args):
                whole.update(map(base, v.args))
        return {v for v in self.reached if v.op == "inv" and (v in whole or self._cheaper(v, uses.get(v, 0)))}

    def _cheaper(self, v: Value, uses: int) -> bool:
        """Whether one inverse costs less than solving each time."""
        n = v.shape[0].value(self.sizes)
        rate = PRODUCTS if n >= LARGE else FACTORS
        return uses > 1 and CALL + inverting(n) / rate < uses * (CALL + solving(n, 1) / FACTORS)

    def expand(self, v: Value) -> Value:
        """The value by products of two operands."""
        stack = [v]
        while stack:
            x = stack[-1]
            waiting = [a for a in self._before(x) if a not in self.done]
            if waiting and x not in self.done:
                stack += waiting
            else:
                stack.pop()
                if x not in self.done:
                    self.done[x] = self._expanded(x)
        return self.done[v]

    def _before(self, v: Value) -> list[Value]:
        if v.op != "chain":
            return list(v.args)
        inside = [a for a in v.args if base(a).op != "inv" or base(a) in self.inverted]
        return [*inside, *(base(a).args[0] for a in v.args if a not in inside)]

    def _expanded(self, v: Value) -> Value:
        g = self.graph
        if v.op == "chain":
            return self._chain(v)
        if v.op == "trace" and v.args[0].op == "chain":
            return self._trace(v.args[0])
        if v.op == "diag" and base(v.args[0]).op == "chain":
            values = base(v.args[0]).args
            parts = [self.done.get(a) or self.expand(a) for a in values]
            at = len(parts) // 2
            return g.make("diagdot", (self._built(values[:at]), self._built(values[at:])), None, v.shape)
        args = tuple(self.done[a] for a in v.args)
        if v.op == "T":
            return g.transpose(args[0])
        if v.op == "mul" and args[-1].op == "outer":  # the numbers go to the shorter vector
            left, right = args[-1].args
            scalars = [g.number(v.data), *args[:-1]]
            if all(not a.shape for a in args[:-1]):
                short = self.size(left) < self.size(right)
                pair = (g.mul([*scalars, left]), right) if short else (left, g.mul([*scalars, right]))
                return g.make("outer", pair, None, v.shape)
        return g.make(v.op, args, v.data, v.shape) if args != v.args else v

    def _trace(self, chain: Value) -> Value:
        """Tr(A B) = ⟨A, Bᵀ⟩, A and B parts of the chain, which may be turned round."""
        g, values = self.graph, chain.args
        n = len(values)
        splits = [(i, j) for i in range(n) for j in range(i + 1, n) if n <= 8 or i == 0]

        def cost(split: tuple[int, int]) -> float:
            i, j = split
            return self._cost(values[i:j]) + self._cost((*values[j:], *values[:i]))

        i, j = min(splits, key=cost)
        left, right = self._built(values[i:j]), g.transpose(self._built((*values[j:], *values[:i])))
        if left.op == right.op == "T":
            left, right = left.args[0], right.args[0]
        return g.make("dot", sorted((left, right), key=lambda a: a.index))

    def _cost(self, values: tuple[Value, ...]) -> float:
        return Split(self, values).best

    def _built(self, values: tuple[Value, ...]) -> Value:
        """The product of some values that stand beside one another in a chain."""
        if len(values) == 1:
            return self.expand(values[0])
        g = self.graph
        known = g.product(placed(values))
        if base(known).op == "chain":
            return self.expand(known)
        return Split(self, values).build(0, len(values))

    def _chain(self, chain: Value) -> Value:
        split = Split(self, chain.args, chain)
        built = split.build(0, len(chain.args))
        if len(chain.args) > 2:
            self.orders[base(built)] = Order(split.best, split.one_way(True), split.one_way(False))
        return built


class Split:
    """The cheapest order of one chain."""

    def __init__(self, ordering: Ordering, values: tuple[Value, ...], whole: Value | None = None):
        self.o, self.values, self.whole = ordering, values, whole
        sizes = ordering.sizes
        shapes = placed(values)
        self.shapes = shapes
        self.d = [shapes[0][1].value(sizes), *(c.value(sizes) for _, _, c in shapes)]
        n = len(values)
        self.costs: dict[tuple[int, int], float] = {(i, i + 1): 0.0 for i in range(n)}
        self.at: dict[tuple[int, int], int] = {}
        for length in range(2, n + 1):
            for i in range(n - length + 1):
                self._best(i, i + length)
        self.best = self.costs[0, n]

    def _best(self, i: int, j: int) -> None:
        if len(self.values) > LONG:
            self.at[i, j] = j - 1
            self.costs[i, j] = 0.0 if i else self.costs[0, j - 1] + self.taken(0, j - 1, j)
            return
        if self.part(i, j) is not None:
            self.costs[i, j] = 0.0
            return
        ways = ((self.costs[i, k] + self.costs[k, j] + self.taken(i, k, j), k) for k in range(i + 1, j))
        self.costs[i, j], self.at[i, j] = min(ways)

    def part(self, i: int, j: int) -> Value | None:
        """The part of the chain as a value that is needed elsewhere, too."""
        if (i, j) == (0, len(self.values)) and self.whole is not None:
            return None
        found = self.o.graph.product(self.shapes[i:j])
        return found if base(found) in self.o.needed and base(found) is not self.whole else None

    def kind(self, i: int, j: int) -> str:
        """What a part of one factor is: an inverse that is solved with, a diagonal matrix, ones, or any other."""
        if j - i > 1:
            return ""
        v = base(self.values[i])
        if v.op == "inv":
            return "" if v in self.o.inverted else "inv"
        return v.op if v.op in ("diagm", "full") else ""

    def taken(self, i: int, k: int, j: int) -> float:
        """The flops of one product."""
        m, p, q = self.d[i], self.d[k], self.d[j]
        left, right = self.kind(i, k), self.kind(k, j)
        if left == "inv" or right == "inv":
            both = inverting(p) if left == right else 0.0
            return both + solving(p, q if left == "inv" else m)
        if "diagm" in (left, right):
            return m * q
        if "full" in (left, right):
            return m * p * q
        return 2.0 * m * p * q

    def one_way(self, from_left: bool) -> float:
        """The flops from the left, or from the right."""
        n = len(self.values)
        return sum(self.taken(0, k, k + 1) if from_left else self.taken(k - 1, k, n) for k in range(1, n))

    def build(self, i: int, j: int) -> Value:
        """The value of a part."""
        if j - i == 1:
            return self.o.expand(self.values[i])
        part = self.part(i, j)
        if part is not None:
            return self.o.expand(part)
        k = self.at[i, j]
        return self._product(i, k, j)

    def _product(self, i: int, k: int, j: int) -> Value:
        g = self.o.graph
        shape = tuple(d for d in (self.shapes[i][1], self.shapes[j - 1][2]) if d.constant != 1)
        left, right = self.kind(i, k), self.kind(k, j)
        if left == "inv":
            v = self.values[i]
            return self._solved(base(v).args[0], self.build(k, j), v.op == "T", shape)
        if right == "inv":  # A B⁻¹ = (B⁻ᵀ Aᵀ)ᵀ
            v = self.values[k]
            inside = g.transpose(self.build(i, k))
            return g.transpose(self._solved(base(v).args[0], inside, v.op != "T", shape[::-1]))
        a, b = self.build(i, k), self.build(k, j)
        if left == "diagm" or right == "diagm":
            spread, other = (a, b) if left == "diagm" else (b, a)
            if len(other.shape) == 1:
                return g.mul([spread.args[0], other])
            return g.make("scaled", (spread.args[0], other), "rows" if left == "diagm" else "columns", shape)
        if left == "full" or right == "full":
            other, axis = (b, 0) if left == "full" else (a, 1)
            if len(other.shape) == 1:
                return g.make("sum", (other,))
            if other.op == "T":
                other, axis = other.args[0], 1 - axis
            return g.make("sums", (other,), axis, shape)
        return g.make("product", (a, b), None, shape)

    def _solved(self, matrix: Value, right: Value, turned: bool, shape) -> Value:
        g = self.o.graph
        matrix = self.o.expand(matrix)
        return g.make("solve", (g.transpose(matrix) if turned else matrix, right), None, shape)


def reachable(outputs: Iterable[Value]) -> list[Value]:
    """The values that others are made of, operands first, and the inside of products with inverses."""
    found: dict[Value, None] = {}
    stack = list(outputs)[::-1]
    while stack:
        v = stack[-1]
        waiting = [a for a in v.args if a not in found]
        if waiting and v not in found:
            stack += waiting
        else:
            found.setdefault(stack.pop())
    return list(found)
