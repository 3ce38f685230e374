"""Formulas in MathML, which browsers show without help: made of the LaTeX that `latex.py` writes, and of no other."""

import re
from html import escape

from .names import GREEK

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
SIGNS = {
    r"\odot": "⊙",
    r"\oslash": "⊘",
    r"\otimes": "⊗",
    r"\star": "⋆",
    r"\times": "×",
    r"\to": "→",
    r"\cdots": "⋯",
    r"\|": "‖",
    r"\_": "_",
    r"\langle": "⟨",
    r"\rangle": "⟩",
    r"\lfloor": "⌊",
    r"\rfloor": "⌋",
    "-": "−",
}
SPACES = {r"\ ", r"\,", r"\quad"}
SPACE = '<mspace width="0.14em"/>'
LETTERS = {rf"\{name}": letter for name, letter in GREEK.items()} | {r"\varphi": "φ", r"\nabla": "∇", r"\top": "⊤"}
FUNCTIONS = {"exp", "log", "tanh", "sin", "cos", "tan", "arctan", "sinh", "cosh"}
UPRIGHT = {r"\operatorname", r"\mathrm", r"\text"}
MARKED = r"\marked"  # \marked{...}, which LaTeX does not know: a part that is pointed at


def mathml(latex: str) -> str:
    """A formula as one `<math>` element. Raises ValueError for LaTeX that this package does not write."""
    return f"<math><mrow>{_Reader(latex).row()}</mrow></math>"


class _Reader:
    """Reads a formula from left to right: rows of atoms, each with what stands above and below it."""

    def __init__(self, latex: str):
        self.tokens, self.at = TOKEN.findall(latex), 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def row(self, end: str = "") -> str:
        """What comes before `end`, which is read too."""
        found: list[str] = []
        apart = False
        while (token := self.peek()) != end:
            if not token:
                raise ValueError(f"mathml: expected {end} before the end of the formula.")
            if token.isspace():
                self.take()
                apart = True
                continue
            atom = self.atom()
            if apart and found and not atom.startswith("<mo") and not found[-1].startswith("<mo"):
                found.append(SPACE)
            found.append(self.scripts(atom))
            apart = False
        self.take()
        return "".join(found)

    def group(self) -> str:
        """An argument in braces."""
        if self.take() != "{":
            raise ValueError(f"mathml: expected braces at sign {self.at}.")
        return f"<mrow>{self.row('}')}</mrow>"

    def words(self) -> str:
        """An argument in braces that is a word."""
        if self.take() != "{":
            raise ValueError(f"mathml: expected braces at sign {self.at}.")
        found = []
        while (token := self.take()) != "}":
            if not token:
                raise ValueError("mathml: expected } before the end of the formula.")
            found.append("…" if token == r"\dots" else token[1:] if token in (r"\_", r"\ ") else token)
        return escape("".join(found))

    def scripts(self, atom: str) -> str:
        below = above = ""
        if self.peek().isspace() and self.tokens[self.at + 1 : self.at + 2] in (["_"], ["^"]):
            self.take()
        while self.peek() in ("_", "^"):
            if self.take() == "_":
                below = self.group()
            else:
                above = self.group()
        if below and above:
            return f"<msubsup>{atom}{below}{above}</msubsup>"
        if below:
            return f"<msub>{atom}{below}</msub>"
        return f"<msup>{atom}{above}</msup>" if above else atom

    def atom(self) -> str:
        token = self.take()
        if token in SPACES:
            return SPACE
        if token == r"\left":
            left = self.sign(self.take())
            inside = self.row(r"\right")
            high = "<mfrac>" in inside
            return f"<mrow>{_fence(left, high)}{inside}{_fence(self.sign(self.take()), high)}</mrow>"
        if token == r"\frac":
            return f"<mfrac>{self.group()}{self.group()}</mfrac>"
        if token == MARKED:
            return f'<mrow class="on">{self.group()}</mrow>'
        if token == r"\mathit":
            return f'<mi class="word">{self.words()}</mi>'
        if token in UPRIGHT:
            return f'<mi mathvariant="normal">{self.words()}</mi>' if token != r"\text" else self.text()
        if token == "{":
            self.at -= 1
            return self.group()
        if token in LETTERS:
            return f"<mi>{LETTERS[token]}</mi>"
        if token in SIGNS or (len(token) == 1 and token in "+=()[]*,|/∇:<>"):
            return f"<mo>{escape(self.sign(token))}</mo>"
        if token[0] == "\\" and token[1:].isalpha() and token[1:] in FUNCTIONS:
            return f'<mi mathvariant="normal">{token[1:]}</mi>'
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha() or token in "⊤′":
            return f"<mi>{escape(token)}</mi>"
        raise ValueError(f"mathml: expected LaTeX that this package writes, got {token!r}.")

    def text(self) -> str:
        return f"<mtext>{self.words()}</mtext>"

    @staticmethod
    def sign(token: str) -> str:
        return SIGNS.get(token, token)


def _fence(sign: str, high: bool) -> str:
    """A parenthesis or a bar; only round a fraction it grows."""
    return f'<mo fence="true" stretchy="{str(high).lower()}">{escape(sign)}</mo>'
