"""What a written line says: `df = ...`, `f = ...`, `gradient = ...`, `r = ...`, or just `= ...`, going on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..dimensions import dim
from ..errors import DomainError, ParseError, ShapeError
from ..language.expr import Expr, lift, node
from ..language.operators import let
from ..parsing.builder import build
from ..parsing.grammar import Tree, every, tree_of
from ..parsing.parser import check_calls

LEFT = re.compile(r"\s*(?P<left>d\s*\(\s*\w+\s*\)|[^=()@*+]*?)\s*=(?P<body>.*)", re.DOTALL)
GRADIENT = re.compile(r"(?:∇|grad|gradient|G\b|nabla).*|d\s*f\s*/\s*d\s*\w+|(?P<of>f)'")


@dataclass(frozen=True)
class Line:
    """A line: what it is about (`f`, `df`, `gradient`, a name, the differential of one, or "" if it goes on), and its
    syntax tree."""

    about: str
    tree: Tree
    text: str
    offset: int  # of the tree in the line


def split(text: str) -> Line:
    """The two sides of a line. Raises ParseError with the column."""
    match = LEFT.fullmatch(text)
    left, body, offset = ("", text, 0) if match is None else (match["left"], match["body"], match.start("body"))
    if left and GRADIENT.fullmatch(left):
        left = "gradient"
    left = re.sub(r"^d\s*\(?(\w+)\)?$", r"d\1", left) if left != "gradient" else left
    if left and not left.isidentifier():
        raise ParseError("expected df = ..., f = ..., gradient = ... or a name on the left", text, 1)
    try:
        return Line(left, tree_of(body), text, offset)
    except ParseError as error:
        raise ParseError(error.message, text, offset + error.column) from None


class Known:
    """The names that lines can use: symbols, quantities, and their differentials `dA`, `d(A)`."""

    def __init__(self, symbols: Mapping[str, Expr], wrt: Expr, sizes: Iterable[str]):
        self.wrt = wrt
        self.sizes: dict[str, Expr] = {n: lift(dim(n)) for n in sizes}  # N is the number of rows, too
        self.names: dict[str, Expr] = dict(symbols)

    def expression(self, tree: Tree, line: Line) -> Expr:
        """The expression of a tree of the line. Raises ParseError for names that are unknown, and what does not fit."""
        meanings = self.sizes | self.names
        for name, e in self.names.items():
            if f"d{name}" not in meanings:
                meanings[f"d{name}"] = node("d", (e,), None, e.shape)
        try:
            tree = self._without_d(tree, line, meanings)
            for t in every(tree):
                if t.kind == "name" and t.body not in meanings:
                    among = ", ".join(sorted(self.names))
                    raise ParseError(f"expected names among {among}, or d{self.wrt.name}, got {t.body}", "", t.column)
            check_calls(tree, "")
            return build(tree, line.text, {}, meanings)
        except ParseError as error:
            raise ParseError(error.message, line.text, line.offset + error.column) from None
        except RecursionError:
            message = "expected a line that Python's stack holds, got too many operators. Write it in several"
            raise ParseError(message, line.text, line.offset + 1) from None
        except (ShapeError, DomainError, KeyError) as error:
            raise ParseError(str(error), line.text, line.offset + 1) from None

    def _without_d(self, tree: Tree, line: Line, meanings: dict[str, Expr]) -> Tree:
        """d(...) stands under a name of its own."""
        parts = tuple(self._without_d(p, line, meanings) for p in tree.parts)
        tree = replace(tree, parts=parts)
        if tree.kind == "call" and tree.body == "d" and len(parts) == 1:
            check_calls(parts[0], "")
            inside = build(parts[0], line.text, {}, meanings)
            name = f"d({len(meanings)})"
            meanings[name] = node("d", (inside,), None, inside.shape)
            return Tree("name", name, tree.column)
        return tree

    def define(self, name: str, e: Expr) -> None:
        """A quantity of the lines."""
        self.names[name] = let(name, e)
