"""From a syntax tree, with the shapes of its names, to the expression; and dimensions that are written as text."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..dimensions import Dim, Shape, dim
from ..errors import DomainError, ParseError, ShapeError
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, divide, matmul, minus, mul, negative, number, plus, power, transpose
from ..language.operators import symbol
from ..language.signatures import SIGNATURES
from ..language.vocabulary import CONSTRUCTORS
from .grammar import Tree, spine

BINARY: dict[str, Callable[..., Expr]] = {"+": plus, "-": minus, "*": mul, "/": divide, "@": matmul, "**": power}


def build(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    """The expression of a tree; errors of shapes point at the column."""
    binary = spine(tree)
    e, here = None, binary[0].parts[0] if binary else tree
    try:
        e = _build(here, text, shapes, known)
        for here in binary:  # no recursion: a sum of a thousand terms would need the stack
            e = BINARY[here.body](e, build(here.parts[1], text, shapes, known))
    except (ShapeError, DomainError) as error:
        raise ParseError(str(error), text, here.column) from None
    return e


def _build(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    if tree.kind == "number":
        return _number(tree, text)
    if tree.kind == "name":
        if tree.body in known:
            return known[tree.body]
        return symbol(tree.body, *shapes[tree.body])
    if tree.kind == "call" and tree.body in SIGNATURES:
        return _call(tree, text, shapes, known)
    args = [build(p, text, shapes, known) for p in tree.parts]
    if tree.kind == "index":
        places = [_place(place, text) for _, place in tree.options]
        return args[0][tuple(places) if len(places) > 1 else places[0]]
    if tree.kind == "sign":
        return negative(args[0])
    if tree.body == ".T":
        return transpose(args[0])
    if tree.body in FUNCTIONS:
        return FUNCTIONS[tree.body](args[0])
    raise no_function(tree, text)


def no_function(tree: Tree, text: str) -> ParseError:
    """The error of a call that makes no expression."""
    return ParseError(f"expected a function, got {tree.body!r}. It stands for a dimension only.", text, tree.column)


def _number(tree: Tree, text: str) -> Expr:
    value = float(tree.body)
    if math.isinf(value) or (value == 0 and re.match("[0.]*[1-9]", tree.body)):
        raise ParseError(f"expected a number from 1e-308 to 1e308, got {tree.body[:20]}.", text, tree.column)
    return number(int(tree.body) if tree.body.isdigit() else value)


def _place(tree: Tree, text: str) -> Any:
    """A place in brackets: a number or a name, or where a slice begins and ends."""
    if tree.kind != "range":
        return size_of(tree, text)
    begin, end = (None if p.kind == "none" else size_of(p, text) for p in tree.parts)
    return slice(begin, end)


def _call(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    """A function of the language on its operands, dimensions and options."""
    options = {word: _integer(value, text) for word, value in tree.options}
    signature = SIGNATURES[tree.body]
    many = len(tree.parts) if signature.beside is not None else signature.operands
    operands = [build(p, text, shapes, known) for p in tree.parts[:many]]
    if tree.body == "power":
        _whole(tree.parts[1], text)
    sizes = [size_of(p, text) for p in tree.parts[many:]]
    return CONSTRUCTORS[tree.body](*operands, *sizes, **options)


def _whole(tree: Tree, text: str) -> None:
    """The power of a matrix is a whole number or the name of one."""
    if tree.body == "/" or (tree.kind == "number" and not tree.body.isdigit()):
        hint = "sqrtm(A) is the square root, expm(a * logm(A)) any other power."
        raise ParseError(f"power: expected a whole number or a name, got {tree.body!r}. {hint}", text, tree.column)


def _integer(tree: Tree, text: str) -> Any:
    if tree.kind == "pair":
        return _integer(tree.parts[0], text), _integer(tree.parts[1], text)
    if tree.kind == "number" and tree.body.isdigit():
        return int(tree.body)
    raise ParseError(f"expected a whole number, got {tree.body!r}.", text, tree.column)


def size_of(tree: Tree, text: str) -> Dim:
    """A dimension written as an expression: a name, a number, sums, products and floors of such."""
    if tree.kind in ("name", "number") and (tree.kind == "name" or tree.body.isdigit()):
        return dim(tree.body)
    if tree.kind == "sign":
        return dim(0) - size_of(tree.parts[0], text)
    if tree.kind == "binary" and tree.body in "+-*":
        a, b = (size_of(p, text) for p in tree.parts)
        return a + b if tree.body == "+" else a - b if tree.body == "-" else a * b
    if tree.kind == "call" and tree.body == "floor" and len(tree.parts) == 1:
        inside = tree.parts[0]
        if inside.kind == "binary" and inside.body == "/" and inside.parts[1].body.isdigit():
            return size_of(inside.parts[0], text).floor_divided(int(inside.parts[1].body))
    raise ParseError(f"expected a dimension, got {tree.body!r}. Try a name, 3, M*N or N + 1.", text, tree.column)
