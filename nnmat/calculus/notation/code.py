"""Expressions as code: what `repr` prints, and what `parse` reads back to the same expression."""

from collections.abc import Callable

from ..dimensions import Dim
from .names import IN_CODE, options
from .node import Node

SUM, PRODUCT, MINUS, POWER, ATOM = range(5)


def code(e: Node) -> str:
    """The expression in the language of `parse`."""
    return _code(e)[0]


def _at(e: Node, least: int) -> str:
    """The code of an operand, in parentheses if it binds less than `least`."""
    body, strength = _code(e)
    return f"({body})" if strength < least else body


def _code(e: Node) -> tuple[str, int]:
    if e.op in ("sym", "ref"):
        return e.name, ATOM
    if e.op == "num":
        body = str(e.data)
        return body, PRODUCT if "/" in body else MINUS if e.data < 0 else ATOM
    if e.op == "add":
        return _sum(e), SUM
    if e.op == "mul":
        return _product(e)
    if e.op == "matmul":
        return " @ ".join(_at(a, MINUS) for a in e.args), PRODUCT
    if e.op == "T":
        return _at(e.args[0], ATOM) + ".T", ATOM
    if e.op == "pow":
        exponent = str(e.data)
        return f"{_at(e.args[0], ATOM)} ** {f'({exponent})' if '/' in exponent else exponent}", POWER
    if e.op == "xpow":
        return " ** ".join(_at(a, ATOM) for a in e.args), POWER
    if e.op == "slice":
        return f"{_at(e.args[0], ATOM)}[{places(e)}]", ATOM
    return _call(e), ATOM


def places(e: Node, written: Callable[[Dim], str] = str) -> str:
    """The rows and columns of a block: `0, i`, `0:2, 1:N`."""
    ends = [(first, length) for first, length in zip(e.data, e.shape, strict=True)]
    if e.args[0].shape[1].constant == 1 and e.args[0].shape[0].constant != 1:
        ends = ends[:1]  # of a column
    return ", ".join(
        written(first) if length.constant == 1 else f"{written(first)}:{written(first + length)}" for first, length in ends
    )


def _sum(e: Node) -> str:
    body = _at(e.args[0], PRODUCT)
    for a in e.args[1:]:
        term = _at(a, PRODUCT)
        body += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
    return body


def _product(e: Node) -> tuple[str, int]:
    first, *rest = e.args
    if first.op == "num" and first.data == -1 and rest[0].op != "num":
        body, rest = f"-{_at(rest[0], POWER)}", rest[1:]
    else:
        body = _at(first, PRODUCT)
    for a in rest:
        if a.op == "pow" and a.data == -1:
            body += f" / {_at(a.args[0], MINUS)}"
        else:
            body += f" * {_at(a, MINUS)}"
    return body, PRODUCT


def _call(e: Node) -> str:
    args = [_code(a)[0] for a in e.args]
    name = IN_CODE.get(e.op, e.op)
    if e.op == "fn":
        name = e.data
    elif e.op in ("softmax", "log_softmax", "lse", "max", "at_max"):
        name += "_rows" if e.data == "rows" else ""
    elif e.op in ("ones", "zeros"):
        args = [str(d) for d in e.shape]
    elif e.op == "eye":
        args = [str(e.shape[0])]
    elif e.op == "dim":
        args = [str(e.data)]
    elif e.op in ("mpow", "mpow_frechet"):
        args.append(str(e.data))
    elif e.op == "embed":
        args += [str(d) for d in (*e.data, *e.shape)]
    elif e.op in ("reshape", "kron_left", "kron_right"):
        args += [str(d) for d in e.data]
    elif e.op == "conv":
        args += options(e.data)
    elif e.op in ("conv_input", "conv_kernel"):
        setting, shape = e.data
        args += [*(str(d) for d in shape), *options(setting)]
    if name == "max_rows":
        name, args = "max", [*args, "axis=1"]
    return f"{name}({', '.join(args)})"
