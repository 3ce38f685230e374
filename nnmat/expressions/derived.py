"""An expression with the gradients that belong to it, and the plans to run them, one for each batch size."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..calculus.derivation.derivation import Derivation
from ..calculus.derivation.derive import derive
from ..calculus.dimensions import dim
from ..calculus.language.expr import Expr, dimensions
from ..calculus.language.operators import matrix
from ..calculus.laws.simplifier import simplify
from ..calculus.notation.code import Coder, program
from ..calculus.notation.sharing import taken
from ..calculus.parsing.parser import parse
from ..checks import count
from ..errors import ConfigError, ShapeError
from .names import BATCH
from .plan import Plan

UPSTREAM = "G"
PLANS = 16  # batch sizes whose plans are kept


class Derived:
    """What `who` computes: `f`, and its gradients by some symbols, derived and checked when it is made.

    `shapes` declares the symbols; `sizes` says how large dimensions are. A function that is no scalar has an upstream
    gradient, the symbol `upstream`. Raises ConfigError, and what `parse` and `derive` raise.
    """

    def __init__(self, who: str, text: Any, shapes: Mapping[str, Any], wrt: Iterable[str], sizes: Mapping[str, int]):
        if not isinstance(text, str):
            raise ConfigError(f"{who}: expected the expression as text, got {text!r:.60}.")
        if not isinstance(sizes, Mapping):
            raise ConfigError(f"{who}: expected sizes such as {{'M': 10}}, got {sizes!r:.60}.")
        self.who, self.text = who, text
        self._given = who, text, dict(shapes), tuple(wrt), dict(sizes)
        self.sizes = {name: count(who, f"sizes[{name!r}]", size) for name, size in sizes.items()}
        self.f = parse(text, **shapes)
        used = {s.name for s in self.f.free}
        if unknown := sorted(used - set(shapes)):
            raise ConfigError(
                f"{who}: expected an expression of {', '.join(shapes)}, got {unknown[0]} in it."
                + (" Declare it as a parameter." if "X" in shapes else " They are the outputs and the targets.")
            )
        self.upstream = next(name for name in (UPSTREAM, "G_", "G__") if name not in used)
        G = None if self.f.is_scalar else matrix(self.upstream, *self.f.shape)
        self.derivations: dict[str, Derivation] = {
            name: derive(self.f, name, G=G) for name in self._given[3] if name in used
        }
        self._plans: dict[Any, Plan] = {}

    def __getstate__(self) -> tuple:
        return self._given

    def __setstate__(self, given: tuple) -> None:
        self.__init__(*given)  # type: ignore[misc]

    def missing(self, known: Iterable[str]) -> list[str]:
        """Names of dimensions that have no size."""
        return sorted(self._dimensions() - {*self.sizes, *known})

    def _dimensions(self) -> set[str]:
        gradients = [d.gradient for d in self.derivations.values()]
        return {name for e in (self.f, *gradients) for name in dimensions(e)}

    def check_sizes(self, known: Iterable[str]) -> None:
        """Raise ConfigError if a dimension has no size, or a size no dimension."""
        if taken_twice := sorted(self.sizes.keys() & {*known}):
            raise ConfigError(
                f"{self.who}: expected sizes of dimensions beside {', '.join(known)}, which arrays have, got one for "
                f"{taken_twice[0]}. Leave it out."
            )
        if unused := sorted(self.sizes.keys() - self._dimensions()):
            raise ConfigError(f"{self.who}: expected sizes of dimensions of its expression, got one for {unused[0]}.")
        if missing := self.missing(known):
            raise ConfigError(
                f"{self.who}: expected a size for each dimension of its expression, got none for {missing[0]}. "
                f"Give sizes={{{missing[0]!r}: 10}}."
            )

    def plan(self, batch: int, dtype: np.dtype, phases: tuple[tuple[str, ...], ...], **sizes: int) -> Plan:
        """The plan for a batch: first f, under the name of nothing, then the gradients of each phase by their names."""
        key = batch, dtype, tuple(sizes.items())
        found = self._plans.get(key)
        if found is None:
            parts: list[dict[str, Expr]] = [{"": simplify(self.f.inline())}]
            parts += [{name: self.derivations[name].gradient for name in phase} for phase in phases]
            found = Plan(parts, {**self.sizes, BATCH: batch, **sizes}, dtype)
            if len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = found
        return found

    def constant_arrays(self) -> list[np.ndarray]:
        """The lists of operations of all plans, and their numbers."""
        return [A for plan in self._plans.values() for walk in plan.walks() for A in (walk.coded, walk.coded_numbers)]


def text_of(who: str, f: Any, shapes: Mapping[str, tuple[str, str]]) -> str:
    """An expression as the text that says it, above it what stands in it more than once.

    `shapes`: those that the symbols of arrays must have, for their dimensions are known by name.
    """
    if isinstance(f, str):
        return f
    if not isinstance(f, Expr):
        raise ConfigError(f"{who}: expected an expression or its text, got {f!r:.60}.")
    for s in f.free:
        if s.name in shapes and s.shape != tuple(map(dim, expected := shapes[s.name])):
            raise ShapeError(
                f"{who}: expected {s.name} of shape ({', '.join(expected)}), got ({', '.join(map(str, s.shape))}). "
                f"Write {s.name} = matrix({s.name!r}, {', '.join(map(repr, expected))})."
            )
    *parts, (_, body) = program(f, Coder(), taken(f))
    return "\n".join([*(f"{name} = {text}" for name, text in parts), body])
