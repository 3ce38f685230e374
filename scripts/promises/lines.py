"""How many lines of code the layer, loss and optimizer classes take: without docstrings, comments and blank lines.

    PYTHONPATH=scripts python -m promises.lines FOLDER

prints the count for a folder that holds a version of `nnmat`; it was made with `git archive COMMIT nnmat | tar -x`.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

ROOMS = ("layers", "losses", "optimizers")
ROOTS = {"Layer", "Loss", "Optimizer"}
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str:
                lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def classes(files: Iterable[Path]) -> dict[str, int]:
    """Each class that is a layer, a loss or an optimizer, with its lines of code, decorators included."""
    found: dict[str, tuple[set[str], int]] = {}
    for file in files:
        source = file.read_text(encoding="utf-8")
        code = code_lines(source)
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                bases = {b.id if isinstance(b, ast.Name) else getattr(b, "attr", "") for b in node.bases}
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                found[node.name] = bases, len(code & set(range(first, (node.end_lineno or first) + 1)))
    known = ROOTS & set(found)
    while more := {name for name, (bases, _) in found.items() if bases & known} - known:
        known |= more
    return {name: found[name][1] for name in sorted(known)}


def of_folder(folder: Path) -> dict[str, int]:
    """`classes` of the three rooms of `folder`/nnmat."""
    return classes(sorted(file for room in ROOMS for file in (folder / "nnmat" / room).rglob("*.py")))


if __name__ == "__main__":
    counted = of_folder(Path(sys.argv[1]))
    print(f"{sum(counted.values())} lines of {len(counted)} classes: {', '.join(counted)}")
