"""Questions: what a text leaves open about shapes, asked with the declarations that answer it."""

from collections.abc import Iterable

from ..notation.names import is_greek
from .grammar import Tree


def declaring(names: Iterable[str], matrices: bool = False) -> str:
    """How the shapes of these names are declared, in `parse` and on the command line."""
    kinds = {name: ("M", "N") if matrices or name[0].isupper() else ("N",) for name in dict.fromkeys(names)}
    if not kinds:
        return ""
    called = ", ".join(f"{name}={sizes!r}" for name, sizes in kinds.items())
    typed = " ".join(f"--shape {name}={','.join(sizes)}" for name, sizes in kinds.items())
    first = next(iter(kinds))
    return f"Declare what is meant: {called} in parse, {typed} in the command; a scalar is {first}=() or {first}=1."


def scalar_or_column(names: Iterable[str]) -> str:
    """The question that a Greek name leaves where it could be either."""
    several = sorted(names)
    either = " or ".join(f"{name}=()" for name in several[:1])
    columns = ", ".join(f"{name}=('N',)" for name in several)
    typed = " ".join(f"--shape {name}=N" for name in several)
    return (
        f"expected to know whether {', '.join(several)} {'is' if len(several) == 1 else 'are'} scalar or column, got "
        f"{'a name' if len(several) == 1 else 'names'} that could be either. Declare {columns} in parse, {typed} in the "
        f"command, for a column; {either}, --shape {several[0]}=1 for a scalar."
    )


def hint(operator: str, left: str, right: str, kinds: tuple[str, str]) -> str:
    """What was probably meant where two operands do not fit; `kinds` are theirs: scalar, row, column or matrix."""
    if operator == "*":
        return f"`*` works element by element; the matrix product is {left} @ {right}."
    if operator == "/":
        return f"`/` works element by element; try inv(...) @ ..., or a scalar, for {right}."
    if operator == "@" and kinds == ("column", "column"):
        return f"The inner product of two columns is {left}.T @ {right}."
    if operator == "@" and "scalar" in kinds:
        return "A scalar multiplies with `*`."
    if operator == "@" and kinds == ("column", "matrix"):
        return f"A column on the left of a matrix is transposed: {left}.T @ {right}."
    if operator in "+-" and sorted(kinds) == ["column", "matrix"]:
        column = left if kinds[0] == "column" else right
        return f"To every row of a matrix a row is added, {column}.T; to every column {column} @ ones(n).T."
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
    return f"{tree.body}({', '.join(parts)})"
