"""`compile`: the value and the gradients of an expression as one function of NumPy arrays."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from ...checks import count, counted, real_array
from ..derivation.derive import derived
from ..dimensions import show
from ..errors import DomainError, ShapeError
from ..language.expr import Expr, dimensions, lift
from ..laws.simplifier import simplify
from .lowering import Lowering
from .ordering import Ordering, reachable
from .source import Step, Writer

KEPT = 64  # programs, one for each set of shapes
USUAL = 64  # the size that a dimension is taken to have where none is known


def compile(f: Expr, wrt: "Iterable[Expr | str] | Expr | str", sizes: Mapping[str, int] | None = None) -> "Compiled":
    """A function of NumPy arrays that returns the value of `f` and its gradients by each symbol of `wrt`, together.

    The gradients are derived, each compared with difference quotients, and compiled with the value: what is needed
    twice is computed once, products are taken in the cheapest order, a matrix is solved with where its inverse is not
    needed. `sizes` gives dimensions the sizes for which `plan` and `source` are shown (64 where it does not); a call
    is planned for the sizes of its arrays. Raises what `derive` raises; NotDerivable names an operator without a form.
    """
    f = lift(f, "compile")
    names = list(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, Expr | str) else [wrt]
    if not names:
        raise ShapeError("compile: expected wrt as names of symbols, got none. Try wrt=['A'].")
    found = [derived("compile", f, name) for name in names]
    return Compiled(f, {d.wrt.name: d.gradient for d in found}, sizes or {})


class Program:
    """A function compiled for some sizes: `source`, plain NumPy that runs by itself, and its `steps` and `plan`."""

    def __init__(self, f: Expr, gradients: Mapping[str, Expr], sizes: Mapping[str, int]):
        self.sizes = sizes
        self.source, writer = _written(f, gradients, sizes, kernels=False)
        self.steps: list[Step] = writer.steps
        self.given = writer.given
        self.run = _function(self.source)
        fast, _ = _written(f, gradients, sizes, kernels=True)
        if "matmul(" in fast:
            self.run = _function(fast, matmul=_products())

    @property
    def plan(self) -> str:
        """The steps, each with its shape, its flops and why it stands there."""
        rows = [(f"{s.name} = {s.code}", show_shape(s), f"{s.flops:,.0f}", s.why) for s in self.steps]
        wide = [min(max([len(r[i]) for r in rows], default=0), 72) for i in range(3)]
        lines = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {why}".rstrip() for a, b, c, why in rows]
        sizes = ", ".join(f"{n} = {size}" for n, size in sorted(self.sizes.items()))
        total = sum(s.flops for s in self.steps)
        return "\n".join([*lines, f"{counted(len(rows), 'step')}, {total:,.0f} flops{f' at {sizes}' if sizes else ''}"])


def show_shape(s: Step) -> str:
    """The shape of a step, as symbols."""
    return f"({', '.join(map(str, s.shape))})"


class Compiled:
    """The function: call it with an array for each symbol by name; it returns (value, {name: gradient}).

    Vectors are arrays (n,), matrices (m, n), scalars numbers; all is computed in float64. Attributes of symbols are
    taken on trust here: `evaluate` checks them. Sizes that no array shows are arguments, too. Raises ShapeError for
    arguments that are missing, unknown or of the wrong shape, DtypeError for what is no real array, DomainError where
    a value or a gradient is not finite.
    """

    def __init__(self, f: Expr, gradients: Mapping[str, Expr], sizes: Mapping[str, int]):
        self.expression, self.gradients = f, dict(gradients)
        self.symbols = sorted(f.free, key=lambda s: s.name)
        self.names = [s.name for s in self.symbols]
        # Symbols that are rows or columns, and on which axis they have one entry.
        ones = {s.name: [d.constant == 1 for d in s.shape] for s in self.symbols}
        self._vectors = {name: one.index(True) for name, one in ones.items() if any(one)}
        self.dimensions = sorted(dimensions(f).union(*map(dimensions, gradients.values())))
        unknown = sorted(set(sizes) - set(self.dimensions))
        if unknown:
            raise ShapeError(f"compile: expected sizes of {', '.join(self.dimensions) or 'nothing'}, got {unknown[0]}.")
        self.sizes = {n: count("compile", n, sizes.get(n, USUAL)) for n in self.dimensions}
        self._programs: dict[Any, tuple[Program, list[int]]] = {}
        self._shown: Program | None = None
        self._program()

    def _program(self) -> Program:
        if self._shown is None:
            self._shown = Program(self.expression, self.gradients, self.sizes)
        return self._shown

    @property
    def plan(self) -> str:
        """The steps for the sizes that were given, with shapes, flops and why."""
        return self._program().plan

    @property
    def source(self) -> str:
        """The function as Python code that needs NumPy and nothing else."""
        return self._program().source

    def __call__(self, **arrays: Any) -> tuple[float, dict[str, Any]]:
        given: list[Any] = []
        key: list[Any] = []
        try:
            for s in self.symbols:
                a = arrays[s.name]
                if type(a) is not np.ndarray or a.dtype != np.float64:
                    a = real_array("compiled", s.name, a).astype(np.float64, copy=False)
                if a.ndim == 2 and s.name in self._vectors and a.shape[self._vectors[s.name]] == 1:
                    a = a.reshape(-1)
                given.append(a if a.ndim else float(a))
                key.append(a.shape)
        except KeyError:
            raise ShapeError(f"compiled: {self._wanted(arrays)}") from None
        more = () if len(arrays) == len(given) else tuple((n, v) for n, v in arrays.items() if n not in self.names)
        known = None if more else self._programs.get(tuple(key))
        if known is None:
            known = self._planned(arrays, key, more)
        program, extra = known
        try:
            value, gradients = self._run(program, given, extra)
        except np.linalg.LinAlgError as error:
            raise DomainError(f"compiled: expected matrices that can be inverted: {error}.") from None
        self._finite(value, gradients)
        return float(value), gradients

    @staticmethod
    def _run(program: Program, given: list[Any], extra: list[int]) -> tuple[Any, dict[str, Any]]:
        """Value and gradients. Numbers are Python's, which are quick; where those raise, NumPy has inf and NaN."""
        try:
            return program.run(*given, *extra)
        except (ZeroDivisionError, OverflowError):
            return program.run(*(np.float64(a) if type(a) is float else a for a in given), *extra)

    @np.errstate(over="ignore")
    def _finite(self, value: float, gradients: Mapping[str, Any]) -> None:
        if not isfinite(value):
            raise DomainError(f"compiled: expected a finite value, got {value} for {self.expression!s:.80}.")
        for name, g in gradients.items():
            entries = np.ravel(g, "K")
            if not isfinite(np.dot(entries, entries)) and not np.isfinite(entries).all():  # a square may overflow
                raise DomainError(f"compiled: expected a finite gradient by {name}, got NaN or infinity in it.")

    def _wanted(self, arrays: Mapping[str, Any]) -> str:
        missing = [n for n in self.names if n not in arrays]
        return f"expected arrays {', '.join(self.names)}, got none for {missing[0]}. Pass {missing[0]}=array."

    def _planned(self, arrays: Mapping[str, Any], key: list[Any], more: tuple) -> tuple[Program, list[int]]:
        """The program for these shapes, when they are checked."""
        extra = {n: v for n, v in more}
        unknown = sorted(set(extra) - set(self.dimensions))
        if unknown:
            raise ShapeError(f"compiled: expected arguments among {', '.join(self.names)}, got {unknown[0]}.")
        sizes = self._sizes(arrays, key, extra)
        program = Program(self.expression, self.gradients, sizes)
        found = program, [sizes[n] for n in program.given]
        if not more:
            if len(self._programs) >= KEPT:
                self._programs.clear()
            self._programs[tuple(key)] = found
        return found

    def _sizes(self, arrays: Mapping[str, Any], key: list[Any], extra: Mapping[str, int]) -> dict[str, int]:
        sizes = {n: count("compiled", n, v) for n, v in extra.items()}
        wanted = [tuple(d for d in s.shape if d.constant != 1) for s in self.symbols]
        for s, w, got in zip(self.symbols, wanted, key, strict=True):
            if len(w) != len(got) or 0 in got:
                raise ShapeError(
                    f"compiled: expected {s.name} of shape {show(s.shape)}, got {got}. Check the transposes."
                )
            for d, n in zip(w, got, strict=True):
                if str(d) in d.names:
                    sizes.setdefault(str(d), n)
        missing = [n for n in self.dimensions if n not in sizes]
        if missing:
            raise ShapeError(f"compiled: expected the size of {missing[0]}, got none. Pass {missing[0]}=3.")
        for s, w, got in zip(self.symbols, wanted, key, strict=True):
            right = tuple(d.value(sizes) for d in w)
            if right != got:
                known = ", ".join(f"{n} = {sizes[n]}" for n in sorted({n for d in w for n in d.names}))
                raise ShapeError(
                    f"compiled: expected {s.name} of shape {show(s.shape)} with {known}, got {got}. "
                    "Check the transposes and the other arrays."
                )
        return sizes


def _written(f: Expr, gradients: Mapping[str, Expr], sizes: Mapping[str, int], kernels: bool) -> tuple[str, Writer]:
    """The text of the function."""
    low = Lowering()
    symbols = sorted(f.free, key=lambda s: s.name)
    low.value(f)  # for the names of its quantities
    outputs = {"value": low.value(simplify(f.inline()))}
    for name, g in gradients.items():
        outputs[f"grad_{name}"] = low.value(g)
    ordering = Ordering(low.graph, outputs.values(), sizes)
    final = {name: ordering.expand(v) for name, v in outputs.items()}
    names = {ordering.done[v]: n for v, n in low.names.items() if v in ordering.done}
    writer = Writer(symbols, names, sizes, kernels)
    lines = writer.write(final, reachable(final.values()), ordering.orders)
    arguments = ", ".join([*writer.arguments.values(), *writer.given])
    head = [*(["import math", ""] if {"Phi", "gelu", "math"} & writer.called else []), "import numpy as np"]
    helpers = [f"\n\n{text}" for text in writer.functions()]
    body = [f"    {line}" for line in lines]
    return "\n".join(
        [*head, *helpers, "", "", '@np.errstate(all="ignore")', f"def value_and_gradients({arguments}):", *body, ""]
    ), writer


def _function(source: str, **names: Any) -> Any:
    space: dict[str, Any] = dict(names)
    exec(source, space)  # the text is our own: names of symbols are identifiers, everything else is written above
    return space["value_and_gradients"]


def _products() -> Any:
    """The product of large matrices by the kernels, imported when it is needed."""
    from nnmat_kernels.unchecked import matmul

    def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        turned_a, turned_b = not A.flags.c_contiguous, not B.flags.c_contiguous
        A, B = A.T if turned_a else A, B.T if turned_b else B
        return matmul(np.ascontiguousarray(A), np.ascontiguousarray(B), turned_a, turned_b)

    return product
