"""A sheet: a file with a function, the variable, and the lines that somebody wrote below them.

f = x.T @ A @ y
wrt A
shape A = M, N
let h = B @ z
df = x.T @ dA @ y
gradient = x @ y.T
"""

import re
from dataclasses import dataclass

from ..errors import ParseError

HEAD = re.compile(r"(wrt|shape|let)\s+(.+)")


@dataclass(frozen=True)
class Sheet:
    """What a sheet says. `lines` are all of its lines, without those that are read here: line 3 stays line 3."""

    expression: str
    wrt: str
    shapes: list[str]
    lets: list[str]
    lines: list[str]


def read_sheet(text: str, wrt: str = "") -> Sheet:
    """The sheet of a text; `wrt` is the variable if the text names none. Raises ParseError with the line."""
    expression = ""
    found: dict[str, list[str]] = {"wrt": [], "shape": [], "let": []}
    lines: list[str] = []
    for n, line in enumerate(text.splitlines(), 1):
        body = line.partition("#")[0].strip()
        head = HEAD.fullmatch(body)
        left, sign, right = body.partition("=")
        if head is not None:
            if any(x.partition("#")[0].strip() for x in lines):
                raise ParseError(f"line {n}: expected wrt, shape and let above the lines to grade", line, 1)
            found[head[1]].append(re.sub(r"\s*=\s*", "=", head[2], count=1))
        elif not expression and sign and left.strip() == "f":
            expression = right.strip()
        else:
            lines.append(line)
            continue
        lines.append("")
    if not expression:
        raise ParseError("line 1: expected a line f = ... with the function, got none", text.partition("\n")[0], 1)
    variables = found["wrt"] or [wrt]
    if len(variables) != 1 or not variables[0]:
        raise ParseError("line 1: expected one line wrt NAME with the variable", text.partition("\n")[0], 1)
    return Sheet(expression, variables[0], found["shape"], found["let"], lines)
