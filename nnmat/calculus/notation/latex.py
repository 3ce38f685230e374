"""Expressions in LaTeX, by the grammar of `text.py` with other tokens."""

import re
from fractions import Fraction

from ..dimensions import Floor
from .names import GREEK, IN_LATEX, IN_TEXT, decimal
from .node import Node
from .text import Nodes, Writer


class LatexWriter(Writer):
    """The tokens of LaTeX."""

    hadamard, divide, kronecker, star = r" \odot ", r" \oslash ", r" \otimes ", r" \star "
    dots = r"\cdots"

    def parens(self, body: str) -> str:
        return rf"\left({body}\right)"

    def listed(self, body: str, meanings: list[tuple[str, str]]) -> str:
        if not meanings:
            return body
        rows = [rf"&\text{{{'and' if i else 'with'}}}\ {name} = {m}" for i, (name, m) in enumerate(meanings)]
        return r"\begin{aligned}&" + " \\\\\n".join([body, *rows]) + r"\end{aligned}"

    def plain(self, name: str) -> str:
        return rf"\mathit{{{name.replace('_', chr(92) + '_')}}}"

    def letter(self, name: str) -> str:
        stem = name.rstrip("0123456789")
        digits = name[len(stem) :]
        stem, _, tail = stem.partition("_")
        if not stem:  # _, _x, which have no letter for the index to stand at
            return self.plain(name)
        letters = {v: k for k, v in GREEK.items()}
        word = "\\" + letters.get(stem, stem) if stem in GREEK or stem in letters else stem
        if len(stem) > 1 and stem not in GREEK:
            word = rf"\mathit{{{stem}}}"
        below = (tail.replace("_", r"\_") + digits) if tail or digits else ""
        return f"{word}_{{{below}}}" if below else word

    def transposed(self, body: str) -> str:
        return body[:-5] + r"^{-\top}" if body.endswith("^{-1}") else body + r"^{\top}"

    def inverted(self, body: str) -> str:
        return body + "^{-1}"

    def raised(self, body: str, p: Fraction, scalar: bool) -> str:
        return f"{body}^{{{p}}}" if scalar else rf"{body}^{{\odot {p}}}"

    def exponent(self, body: str, p: "str | Fraction", plain: bool = True) -> str:
        return f"{body}^{{{'' if plain else chr(92) + 'odot '}{p}}}"

    def plus(self, body: str) -> str:
        return body + "^{+}"

    def index(self, body: str, inside: str) -> str:
        below = rf"_{{[{inside}]}}"
        return f"{{{body}}}{below}" if body.endswith("}") and "_" in body else body + below  # no two of one letter

    def index_below(self, body: str, sign: str) -> str:
        return f"{body}_{{{sign}}}"

    def fraction(self, top: str, bottom: str) -> str:
        return rf"\frac{{{_bare(top)}}}{{{_bare(bottom)}}}"

    def floor(self, atom: Floor) -> str:
        return rf"\left\lfloor {self.fraction(self.dimension(atom.top), str(atom.bottom))} \right\rfloor"

    def with_pi(self, value: Fraction) -> str:
        text = super().with_pi(value).replace("π²", r"\pi^{2}").replace("√π", r"\sqrt{π}").replace("π", r"\pi")
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        top, line, bottom = text.partition("/")
        return sign + (self.fraction(top, bottom) if line else text)  # the bar needs no parentheses

    def ratio(self, value: Fraction) -> str:
        if self.with_pi(value):
            return self.with_pi(value)
        if value.denominator == 1:
            return _power_of_ten(decimal(value)) or str(value)
        if decimal(value):
            return _power_of_ten(decimal(value))
        return rf"{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"

    def function(self, name: str) -> str:
        known = IN_LATEX.get(name)
        return known if known and IN_TEXT.get(name) not in self.used else self.word(name)

    def call(self, name: str, *args: str) -> str:
        return rf"{name}\left({', '.join(args)}\right)"

    def word(self, name: str) -> str:
        return rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"

    def fence(self, left: str, body: str, right: str) -> str:
        signs = {
            "|": (r"\left|", r"\right|"),
            "‖": (r"\left\|", r"\right\|"),
            "⟨": (r"\left\langle ", r"\right\rangle "),
        }
        before, after = signs[left]
        return f"{before}{body}{after}"

    def tight(self, body: str) -> bool:
        return False  # LaTeX sets its own spaces

    def compose(self, e: Node) -> tuple[str, int]:
        body, strength = super().compose(e)
        return (rf"\mathrm{{d}}{body[1:]}", strength) if e.op == "d" else (body, strength)

    def matmul(self, first: Nodes, others: Nodes) -> str:
        """A differential ends before the next factor: dB B⁻¹ is no dBB⁻¹."""
        return re.sub(r"(\\mathrm\{d\}[^ ]+) ", r"\1 \\, ", super().matmul(first, others))

    def gradient_of(self, name: str) -> str:
        variable, _, function = name.partition(" ")
        return rf"\nabla_{{{self.symbol(variable)}}} {self.symbol(function)}"


def _bare(body: str) -> str:
    """Without the parentheses round it, which the bar of a fraction makes needless."""
    left, right = r"\left(", r"\right)"
    whole = body.startswith(left) and body.endswith(right) and body.count(left) == 1
    return body[len(left) : -len(right)] if whole else body


def _power_of_ten(written: str) -> str:
    """2e-20 as 2 times a power of ten."""
    digits, sign, exponent = written.partition("e")
    return rf"{digits} \times 10^{{{int(exponent)}}}" if sign else written
