"""A line with one usual misuse undone, in every place where it can be: the judge finds out which one makes it true."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..errors import ParseError
from ..parsing.grammar import Tree, tokens, tree_of

MISUSES = {
    "sign": "a lost minus",
    "transpose": "a lost transpose",
    "order": "swapped factors",
    "hadamard": "a matrix product in the place of an elementwise one, or the other way round",
    "parentheses": "missing parentheses",
    "factor": "a factor such as 1/N too many or missing",
}
Repair = tuple[str, Tree]


def _turned(t: Tree) -> Tree:
    return t.parts[0] if _is_turned(t) else Tree("call", ".T", t.column, (t,))


def _is_turned(t: Tree) -> bool:
    return t.kind == "call" and t.body == ".T"


def _binary(sign: str, a: Tree, b: Tree) -> Tree:
    return Tree("binary", sign, a.column, (a, b))


def _minus(t: Tree) -> Tree:
    return t.parts[0] if t.kind == "sign" else Tree("sign", "-", t.column, (t,))


def factors(t: Tree) -> list[Tree]:
    """The factors of a product that is written A @ B @ C."""
    if t.kind == "binary" and t.body == "@":
        return [*factors(t.parts[0]), *factors(t.parts[1])]
    return [t]


def product(parts: Sequence[Tree]) -> Tree:
    result = parts[0]
    for p in parts[1:]:
        result = _binary("@", result, p)
    return result


def _sign(t: Tree) -> Iterator[Tree]:
    if t.kind == "sign":
        yield t.parts[0]
    elif t.kind == "binary" and t.body in "+-":
        yield _binary("-" if t.body == "+" else "+", *t.parts)
    elif t.kind == "binary" or t.kind in ("name", "call"):
        yield _minus(t)


def _transpose(t: Tree) -> Iterator[Tree]:
    yield _turned(t)


def _order(t: Tree) -> Iterator[Tree]:
    """Two factors that change places; the transposes may stay where they are."""
    if t.kind != "binary" or t.body != "@":
        return
    parts = factors(t)
    for i in range(len(parts)):
        for j in range(i + 1, len(parts)):
            changed = list(parts)
            changed[i], changed[j] = parts[j], parts[i]
            yield product(changed)
            if _is_turned(parts[i]) != _is_turned(parts[j]):
                changed[i], changed[j] = _turned(parts[j]), _turned(parts[i])
                yield product(changed)
    for k in range(1, len(parts)):  # the whole turned round: B A for A B
        yield product([*parts[k:], *parts[:k]])


def _hadamard(t: Tree) -> Iterator[Tree]:
    if t.kind == "binary" and t.body in ("@", "*"):
        yield _binary("*" if t.body == "@" else "@", *t.parts)
        if t.body == "*":
            yield _binary("@", _turned(t.parts[0]), t.parts[1])
            yield _binary("@", t.parts[0], _turned(t.parts[1]))


def _parentheses(text: str) -> Iterator[Tree]:
    """A pair more, round any part that is longer than one operand."""
    found = tokens(text)[:-1]
    ends = [t.column - 1 + len(t.body) for t in found]
    calls = {
        i + 1 for i, t in enumerate(found) if t.kind == "name" and found[i + 1 : i + 2] and found[i + 1].body == "("
    }
    for i, first in enumerate(found):
        if first.body in (")", ".T", "*", "/", "@", "**", ",", "=", "+") or i in calls:
            continue
        depth = 0
        for j in range(i, len(found)):
            depth += (found[j].body == "(") - (found[j].body == ")")
            if depth < 0 or (depth == 0 and found[j].body in (",", "=")):
                break
            whole = depth == 0 and (found[j].kind != "sign" or found[j].body in (")", ".T")) and j + 1 not in calls
            if whole and j > i:
                a, b = first.column - 1, ends[j]
                try:
                    yield tree_of(f"{text[:a]}({text[a:b]}){text[b:]}")
                except ParseError:
                    continue


def _factor(sizes: Sequence[str]) -> Callable[[Tree], Iterator[Tree]]:
    def changed(t: Tree) -> Iterator[Tree]:
        if t.kind == "number":
            return
        numbers = [Tree("number", "2", t.column)]
        numbers += [Tree("call", "dim", t.column, (Tree("name", n, t.column),)) for n in sizes]
        for n in numbers:
            yield _binary("*", n, t)
            yield _binary("/", t, n)

    return changed


def repairs(tree: Tree, text: str, sizes: Sequence[str]) -> Iterator[Repair]:
    """(misuse, the tree without it), the likely ones first; `text` is that of the tree."""
    ways: dict[str, Callable[[Tree], Iterator[Tree]]] = {
        **{"sign": _sign, "transpose": _transpose, "order": _order, "hadamard": _hadamard},
        "factor": _factor(sizes),
    }
    for misuse, way in ways.items():
        for changed in everywhere(tree, way):
            yield misuse, changed
        if misuse == "sign":
            for changed in _parentheses(text):
                yield "parentheses", changed


def everywhere(tree: Tree, way: Callable[[Tree], Iterator[Tree]]) -> Iterator[Tree]:
    """The tree with one part changed, in every place."""
    yield from way(tree)
    for i, part in enumerate(tree.parts):
        for changed in everywhere(part, way):
            yield replace(tree, parts=(*tree.parts[:i], changed, *tree.parts[i + 1 :]))
