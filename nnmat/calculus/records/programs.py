"""The gradient of a record as lines of code: in the language of `parse`, or as a function of arrays with NumPy."""

from ..dimensions import show
from ..language.expr import Expr, nodes, ordered
from ..notation.arrays import ArrayCoder
from ..notation.code import Coder, Line, program
from ..notation.sharing import taken
from .record import Record


def python_code(d: Record) -> str:
    """Quantities and repeated parts as `name = ...`, and last the gradient; `parse` reads it back."""
    symbols = ", ".join(f"{s.name} {show(s.shape)}" for s in _symbols(d.gradient))
    lines = [f"{name} = {body}" for name, body in _lines(d.gradient, Coder(), "gradient")]
    return "\n".join([*([f"# {symbols}"] if symbols else []), *lines])


def numpy_code(d: Record) -> str:
    """A function of the arrays that are needed. Raises NotDerivable for an operator that NumPy has no form of."""
    coder = ArrayCoder()
    body = _lines(d.gradient, coder, "result")
    symbols = _symbols(d.gradient)
    sizes = {n for x in nodes(d.gradient) for size in coder.sizes(x) for n in size.names}
    shown, given = [], [s.name for s in symbols]
    for name in sorted(sizes - set(given)):
        found = [(s, i) for s in symbols for i, size in enumerate(s.shape) if str(size) == name]
        if found:
            shown.append(f"{coder.safe(name)} = {coder.safe(found[0][0].name)}.shape[{found[0][1]}]")
        else:
            given.append(name)
    arrays = [f"{coder.safe(s.name)} = {coder.array(s)}" for s in symbols]
    arguments = ", ".join(map(coder.safe, given))
    end = coder.returned(d.gradient, "result")
    lines = [*arrays, *shown, *(f"{coder.safe(name)} = {text}" for name, text in body), f"return {end}"]
    head = ["import numpy as np", *coder.helpers()]
    return "\n".join([*head, "", "", f"def gradient({arguments}):", *(f"    {line}" for line in lines)])


def _symbols(e: Expr) -> list[Expr]:
    return sorted(e.free, key=lambda s: s.name)


def _lines(gradient: Expr, coder: Coder, last: str) -> list[Line]:
    """The quantities that the gradient needs, each in terms of those before it, and the gradient."""
    used = {*taken(gradient), last}
    quantities = [x for x in ordered(gradient) if x.op == "ref"]
    for x in quantities:
        used |= taken(x.args[0])
    lines: list[Line] = []
    for x in [*quantities, gradient]:
        inside = x.args[0] if x in quantities and x is not gradient else x
        *parts, (_, body) = program(inside, coder, used)
        used |= {name for name, _ in parts}
        lines += [*parts, (x.name if inside is not x else last, body)]
    return lines
