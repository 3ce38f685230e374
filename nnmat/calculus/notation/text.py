"""Expressions as people write them: `-B⁻ᵀ(((Aᵀx) ⊙ y ⊙ (1 - y)) zᵀ)B⁻ᵀ`.

A matrix product in an elementwise one, and the other way round, always stands in parentheses. In a product of more than
two factors a column times a row does, too: it is a matrix of rank one. LaTeX is written by the same code with other
tokens (`latex.py`).
"""

import math
import re
from fractions import Fraction

from ..dimensions import Dim, Floor
from .code import places
from .names import GREEK, IN_FORMULAS, IN_TEXT, decimal, options, printed
from .node import Node
from .sharing import fresh, kind, length, operands_first, repeated, taken

Nodes = tuple[Node, ...]
SUM, HADAMARD, PRODUCT, POSTFIX, ATOM = range(5)
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
TIGHT = re.compile(r"(?:[^\W\d_]|1|\(.*\)|\|.*\|)(?:⁻?[ᵀ¹])?", re.DOTALL)


class Writer:
    """Writes expressions; `write(e)` gives the whole, `at(e, strength)` an operand in the parentheses that it needs.

    What stands in an expression more than once may get a name: it is one of `names` from then on, and `page(e)` says
    what the names stand for. Names that would look alike are written as they were given.
    """

    hadamard, divide, kronecker, star, dots = " ⊙ ", " ⊘ ", " ⊗ ", " ⋆ ", "⋯"

    def __init__(self) -> None:
        self.done: dict[Node, tuple[str, int]] = {}
        self.names: dict[Node, str] = {}
        self.given: dict[Node, str] = {}  # names that were given elsewhere, for the same
        self.used: set[str] = set()  # names of symbols, quantities and sizes, as they are printed
        self.owners: dict[str, str] = {}  # what is printed, and the name that it is printed for
        self.sizes: dict[Node, int] = {}

    def write(self, e: Node) -> str:
        """The expression, and below it what its new names stand for."""
        body, meanings = self.page(e)
        return self.listed(body, meanings)

    def page(self, e: Node) -> tuple[str, list[tuple[str, str]]]:
        """The expression, and the names in it that are new, each with what it stands for, in the order of their use."""
        self.used |= taken(e)
        new = repeated(e, self.names)
        meanings = [(x, self.given.get(x) or fresh(kind(x), self.used)) for x in new]
        for x, name in meanings:
            self._compose(x)
            self.names[x] = name
        self._compose(e)
        return self.at(e, SUM), [(self.symbol(name), self.done[x][0]) for x, name in reversed(meanings)]

    def know(self, *others: Node) -> None:
        """No name is given that stands in these expressions."""
        for e in others:
            self.used |= taken(e)

    def size(self, e: Node) -> int:
        """About how many signs the expression has when it is written out."""
        for x in operands_first(e, until=self.sizes.__contains__):
            self.sizes[x] = length(x, self.sizes)
        return self.sizes[e]

    def _compose(self, e: Node) -> None:
        """The text of a node and of all that it is made of, operands first."""
        for x in operands_first(e, until=lambda x: x in self.done or x in self.names):
            self.done[x] = self.compose(x)

    def at(self, e: Node, least: int) -> str:
        body, strength = self.part(e)
        return self.parens(body) if strength < least else body

    def part(self, e: Node) -> tuple[str, int]:
        if e in self.names:
            return self.symbol(self.names[e]), ATOM
        if e not in self.done:
            self._compose(e)
        return self.done[e]

    def op(self, e: Node) -> str:
        """The operator of what is written; of what has a name, none."""
        return "sym" if e in self.names else e.op

    def symbol(self, name: str) -> str:
        """A name; as it was given, if another name is printed like it."""
        owner = self.owners.setdefault(printed(name), name)
        return self.letter(name) if owner == name else self.plain(name)

    # What LaTeX writes in another way.
    def parens(self, body: str) -> str:
        return f"({body})"

    def listed(self, body: str, meanings: list[tuple[str, str]]) -> str:
        rows = [f"\n    {' and' if i else 'with'} {name} = {m}" for i, (name, m) in enumerate(meanings)]
        return "".join([body, *rows])

    def letter(self, name: str) -> str:
        stem = re.match("_*[^_0-9]*", name)[0]  # type: ignore[index]
        return GREEK.get(stem, stem) + name[len(stem) :]

    def plain(self, name: str) -> str:
        return name

    def transposed(self, body: str) -> str:
        return body[:-2] + "⁻ᵀ" if body.endswith("⁻¹") else body + "ᵀ"

    def inverted(self, body: str) -> str:
        return body + "⁻¹"

    def raised(self, body: str, p: Fraction, scalar: bool) -> str:
        if not scalar:
            return f"{body}^⊙{p if p.denominator == 1 and p > 0 else f'({p})'}"
        return body + (str(p).translate(SUPERSCRIPT) if p.denominator == 1 else f"^({p})")

    def exponent(self, body: str, p: "str | Fraction", plain: bool = True) -> str:
        """A power of a matrix, or by an expression: `plain` without the sign of what works element by element."""
        if isinstance(p, Fraction):
            return self.raised(body, p, True)
        return f"{body}^{'' if plain else '⊙'}{p if len(p) == 1 else self.parens(p)}"

    def plus(self, body: str) -> str:
        return body + "⁺"

    def index(self, body: str, inside: str) -> str:
        return f"{body}[{inside}]"

    def fraction(self, top: str, bottom: str) -> str:
        return f"{top}/{bottom}"

    def ratio(self, value: Fraction) -> str:
        return self.with_pi(value) or decimal(value) or str(value)

    def with_pi(self, value: Fraction) -> str:
        """A number as a multiple of π, if it is one and no symbol has that name."""
        found = None if "π" in self.used else multiple_of_pi(value)
        if found is None:
            return ""
        k, above, below = found
        top = f"{abs(k.numerator)}{above}" if abs(k.numerator) != 1 or not above else above
        bottom = f"{k.denominator}{below}" if k.denominator != 1 or not below else below
        sign = "-" if k < 0 else ""
        return sign + (
            top if bottom == "1" else f"{top}/{self.parens(bottom) if len(bottom) > len(below) > 0 else bottom}"
        )

    def dimension(self, d: Dim) -> str:
        return d.written(" ", lambda atom: self.symbol(atom) if isinstance(atom, str) else self.floor(atom))

    def floor(self, atom: Floor) -> str:
        return f"floor(({self.dimension(atom.top)})/{atom.bottom})"

    def function(self, name: str) -> str:
        sign = IN_TEXT.get(name, name)
        return sign if sign not in self.used else self.word(name)  # a symbol σ is no function

    def call(self, name: str, *args: str) -> str:
        return f"{name}({', '.join(args)})"

    def word(self, name: str) -> str:
        return name

    def fence(self, left: str, body: str, right: str) -> str:
        return f"{left}{body}{right}"

    def index_below(self, body: str, sign: str) -> str:
        return body + {"*": "_*", "2": "₂"}[sign]

    def tight(self, body: str) -> bool:
        return TIGHT.fullmatch(body) is not None

    def gradient_of(self, name: str) -> str:
        variable, _, function = name.partition(" ")
        return f"∇_{self.symbol(variable)} {self.symbol(function)}"

    # The grammar of the mathematics.
    def compose(self, e: Node) -> tuple[str, int]:
        if e.op == "sym" or (e.op == "ref" and not e.data.startswith("∇_")):
            return self.symbol(e.name), ATOM
        if e.op == "ref":
            return self.gradient_of(e.data[2:]), HADAMARD
        if e.op == "num":
            return self.ratio(e.data), ATOM if e.data >= 0 and e.data.denominator == 1 else HADAMARD
        if e.op == "dim":
            factors = [len(product) + (factor != 1) for product, factor in e.data.terms]
            return self.dimension(e.data), SUM if len(factors) > 1 else HADAMARD if factors[0] > 1 else ATOM
        if e.op == "add":
            return self.sum(e), SUM
        if e.op == "mul":
            return self.product(e.args), HADAMARD
        if e.op == "matmul" and self.is_square(e):
            return self.raised(self.fence("‖", self.at(e.args[1], SUM), "‖"), Fraction(2), True), POSTFIX
        if e.op == "matmul":
            body = self.matmul(e.args[:1], e.args[1:])
            return body, HADAMARD if body.startswith("-") else PRODUCT
        if e.op == "T":
            upright = self.op(e.args[0]) in ("inv", "ones")
            return self.transposed(self.at(e.args[0], POSTFIX if upright else ATOM)), POSTFIX
        if e.op == "inv":
            return self.inverted(self.at(e.args[0], ATOM)), POSTFIX
        if e.op == "pow":
            return self.raised(self.at(e.args[0], ATOM), e.data, e.is_scalar), POSTFIX
        if e.op == "mpow":
            n = e.data.constant
            p = self.dimension(e.data) if n is None else Fraction(n)
            return self.exponent(self.at(e.args[0], ATOM), p), POSTFIX
        if e.op == "xpow":
            body = self.write(e.args[1])
            return self.exponent(self.at(e.args[0], ATOM), body, e.is_scalar), POSTFIX
        if e.op in ("pinv", "pinv_full"):
            return self.plus(self.at(e.args[0], ATOM)), POSTFIX
        if e.op == "slice":
            return self.index(self.at(e.args[0], ATOM), places(e, self.dimension)), POSTFIX
        if e.op == "ones":
            return self.ones(e)
        if e.op == "d":
            x = e.args[0]
            bare = x.op in ("sym", "ref") and f"d{printed(x.name)}" not in self.used
            return f"d{self.at(x, ATOM) if bare else self.parens(self.at(x, SUM))}", ATOM
        if e.op == "inner":
            return self.inner(e), ATOM
        if e.op in ("kron", "conv") and (e.op == "kron" or not options(e.data)):
            sign = self.kronecker if e.op == "kron" else self.star
            return sign.join(self.at(a, POSTFIX) for a in e.args), HADAMARD
        return self.named(e), ATOM

    def is_square(self, e: Node) -> bool:
        """uᵀu of a u that is a sum or an elementwise product: ‖u‖²."""
        left, right = e.args[0], e.args[-1]
        plain = left.op == "T" and left.args[0] is right and e.is_scalar and len(e.args) == 2
        return plain and self.op(right) in ("add", "mul") and not right.has_differential

    def named(self, e: Node) -> str:
        args = [self.at(a, SUM) for a in e.args]
        if e.op == "zeros":
            return "0"
        if e.op == "eye":
            return "I" if "I" not in self.used else self.call(self.word("eye"), self.dimension(e.shape[0]))
        if e.op == "fn":
            return self.call(self.function(e.data), *args)
        if e.op == "det":
            return self.fence("|", args[0], "|")
        if e.op == "logdet":
            return self.word("log") + self.fence("|", args[0], "|")
        if e.op == "norm":
            return self.fence("‖", args[0], "‖")
        if e.op in ("nuclear", "spectral"):
            return self.index_below(self.fence("‖", args[0], "‖"), "*" if e.op == "nuclear" else "2")
        name = IN_FORMULAS.get(e.op, e.op)
        if e.op in ("softmax", "log_softmax", "lse", "max", "at_max") and e.data == "rows":
            name += "_rows"
        if e.op == "reshape":
            if str(e.shape[1]) == "1" and str(e.shape[0]) != "1":
                name = "vec"
            else:
                args += [self.dimension(d) for d in e.shape]
        if e.op == "commutation":
            args = [self.dimension(d) for d in e.data]
        if e.op == "mpow_frechet":
            args.append(self.dimension(e.data))
        if e.op == "embed":
            name, args = "padded", [*args, *(self.dimension(d) for d in (*e.data, *e.shape))]
        if e.op in ("conv", "conv_input", "conv_kernel"):
            args += options(e.data if e.op == "conv" else e.data[0])
        return self.call(self.word(name), *args)

    def ones(self, e: Node) -> tuple[str, int]:
        rows, columns = (d.constant == 1 for d in e.shape)
        if columns:
            return "1", ATOM
        return (self.transposed("1"), POSTFIX) if rows else ("1 " + self.transposed("1"), PRODUCT)

    def inner(self, e: Node) -> str:
        a, b = e.args
        if not b.has_differential:
            return self.fence("⟨", f"{self.at(a, SUM)}, {self.at(b, SUM)}", "⟩")
        inside = self.at(b, PRODUCT)
        if a.op == "num" and a.data == 1:
            return self.call(self.word("Tr"), self.at(b, SUM))
        left = self.at(a, PRODUCT) if a.is_scalar else self.transposed(self.at(a, ATOM))
        return self.call(self.word("Tr"), f"{left} {inside}")

    def sum(self, e: Node) -> str:
        return self.joined([self.spread(self.at(a, HADAMARD), a, e) for a in e.args])

    def joined(self, terms: list[str]) -> str:
        """The sum of terms that are written; one without a minus comes first."""
        first = next((i for i, t in enumerate(terms) if not t.startswith("-")), 0)
        terms.insert(0, terms.pop(first))
        return terms[0] + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in terms[1:])

    def spread(self, body: str, a: Node, whole: Node) -> str:
        """A term; a scalar that is added to every entry as λ 1 in a column, λ 1 1ᵀ in a matrix, if it is not 1."""
        if not a.is_scalar or whole.is_scalar or body in ("1", "-1"):
            return body
        rows, columns = (d.constant == 1 for d in whole.shape)
        ones = " ".join(["1"] * (not rows) + [self.transposed("1")] * (not columns))
        fraction = self.op(a) == "num" and a.data.denominator != 1
        return self.product(a.args or (a,), ones) if self.op(a) == "mul" or fraction else f"{body} {ones}"

    def product(self, args: Nodes, ones: str = "") -> str:
        """An elementwise product; of scalars with the matrix of `ones`, which is written like that."""
        value, rest = Fraction(1), []
        for a in args:
            if a.op == "num":
                value *= a.data
            else:
                rest.append(a)
        below = [a for a in rest if self.op(a) == "pow" and a.data < 0 and (a.is_scalar or len(rest) > 1)]
        above = [a for a in rest if a not in below]
        if not above:  # 1/A is written A^⊙(-1), and further divisors follow it
            above = [a for a in below if not a.is_scalar][:1]
            below = [a for a in below if a not in above]
        small = [a for a in above if a.is_scalar]
        big = [a for a in above if not a.is_scalar]
        parts = [] if ones else big or small
        core = ones or self.factors(parts, self.hadamard if big else " ")
        if any(not a.is_scalar for a in below):
            bottom = [self.divisor(a) for a in below if not a.is_scalar]
            core, parts = self.divide.join([self.loose(core, parts), *bottom]), []
        sign = "-" if value < 0 else ""
        front = [self.at(a, POSTFIX) for a in small] if big or ones else []
        number = [self.ratio(abs(value))] if abs(value) != 1 or not rest else []
        under = [self.divisor(a) for a in below if a.is_scalar]
        if under:
            if abs(value).denominator != 1 and not decimal(value):
                under.insert(0, str(abs(value).denominator))
                number = [str(abs(value.numerator))] if abs(value.numerator) != 1 else []
            bottom_text = under[0] if len(under) == 1 else self.parens(" ".join(under))
            single = (len(parts) == 1 and self.op(parts[0]) == "ones" and 1 in self._sizes(parts[0])) or core == "1"
            if number and not big and not ones:  # 2 a/b, of scalars
                front, core = [self.at(a, POSTFIX) for a in small], ""
            if not front and not number and core and not single:
                return sign + self.fraction(self.loose(core, parts), bottom_text)
            top = " ".join([*number, *front]) or "1"
            scale = self.fraction(top, bottom_text)
            return sign + (f"{self.parens(scale)} {core}" if core else scale)
        if number and abs(value).denominator != 1 and (not self.with_pi(value) or "/" in number[0]):
            number = [self.parens(number[0])]
        return sign + " ".join([*number, *front, *([core] if core else [])])

    def _sizes(self, e: Node) -> list[int | None]:
        return [d.constant for d in e.shape]

    def factors(self, parts: list[Node], sign: str) -> str:
        if len(parts) == 1:
            return self.at(parts[0], PRODUCT)
        return sign.join(self.at(a, POSTFIX) for a in parts)

    def loose(self, body: str, parts: list[Node]) -> str:
        """The top of a fraction, in parentheses unless it is one thing."""
        strength = self.part(parts[0])[1] if len(parts) == 1 else PRODUCT
        return body if strength >= POSTFIX or strength < PRODUCT else self.parens(body)  # a sum has its parentheses

    def divisor(self, a: Node) -> str:
        """What a negative power divides by."""
        body = self.at(a.args[0], ATOM)
        return body if a.data == -1 else self.parens(self.raised(body, -a.data, a.is_scalar))

    def matmul(self, first: Nodes, others: Nodes) -> str:
        """The matrix product of the elementwise product `first` with `others`; a minus goes to the front of all."""
        if len(first) == 1 and self.op(first[0]) == "mul":
            first = first[0].args
        if len(first) == 1 and self.op(first[0]) == "matmul":
            return self.matmul(first[0].args[:1], (*first[0].args[1:], *others))
        if len(first) > 1 and first[0].op == "num" and first[0].data == -1:
            return "-" + self.matmul(first[1:], others)
        head = self.at(first[0], POSTFIX) if len(first) == 1 else self.parens(self.product(first))
        parts = [head, *(self.at(a, POSTFIX) for a in others)]
        cut = next((i for i, a in enumerate(others, 1) if a.shape[0].constant == 1), None)
        if cut is not None and len(parts) == 2:
            return " ".join(parts)
        if cut is not None:
            parts[cut - 1 : cut + 1] = [self.parens(f"{parts[cut - 1]} {parts[cut]}")]
        return ("" if all(self.tight(p) for p in parts) else " ").join(parts)


PI, ROOT = Fraction(repr(math.pi)), Fraction(repr(math.sqrt(math.pi)))
MANY = 10**6  # below it a fraction is written as one
POWERS = ((PI, "π", ""), (PI * PI, "π²", ""), (1 / PI, "", "π"), (1 / ROOT, "", "√π"), (ROOT, "√π", ""))


def multiple_of_pi(value: Fraction) -> tuple[Fraction, str, str] | None:
    """k and the power of π of value = k π, to the digits of a float: above and below the line; k of small numbers."""
    if value.denominator <= MANY:
        return None
    for power, above, below in POWERS:
        k = value / power
        near = k.limit_denominator(60)
        if near and abs(near.numerator) < 1000 and abs(k - near) <= abs(near) * Fraction(1, 10**15):
            return near, above, below
    return None
