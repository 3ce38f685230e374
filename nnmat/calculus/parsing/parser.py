"""`parse`: an expression from text, without eval. Names get their shapes from `shapes`, or from their use."""

from collections.abc import Mapping
from typing import Any

from ..dimensions import Dim
from ..errors import ParseError, ShapeError
from ..language.assumptions import assume
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr
from ..language.operators import let, matrix
from ..language.signatures import MOST, SIGNATURES
from ..language.vocabulary import known_functions
from .builder import build
from .grammar import Tree, every, statements, tree_of
from .products import check_products
from .shape_inference import infer
from .synonyms import OF_MORE, other


def parse(text: str, /, named: Mapping[str, Expr] | None = None, **shapes: Any) -> Expr:
    """The expression that `text` says.

    `shapes` declares names: x=("M",) a column, A=("M", "N") a matrix, a=() a scalar, or a symbol made by matrix(...),
    for attributes. A name that is not declared gets its shape from its use, where only one is possible: a capital
    letter begins a matrix, a small one a column, a Greek name is a scalar or, in a matrix product, a column. What is
    left open is a ParseError that says what to declare. `named` holds expressions that stand under names (quantities
    by let). A text may have lines `K = A @ x` above the expression, for what it needs more than once, as printed code
    of long results has. Raises ParseError with the column; ShapeError for shapes that are none.
    """
    texts = statements(text)
    e = parse_all(texts, named, **shapes)[""]
    return e if len(texts) == 1 else e.inline(keep=named or ())


def parse_all(texts: list[tuple[str, str]], named: Mapping[str, Expr] | None = None, **shapes: Any) -> dict[str, Expr]:
    """Several texts over common names, each (name, text); a named one can be used in those after it (see let)."""
    try:
        return _parse_all(texts, named, **shapes)
    except RecursionError:
        deepest = max((text for _, text in texts), key=len)
        reason = "expected an expression that Python's stack holds, got too many operators. Name parts of it with let."
        raise ParseError(reason, deepest[:60], 1) from None


def _parse_all(texts: list[tuple[str, str]], named: Mapping[str, Expr] | None, **shapes: Any) -> dict[str, Expr]:
    declared = {name: _declared(name, given) for name, given in shapes.items()}
    quantities = _named(named)
    known: dict[str, Any] = {n: s.shape for n, s in declared.items()} | {n: e.shape for n, e in quantities.items()}
    trees = [(name, text, tree_of(text)) for name, text in texts]
    for at, (_, text, tree) in enumerate(trees):
        check_calls(tree, text)
        _check_order(tree, text, {later for later, *_ in trees[at:] if later})
    inference = infer(trees, known, {**declared, **quantities})
    check_products(trees, inference)
    found = inference.result()
    results: dict[str, Expr] = {}
    for name, text, tree in trees:
        e = build(tree, text, found, {**declared, **quantities})
        if name:
            quantities[name] = let(name, e)
        results[name] = e
    for e in results.values():
        assume(e, filter(inference.is_guessed, {s.name for s in e.free}), inference.factors)
    return results


def _named(given: Any) -> dict[str, Expr]:
    """The expressions that stand under names."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(e, Expr) for e in given.values()):
        raise ShapeError(
            f"parse: expected named as expressions by name, got {given!r:.60}. Try parse('h + b', {{'h': h}})."
        )
    return dict(given)


def _declared(name: str, given: Any) -> Expr:
    if isinstance(given, Expr):
        return given
    if isinstance(given, str | int | Dim):
        given = (given,)
    if not isinstance(given, tuple | list) or len(given) > 2:
        raise ShapeError(f"parse: expected the shape of {name} as (), ('N',) or ('M', 'N'), got {given!r}.")
    rows, columns = [*given, 1, 1][:2]
    return matrix(name, rows, columns)


def check_calls(tree: Tree, text: str) -> None:
    """Every function is one, with as many arguments as it takes and no other options than it has."""
    for part in every(tree):
        _check_call(part, text)


def _check_call(tree: Tree, text: str) -> None:
    if tree.kind == "call" and tree.body != ".T":
        signature = SIGNATURES.get(tree.body)
        if signature is None and tree.body not in (*FUNCTIONS, "floor"):
            hint = other(tree.body, known_functions())
            raise ParseError(f"expected a function, got {tree.body!r}. {hint}", text, tree.column)
        low, high = signature.arity if signature else (1, 1)
        if not low <= len(tree.parts) <= high:
            wanted = str(low) if low == high else f"{low} or more" if high >= MOST else f"{low} or {high}"
            raise ParseError(
                f"expected {wanted} argument{'s' * (high > 1)} of {tree.body}, got {len(tree.parts)}. "
                f"{OF_MORE.get(tree.body, 'Several operands are separated by commas.')}",
                text,
                tree.column,
            )
        allowed = signature.options if signature else ()
        for word, value in tree.options:
            if word not in allowed:
                among = f"options among {', '.join(allowed)}" if allowed else "no options"
                raise ParseError(f"expected {among} of {tree.body}, got {word}.", text, value.column)


def _check_order(tree: Tree, text: str, later: set[str]) -> None:
    for part in every(tree):
        if part.kind == "name" and part.body in later:
            message = f"expected quantities that were named before, got {part.body}. Name it first, and only once."
            raise ParseError(message, text, part.column)
