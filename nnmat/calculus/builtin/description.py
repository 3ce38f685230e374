"""A layer or a loss as an expression: what its symbols are, and the gradients that are derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..derivation.derivation import Derivation
from ..derivation.derive import derive
from ..errors import ShapeError
from ..language.expr import Expr, add
from ..language.operators import ATTRIBUTES, inner, let, matrix
from ..parsing.builder import size_of
from ..parsing.grammar import tree_of
from ..parsing.parser import parse_all

Shapes = Mapping[str, str]


@dataclass(frozen=True)
class Description:
    """One layer or loss in the language of the calculus.

    `name` is that of its record: the class, and after a hyphen which form of it. `lines` say "Y = ..." one below the
    other; the last is what it computes, or those named in `outputs`, or with `scalar` the value of a loss. Shapes are
    written as for --shape, "N, D" or "N, positive". `constants` have no gradient; `words` say what symbols are.
    """

    name: str
    lines: str
    inputs: Shapes
    parameters: Shapes = field(default_factory=dict)
    constants: Shapes = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    scalar: bool = False
    kept: bool = True  # whether its records are stored: those of some are long, and say nothing that others don't

    @property
    def of(self) -> str:
        """The name of the class."""
        return self.name.partition("-")[0]

    @property
    def rows(self) -> list[str]:
        """Its lines."""
        return [line.strip() for line in self.lines.splitlines() if line.strip()]

    @property
    def last(self) -> str:
        """The line of its result."""
        return self.rows[-1]

    @property
    def wrt(self) -> list[str]:
        """The symbols that it has gradients by: inputs, then parameters."""
        return [*self.inputs, *self.parameters]

    @cached_property
    def quantities(self) -> dict[str, Expr]:
        """Its lines by name, as expressions."""
        declared: dict[str, Any] = {
            n: symbol(n, s) for n, s in {**self.inputs, **self.parameters, **self.constants}.items()
        }
        return parse_all([(name, text) for name, _, text in (row.partition(" = ") for row in self.rows)], **declared)

    @cached_property
    def results(self) -> dict[str, Expr]:
        """What it computes, by name."""
        return {name: self.quantities[name] for name in self.outputs or [list(self.quantities)[-1]]}

    @cached_property
    def function(self) -> Expr:
        """The scalar that is derived: the value of a loss, or ⟨G, Y⟩ with the upstream gradient G of a layer."""
        if self.scalar:
            (value,) = self.results.values()
            return value
        return add(*[inner(matrix(G, *Y.shape), let(Y_name, Y)) for G, (Y_name, Y) in self.upstream.items()])

    @property
    def upstream(self) -> dict[str, tuple[str, Expr]]:
        """By the name of each upstream gradient, the result that it belongs to."""
        alone = len(self.results) == 1
        return {"G" if alone else f"G{name}": (name, Y) for name, Y in self.results.items()}

    def derivations(self, wrt: str = "all", check: bool = True) -> list[Derivation]:
        """The gradients by a symbol, or by all inputs and parameters; see `derive` for `check`."""
        names = self.wrt if wrt == "all" else [wrt]
        if names[0] not in self.wrt:
            raise ShapeError(f"{self.name}: expected wrt among {', '.join(self.wrt)}, or all, got {wrt!r:.60}.")
        return [derive(self.function, name, check=check) for name in names]


def symbol(name: str, shape: str) -> Expr:
    """The symbol of a shape that is written as for --shape."""
    parts = [part.strip() for part in shape.split(",")]
    sizes = [part for part in parts if part not in ATTRIBUTES]
    rows, columns = [size_of(tree_of(size), size) for size in [*sizes, "1"][:2]]
    return matrix(name, rows, columns, **dict.fromkeys(parts[len(sizes) :], True))
