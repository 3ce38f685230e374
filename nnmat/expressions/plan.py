"""Values in the order in which they are computed: those of forward, then those that only backward needs."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..calculus.compiling.lowering import Lowering
from ..calculus.compiling.ordering import Ordering, reachable
from ..calculus.compiling.values import Value
from ..calculus.errors import NotDerivable
from ..calculus.language.expr import Expr
from .steps import KERNELS, NUMPY, by_numpy, transposed_product
from .walks import ENTRYWISE, FUNCTIONS, Full, Walk

FREE = {"sym", "num", "dim", "full", "rows", "columns"}  # no work of their own
FEW = 6  # arrays that a part of a long sum has
KNOWN = (
    "Known are sums, products, powers, softmax and its like, inv, solve, logdet, trace, diag, diagm, tril, norm2, "
    f"frobenius, reshape, maximum, minimum, and the functions {', '.join(sorted(FUNCTIONS, key=str.lower))}."
)


class Plan:
    """The steps of some phases for arrays of certain sizes; `outputs` are the expressions that each phase gives."""

    def __init__(self, phases: Sequence[Mapping[str, Expr]], sizes: Mapping[str, int], dtype: np.dtype):
        self.sizes, self.dtype = sizes, dtype
        low = Lowering(FUNCTIONS)
        try:
            wanted = [{name: low.value(e) for name, e in phase.items()} for phase in phases]
        except NotDerivable as error:
            raise NotDerivable(error.node, f"{error.reason.removesuffix(' Try evaluate(...).')} {KNOWN}") from None
        ordering = Ordering(low.graph, [v for phase in wanted for v in phase.values()], sizes)
        self.outputs = [{name: ordering.expand(v) for name, v in phase.items()} for phase in wanted]
        self._numbers: dict[Value, float | None] = {}
        self._phase: dict[Value, int] = {}
        for at, outputs in enumerate(self.outputs):
            for v in reachable(outputs.values()):
                self._phase.setdefault(v, at)
        self.symbols = {v.data: v for v in self._phase if v.op == "sym"}
        self.stored = self._stored()
        self.spread = {v: self._spread_out(v) for outputs in self.outputs for v in outputs.values() if v.op in FREE}
        self.steps = [self._steps(at) for at in range(len(phases))]

    def run(self, phase: int, arrays: dict[Value, Any]) -> dict[str, Any]:
        """Compute one phase; `arrays` holds those of the symbols, and what is computed for this phase and others."""
        for v, step in self.steps[phase]:
            arrays[v] = step.run(arrays, self.shape(v)) if isinstance(step, Walk) else self._other(v, arrays)
        return {name: self._given(v, arrays) for name, v in self.outputs[phase].items()}

    def _given(self, v: Value, arrays: Mapping[Value, Any]) -> np.ndarray:
        """An output as an array of its own."""
        return arrays[v] if v not in self.spread else self.spread[v].run(arrays, self.shape(v))

    def walks(self) -> list[Walk]:
        """All lists of operations."""
        return [step for steps in self.steps for _, step in steps if step is not None] + list(self.spread.values())

    def by_hand(self) -> str:
        """The first operator that has no kernel, if there is one."""
        found = [v.op for steps in self.steps for v, step in steps if step is None and self._kernel(v) is None]
        return found[0] if found else ""

    def shape(self, v: Value) -> tuple[int, ...]:
        return tuple(d.value(self.sizes) for d in v.shape)

    def number(self, v: Value) -> float | None:
        """The number that a scalar is for these sizes, if it depends on no array."""
        if v not in self._numbers:
            self._numbers[v] = self._evaluated(v)
        return self._numbers[v]

    def _evaluated(self, v: Value) -> float | None:
        if v.shape:
            return None
        if v.op == "num":
            return float(v.data)
        if v.op == "dim":
            return float(v.data.value(self.sizes))
        inside = [self.number(a) for a in v.args]
        if not inside or any(x is None for x in inside) or v.op not in ("add", "mul", "pow"):
            return None
        known = [x for x in inside if x is not None]
        if v.op == "pow":
            with np.errstate(all="ignore"):
                return float(np.float64(known[0]) ** float(v.data))  # 1/0 is infinite, as in arrays
        return sum(known) if v.op == "add" else float(v.data) * float(np.prod(known))

    def _kernel(self, v: Value):
        if v.op == "T" and v.args[0].op == "product":
            return transposed_product
        return KERNELS.get(v.op)

    def _other(self, v: Value, arrays: Mapping[Value, Any]) -> np.ndarray:
        kernel = self._kernel(v)
        if kernel is transposed_product:
            return kernel(v.args[0], arrays)
        if kernel is not None:
            return kernel(v, arrays).reshape(self.shape(v) or (1,))
        if v.op == "eye":
            return np.eye(*self.shape(v), dtype=self.dtype)
        operands = [arrays[a] for a in v.args]
        if v.op == "reshape":
            return operands[0].reshape(self.shape(v))
        return by_numpy(v.op, NUMPY[v.op], *operands)

    # ---- what is stored ----

    def _stored(self) -> set[Value]:
        """The values that have an array; others are computed inside the walk of the one value that needs them."""
        users: dict[Value, set[Value]] = {}
        order = list(self._phase)
        for v in order:
            for a in v.args:
                users.setdefault(a, set()).add(v)
        outputs = {v for phase in self.outputs for v in phase.values()}
        stored = {v for v in order if v.op == "sym" or (v in outputs and v.op not in FREE)}
        for v in order:
            readers = users.get(v, set())
            if v.op in FREE:
                if v.shape and any(u.op not in ENTRYWISE | FREE for u in readers):
                    stored.add(v)
            elif v.op == "T":
                if any(u.op != "product" for u in readers):
                    stored.add(v)
            elif self.number(v) is None and (v.op not in ENTRYWISE or any(self._needs_array(v, u) for u in readers)):
                stored.add(v)
        self._promote(order, users, stored)
        self._split(stored)
        return stored

    def _needs_array(self, v: Value, reader: Value) -> bool:
        """Whether a value cannot be computed inside the walk of its reader: it stands there in another shape."""
        first = reader.op == "scaled" and reader.args[0] is v
        return reader.op not in ENTRYWISE or reader.op == "outer" or first or v.shape != reader.shape

    def _promote(self, order: list[Value], users: Mapping[Value, set[Value]], stored: set[Value]) -> None:
        """What several stored values would compute again is stored, too, if it is more than a product."""
        roots: dict[Value, set[Value]] = {}
        for v in reversed(order):
            if v in stored or v.op in FREE or self.number(v) is not None:
                continue
            found = {r for u in users.get(v, ()) for r in ({u} if u in stored else roots.get(u, set()))}
            roots[v] = found
            if len(found) > 1 and v.op in ("fn", "pow"):  # the rest costs less than an array
                stored.add(v)

    def _split(self, stored: set[Value]) -> None:
        """Store parts of what is too long for one list, until all fit: what is stored is one more array elsewhere."""
        before = -1
        while before != len(stored):
            before = len(stored)
            for v in list(self._phase):
                if v in stored and v.op in ENTRYWISE and not self._fits(v, stored):
                    inside = [x for x in self._inside(v, stored) if x is not v]
                    longest = max(inside, key=lambda x: (len(self._inside(x, stored)), -x.index), default=None)
                    stored |= self._parts(v) if longest is None else {longest}

    def _fits(self, v: Value, stored: set[Value]) -> bool:
        try:
            Walk(v, stored.__contains__, self.number, self.dtype)
        except Full:
            return False
        return True

    def _parts(self, v: Value) -> set[Value]:
        """A sum or a product of many arrays as one of sums or products of a few, which are new values before it."""
        chunks = [v.args[at : at + FEW] for at in range(0, len(v.args), FEW)]
        data = None if v.op == "add" else Fraction(1)
        new = [Value(v.op, chunk, data, v.shape, -len(self._phase) - at) for at, chunk in enumerate(chunks)]
        v.args = tuple(new)
        order: dict[Value, int] = {}
        for x, phase in self._phase.items():
            if x is v:
                order |= dict.fromkeys(new, phase)
            order[x] = phase
        self._phase = order
        return set(new)

    def _inside(self, v: Value, stored: set[Value]) -> list[Value]:
        """The element-wise values that are computed in the walk of v."""
        found: dict[Value, None] = {}
        stack = [v]
        while stack:
            x = stack.pop()
            found.setdefault(x)
            stack += [a for a in x.args if a.op in ENTRYWISE and a not in stored and a not in found]
        return list(found)

    def _spread_out(self, v: Value) -> Walk:
        """A symbol, a vector in every row or column, or a number in every entry, as an array of its own."""
        return Walk(Value("add", (v,), None, v.shape, -1), self.stored.__contains__, self.number, self.dtype)

    def _steps(self, phase: int) -> list[tuple[Value, Walk | None]]:
        found: list[tuple[Value, Walk | None]] = []
        for v, at in self._phase.items():
            if at != phase or v not in self.stored or v.op == "sym" or self._only_turned(v):
                continue
            if v.op in FREE:
                found.append((v, self._spread_out(v)))
            elif v.op in ENTRYWISE:
                found.append((v, Walk(v, self.stored.__contains__, self.number, self.dtype)))
            else:
                if self._kernel(v) is None and v.op not in (*NUMPY, "eye", "reshape"):
                    name = v.data[0] if v.op == "call" else v.op
                    raise NotDerivable(v, f"no form of {name} for a layer or a loss is known. {KNOWN}")
                found.append((v, None))
        return found

    def _only_turned(self, v: Value) -> bool:
        """Whether only the transpose of a product is needed, which is computed in its place."""
        if v.op != "product" or any(v is x for outputs in self.outputs for x in outputs.values()):
            return False
        readers = [u for u in self._phase if v in u.args]
        turned = [u for u in readers if u.op == "T" and u in self.stored]
        return (
            bool(readers)
            and len(turned) == len(readers)
            and not any(u.op == "product" and t in u.args for t in turned for u in self._phase)
        )
