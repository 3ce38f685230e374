"""`parse`: an expression from text, without eval. Names get their shapes from `shapes`, or from their use."""

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from ..dimensions import Dim, Shape
from ..errors import DomainError, ParseError, ShapeError
from ..language import operators as functions
from ..language.convolution import _pair, conv, conv_input, conv_kernel
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, add, divide, eye, lift, matmul, mul, negative, number, ones, power, transpose, zeros
from .grammar import Tree, tree_of
from .shape_inference import Inference, size_of

ONE_OPERAND: dict[str, Callable[[Expr], Expr]] = {
    f.__name__: f
    for f in (
        functions.inv,
        functions.det,
        functions.logdet,
        functions.adjugate,
        functions.trace,
        functions.norm2,
        functions.frobenius,
        functions.diag,
        functions.diagm,
        functions.tril,
        functions.vec,
        functions.softmax,
        functions.softmax_rows,
        functions.log_softmax,
        functions.log_softmax_rows,
        functions.logsumexp,
        functions.logsumexp_rows,
    )
}
TWO_OPERANDS: dict[str, Callable[[Expr, Expr], Expr]] = {
    f.__name__: f for f in (functions.solve, functions.inner, functions.outer, functions.kron)
}
OTHERS = (
    "sum",
    "reshape",
    "ones",
    "zeros",
    "eye",
    "dim",
    "conv",
    "conv_input",
    "conv_kernel",
    "kron_left",
    "kron_right",
)


def known_functions() -> list[str]:
    """All names that can be called in text."""
    return sorted([*ONE_OPERAND, *TWO_OPERANDS, *OTHERS, *FUNCTIONS])


def parse(text: str, named: Mapping[str, Expr] | None = None, **shapes: Any) -> Expr:
    """The expression that `text` says.

    `shapes` declares names: x=("M",) a column, A=("M", "N") a matrix, a=() a scalar, or a symbol made by matrix(...),
    for attributes. A name that is not declared gets its shape from its use: a capital letter begins a matrix, a small
    one a column, a Greek name is a scalar. `named` holds expressions that stand under names (quantities by let).
    Raises ParseError with the column; ShapeError for shapes that are none.
    """
    return parse_all([("", text)], named, **shapes)[""]


def parse_all(texts: list[tuple[str, str]], named: Mapping[str, Expr] | None = None, **shapes: Any) -> dict[str, Expr]:
    """Several texts over common names, each (name, text); a named one can be used in those after it (see let)."""
    try:
        return _parse_all(texts, named, **shapes)
    except RecursionError:
        deepest = max((text for _, text in texts), key=len)
        reason = "expected an expression that Python's stack holds, got too many operators. Name parts of it with let."
        raise ParseError(reason, deepest[:60], 1) from None


def _parse_all(texts: list[tuple[str, str]], named: Mapping[str, Expr] | None, **shapes: Any) -> dict[str, Expr]:
    symbols = {name: _declared(name, given) for name, given in shapes.items()}
    quantities: dict[str, Expr] = dict(named or {})
    known: dict[str, Any] = {n: s.shape for n, s in symbols.items()} | {n: e.shape for n, e in quantities.items()}
    trees = [(name, text, tree_of(text)) for name, text in texts]
    for at, (name, text, tree) in enumerate(trees):
        _check_calls(tree, text)
        _check_order(tree, text, {later for later, *_ in trees[at:] if later})
        inference = Inference(known, text)
        pair = inference.shape(tree)
        known = dict(inference.shapes)
        if name:
            known[name] = pair
    found = Inference(known, "").result()
    results: dict[str, Expr] = {}
    for name, text, tree in trees:
        e = build(tree, text, found, {**symbols, **quantities})
        if name:
            quantities[name] = functions.let(name, e)
        results[name] = e
    return results


def _declared(name: str, given: Any) -> Expr:
    if isinstance(given, Expr):
        return given
    if isinstance(given, str | int | Dim):
        given = (given,)
    if not isinstance(given, tuple | list) or len(given) > 2:
        raise ShapeError(f"parse: expected the shape of {name} as (), ('N',) or ('M', 'N'), got {given!r}.")
    rows, columns = [*given, 1, 1][:2]
    return functions.matrix(name, rows, columns)


def _check_calls(tree: Tree, text: str) -> None:
    if tree.kind == "call" and tree.body != ".T":
        many = {
            "sum": (1, 1),
            "reshape": (3, 3),
            "ones": (1, 2),
            "zeros": (1, 2),
            "eye": (1, 1),
            "dim": (1, 1),
            "conv": (2, 2),
            "conv_input": (4, 4),
            "conv_kernel": (4, 4),
            "kron_left": (4, 4),
            "kron_right": (4, 4),
            "floor": (1, 1),
        }
        low, high = many.get(tree.body, (2, 2) if tree.body in TWO_OPERANDS else (1, 1))
        if tree.body not in (*ONE_OPERAND, *TWO_OPERANDS, *OTHERS, *FUNCTIONS, "floor"):
            near = get_close_matches(tree.body, known_functions(), 2, cutoff=0.55)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known_functions())}."
            raise ParseError(f"expected a function, got {tree.body!r}. {hint}", text, tree.column)
        if not low <= len(tree.parts) <= high:
            wanted = str(low) if low == high else f"{low} or {high}"
            raise ParseError(
                f"expected {wanted} argument{'s' * (high > 1)} of {tree.body}, got {len(tree.parts)}. "
                "Several operands are separated by commas.",
                text,
                tree.column,
            )
        setting = ("stride", "padding", "dilation")
        allowed = {"sum": ("axis",), **dict.fromkeys(("conv", "conv_input", "conv_kernel"), setting)}.get(tree.body, ())
        for word, value in tree.options:
            if word not in allowed:
                among = f"options among {', '.join(allowed)}" if allowed else "no options"
                raise ParseError(f"expected {among} of {tree.body}, got {word}.", text, value.column)
    for part in tree.parts:
        _check_calls(part, text)


def _check_order(tree: Tree, text: str, later: set[str]) -> None:
    if tree.kind == "name" and tree.body in later:
        message = f"expected quantities that were named before, got {tree.body}. Name it first, and only once."
        raise ParseError(message, text, tree.column)
    for part in tree.parts:
        _check_order(part, text, later)


def build(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    """The expression of a tree; errors of shapes point at the column."""
    try:
        return _build(tree, text, shapes, known)
    except (ShapeError, DomainError) as error:
        raise ParseError(str(error), text, tree.column) from None


def _build(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    if tree.kind == "number":
        return _number(tree, text)
    if tree.kind == "name":
        if tree.body in known:
            return known[tree.body]
        return functions.matrix(tree.body, *shapes[tree.body])
    if tree.kind == "call" and tree.body in OTHERS:
        return _special(tree, text, shapes, known)
    args = [build(p, text, shapes, known) for p in tree.parts]
    if tree.kind == "sign":
        return negative(args[0])
    if tree.kind == "binary":
        two: dict[str, Callable[..., Expr]] = {"+": add, "*": mul, "/": divide, "@": matmul, "**": power}
        return add(args[0], negative(args[1])) if tree.body == "-" else two[tree.body](*args)
    if tree.body == ".T":
        return transpose(args[0])
    if tree.body in FUNCTIONS:
        return FUNCTIONS[tree.body](args[0])
    if tree.body in ONE_OPERAND:
        return ONE_OPERAND[tree.body](args[0])
    if tree.body in TWO_OPERANDS:
        return TWO_OPERANDS[tree.body](args[0], args[1])
    raise ParseError(f"expected a function, got {tree.body!r}. It stands for a dimension only.", text, tree.column)


def _number(tree: Tree, text: str) -> Expr:
    value = float(tree.body)
    if math.isinf(value) or (value == 0 and re.match("[0.]*[1-9]", tree.body)):
        raise ParseError(f"expected a number from 1e-308 to 1e308, got {tree.body[:20]}.", text, tree.column)
    return number(int(tree.body) if tree.body.isdigit() else value)


def _special(tree: Tree, text: str, shapes: Mapping[str, Shape], known: Mapping[str, Expr]) -> Expr:
    name = tree.body
    if name in ("ones", "zeros", "eye", "dim"):
        sizes = [size_of(p, text) for p in tree.parts]
        if name == "dim":
            return lift(sizes[0])
        return eye(sizes[0]) if name == "eye" else (ones if name == "ones" else zeros)(*sizes)
    options = {word: _integer(value, text) for word, value in tree.options}
    if name == "sum":
        return functions.total(build(tree.parts[0], text, shapes, known), **options)
    if name == "conv":
        X, K = (build(p, text, shapes, known) for p in tree.parts)
        return conv(X, K, **options)
    args = [build(p, text, shapes, known) for p in tree.parts[:-2]]
    rows, columns = (size_of(p, text) for p in tree.parts[-2:])
    if name == "reshape":
        return functions.reshape(args[0], rows, columns)
    if name.startswith("kron"):
        adjoint = functions.kron_left if name == "kron_left" else functions.kron_right
        return adjoint(args[0], args[1], (rows, columns))
    setting = tuple(_pair(w, options.get(w, u), u % 2) for w, u in (("stride", 1), ("padding", 0), ("dilation", 1)))
    back = conv_input if name == "conv_input" else conv_kernel
    return back(args[0], args[1], (rows, columns), (setting[0], setting[1], setting[2]))


def _integer(tree: Tree, text: str) -> Any:
    if tree.kind == "pair":
        return _integer(tree.parts[0], text), _integer(tree.parts[1], text)
    if tree.kind == "number" and tree.body.isdigit():
        return int(tree.body)
    raise ParseError(f"expected a whole number, got {tree.body!r}.", text, tree.column)
