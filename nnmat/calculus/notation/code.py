"""Expressions as code: what `repr` prints, and what `parse` reads back to the same expression."""

from collections.abc import Callable, Iterable, MutableMapping
from fractions import Fraction

from ..dimensions import Dim
from .names import IN_CODE, decimal, options
from .node import Node
from .sharing import fresh, kind, length, operands_first, parts, taken

SUM, PRODUCT, MINUS, POWER, ATOM = range(5)
FAR = 10**308  # numbers that are read are smaller
ONE_LINE = 2_000  # signs of an expression that is one line of code


Line = tuple[str, str]  # a name, and what it stands for


def code(e: Node) -> str:
    """The expression in the language of `parse`: on one line, or, if that is long, with names for what is repeated."""
    sizes: dict[Node, int] = {}
    for x in operands_first(e, until=lambda x: False):
        sizes[x] = length(x, sizes)
    if sizes[e] <= ONE_LINE:
        return Coder().write(e)
    *given, (_, last) = program(e, Coder())
    return "\n".join([*(f"{name} = {body}" for name, body in given), last])


def program(e: Node, coder: "Coder", used: Iterable[str] = ()) -> list[Line]:
    """Lines of code: what is repeated or lies deep has one of its own, above those that need it. The last is `e`."""
    taken_names = {*taken(e), *used}
    lines: list[Line] = []
    for x in parts(e, coder.names):
        body = coder.write(x)
        coder.names[x] = fresh(kind(x), taken_names)
        lines.append((coder.names[x], body))
    return [*lines, ("", coder.write(e))]


class Coder:
    """Writes code; what stands in `names` by its name, and of each text no more than `limit` characters.

    `done` holds what was written before.
    """

    def __init__(
        self,
        done: MutableMapping[Node, tuple[str, int]] | None = None,
        names: dict[Node, str] | None = None,
        limit: int | None = None,
    ):
        self.done = {} if done is None else done
        self.names, self.limit = {} if names is None else names, limit

    def write(self, e: Node) -> str:
        for x in operands_first(e, until=self.is_written):
            body, strength = self.compose(x)
            self.done[x] = body[: self.limit], strength
        return self.at(e, SUM)

    def is_written(self, e: Node) -> bool:
        return e in self.done or e in self.names

    def at(self, e: Node, least: int) -> str:
        """The code of an operand, in parentheses if it binds less than `least`."""
        if e in self.names:
            return self.names[e]
        body, strength = self.done[e]
        return f"({body})" if strength < least else body

    def compose(self, e: Node) -> tuple[str, int]:
        """The code of a node whose operands are written, and how strongly it binds."""
        if e.op in ("sym", "ref"):
            return e.name, ATOM
        if e.op == "num":
            body = numeral(e.data)
            return body, PRODUCT if "/" in body else MINUS if e.data < 0 else ATOM
        if e.op == "add":
            return self.sum(e), SUM
        if e.op == "mul":
            return self.product(e), PRODUCT
        if e.op == "matmul":
            return " @ ".join(self.at(a, MINUS) for a in e.args), PRODUCT
        if e.op == "T":
            return self.at(e.args[0], ATOM) + ".T", ATOM
        if e.op == "pow":
            exponent = numeral(e.data)
            return f"{self.at(e.args[0], ATOM)} ** {f'({exponent})' if '/' in exponent else exponent}", POWER
        if e.op == "xpow":
            return " ** ".join(self.at(a, ATOM) for a in e.args), POWER
        if e.op == "slice":
            return f"{self.at(e.args[0], ATOM)}[{places(e)}]", ATOM
        return self.call(e), ATOM

    def sum(self, e: Node) -> str:
        body = self.at(e.args[0], PRODUCT)
        for a in e.args[1:]:
            term = self.at(a, PRODUCT)
            body += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
        return body

    def product(self, e: Node) -> str:
        first, *rest = e.args
        if first.op == "num" and first.data == -1 and rest[0].op != "num":
            body, rest = f"-{self.at(rest[0], POWER)}", rest[1:]
        else:
            body = self.at(first, PRODUCT)
        for a in rest:
            is_number = a is e.args[1] and first.op == "num" and a.op == "pow" and a.args[0].op == "num"  # 1 / 2 is one
            if a.op == "pow" and a.data == -1 and not is_number and a not in self.names:
                body += f" / {self.at(a.args[0], MINUS)}"
            else:
                body += f" * {self.at(a, MINUS)}"
        return body

    def call(self, e: Node) -> str:
        args = [self.at(a, SUM) for a in e.args]
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
            name, args = "padded", [*args, *(str(d) for d in (*e.data, *e.shape))]
        elif e.op in ("reshape", "kron_left", "kron_right", "commutation"):
            args += [str(d) for d in e.data]
        elif e.op == "conv":
            args += options(e.data)
        elif e.op in ("conv_input", "conv_kernel"):
            setting, shape = e.data
            args += [*(str(d) for d in shape), *options(setting)]
        if name == "max_rows":
            name, args = "max", [*args, "axis=1"]
        return f"{name}({', '.join(args)})"


def numeral(value: Fraction) -> str:
    """A number as `parse` reads it: digits, a quotient, or a quotient by a power of ten where float64 ends."""
    top, bottom = value.numerator, value.denominator
    if decimal(value):
        return decimal(value)
    if bottom >= FAR:
        zeros = _zeros(bottom)
        return f"{top}/{bottom // 10**zeros}/1e{zeros}"
    if abs(top) >= FAR:
        zeros = _zeros(top)
        return f"{top // 10**zeros}/{bottom}/1e-{zeros}"
    return str(value)


def _zeros(whole: int) -> int:
    digits = str(whole)
    return min(len(digits) - len(digits.rstrip("0")), 300)


def places(e: Node, written: Callable[[Dim], str] = str) -> str:
    """The rows and columns of a block: `0, i`, `0:2, :`; of a column its rows alone."""
    ends = list(zip(e.data, e.shape, e.args[0].shape, strict=True))
    if e.args[0].shape[1].constant == 1 and e.args[0].shape[0].constant != 1:
        ends = ends[:1]

    def place(first: Dim, length: Dim, whole: Dim) -> str:
        if length.constant == 1:
            return written(first)
        return ":" if length == whole else f"{written(first)}:{written(first + length)}"

    return ", ".join(place(*end) for end in ends)
