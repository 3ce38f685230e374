"""Questions: what a text leaves open about shapes, asked with the declarations that answer it."""

from collections.abc import Iterable, Sequence

from ..notation.names import is_greek
from .grammar import Tree

AS = {
    "matrix": "a matrix as {0}=('M', 'N') or --shape {0}=M,N",
    "column": "a column as {0}=('N',) or --shape {0}=N",
    "scalar": "a scalar as {0}=() or --shape {0}=1",
}


def declaring(names: Iterable[str], kinds: Iterable[str] = AS) -> str:
    """How these names are declared, in `parse` and on the command line; empty for none."""
    several = list(dict.fromkeys(names))
    ways = [AS[kind].format(several[0]) for kind in kinds] if several else []
    return f"Declare {', '.join(several)}: {', '.join(ways)}." if several else ""


def scalar_or(kind: str, names: Iterable[str]) -> str:
    """The question that names leave where they could be scalars as well as of this kind, column or matrix."""
    several = sorted(names)
    what = f"{several[0]} is a {kind} or a scalar" if len(several) == 1 else f"{' and '.join(several)} are {kind}s"
    return f"expected to know whether {what} here, got no sign of it. {declaring(several, (kind, 'scalar'))}"


def hint(operator: str, left: str, right: str, kinds: Sequence[str]) -> str:
    """What was probably meant where two operands do not fit; `kinds` are theirs: scalar, row, column or matrix."""
    if operator == "*":
        return f"`*` works element by element; the matrix product is {left} @ {right}."
    if operator == "/":
        return "`/` works element by element; a matrix divides as inv(A)."
    if operator == "@" and list(kinds) == ["column", "column"]:
        return f"The inner product of two columns is {left}.T @ {right}."
    if operator == "@" and "scalar" in kinds:
        return "A scalar multiplies with `*`."
    if operator == "@" and list(kinds) == ["column", "matrix"]:
        return f"A column on the left of a matrix is transposed: {left}.T @ {right}."
    if operator in ("+", "-") and sorted(kinds) == ["column", "matrix"]:
        return "To every row of a matrix a row is added, as b.T; to every column a column, as b @ ones(n).T."
    return "Check the transposes."


def guessed(name: str) -> str:
    """What the name of an undeclared symbol makes of it: matrix, column, or a Greek name, which is mostly a scalar."""
    return "greek" if is_greek(name) else "matrix" if name[0].isupper() else "column"


def source(tree: Tree) -> str:
    """A tree as text, for a message; what is long is left out."""
    text = _source(tree)
    return text if len(text) <= 40 else "(...)"


def _source(tree: Tree) -> str:
    if tree.kind in ("number", "name"):
        return tree.body
    parts = [_source(p) for p in tree.parts]
    if tree.kind == "sign":
        return f"-{parts[0]}"
    if tree.kind == "binary":
        return f"({parts[0]} {tree.body} {parts[1]})" if tree.body != "**" else f"{parts[0]} ** {parts[1]}"
    if tree.body == ".T":
        return f"{parts[0]}.T"
    if tree.kind == "index":
        return f"{parts[0]}[...]"
    return f"{tree.body}({', '.join(parts)})"
