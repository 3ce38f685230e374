"""Text to syntax tree: a tokenizer and a parser by precedence, each node with the column where it stands.

expression = term (("+" | "-") term)*           sums bind least
term       = sign (("*" | "/" | "@") sign)*     from left to right, as in Python
sign       = ("-" | "+") sign | power
power      = postfix ("**" sign)?
postfix    = atom (".T" | "[" place ("," place)? "]")*
place      = expression | expression? ":" expression?
atom       = number | name | name "(" arguments ")" | "(" expression ")"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

from ..errors import ParseError

TOKEN = (
    r"\s*(?:(?P<number>\d+\.(?!T\b)\d*(?:[eE][+-]?\d+)?|\.\d+|\d+(?:[eE][+-]?\d+)?)|(?P<name>[^\W\dᵀ⁰¹²³⁴-⁹][^\Wᵀ⁰¹²³⁴-⁹]*)"
    r"|(?P<sign>\*\*|\.T\b|[-+*/@(),=:[\]]))"
)
DEPTH = 100
COMPARED = "There are no comparisons: where(A - B, X, Y) is X where A > B, else Y."


@dataclass(frozen=True)
class Token:
    kind: str  # number, name, sign, end
    body: str
    column: int


@dataclass(frozen=True)
class Tree:
    """`kind` is number, name, call, index, sign (of one operand) or binary; `body` the text, `column` counts from 1."""

    kind: str
    body: str
    column: int
    parts: tuple["Tree", ...] = ()
    options: tuple[tuple[str, "Tree"], ...] = ()


def spine(tree: Tree) -> list[Tree]:
    """The binary operators from a tree down its first operands, the lowest first: a + b + c is deep on this side."""
    found: list[Tree] = []
    while tree.kind == "binary":
        found.append(tree)
        tree = tree.parts[0]
    return found[::-1]


def every(tree: Tree) -> Iterator[Tree]:
    """A tree and all below it, from left to right."""
    stack = [tree]
    while stack:
        found = stack.pop()
        stack += reversed(found.parts)
        yield found


def tokens(text: str) -> list[Token]:
    """The tokens of a text; ParseError at the first character that starts none."""
    if not isinstance(text, str):
        raise ParseError(f"expected text, got {type(text).__name__}. Try 'x.T @ A @ x'.")
    pattern = re.compile(TOKEN)  # at the first use: those who only derive need none
    found: list[Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = pattern.match(text, at)
        if match is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            got = text[column - 1]
            hint = COMPARED if got in "<>!" else "Write A @ B, A * B, A.T, x ** 2, f(A)."
            raise ParseError(f"expected a name, a number or an operator, got {got!r}. {hint}", text, column)
        if match["sign"] == "=" and text[match.end() : match.end() + 1] == "=":
            raise ParseError(f"expected an operator, got '=='. {COMPARED}", text, match.start("sign") + 1)
        kind = match.lastgroup or "sign"
        body = normalize("NFKC", match[kind]) if kind == "name" else match[kind]  # as Python reads names
        found.append(Token(kind, body, match.start(kind) + 1))
        at = match.end()
    return [*found, Token("end", "", end + 1)]


class Parser:
    """One pass over the tokens of one text."""

    def __init__(self, text: str):
        self.text, self.tokens, self.at, self.depth = text, tokens(text), 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def fail(self, expected: str, hint: str, token: Token | None = None) -> ParseError:
        token = token or self.next
        got = "the end" if token.kind == "end" else repr(token.body)
        return ParseError(f"expected {expected}, got {got}. {hint}", self.text, token.column)

    def whole(self) -> Tree:
        if self.next.kind == "end":
            raise self.fail("an expression", "Try x.T @ A @ x.")
        tree = self.sum()
        if self.next.kind != "end":
            hint = "One parenthesis too many?" if self.next.body == ")" else "A product is written A @ B or A * B."
            raise self.fail("an operator or the end", hint)
        return tree

    def sum(self) -> Tree:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail(f"at most {DEPTH} parentheses inside one another", "Name parts of it with --let or let().")
        tree = self.product()
        while self.next.kind == "sign" and self.next.body in "+-":
            sign = self.take()
            tree = Tree("binary", sign.body, sign.column, (tree, self.product()))
        self.depth -= 1
        return tree

    def product(self) -> Tree:
        tree = self.sign()
        while self.next.kind == "sign" and self.next.body in ("*", "/", "@"):
            sign = self.take()
            tree = Tree("binary", sign.body, sign.column, (tree, self.sign()))
        return tree

    def sign(self) -> Tree:
        signs = []
        while self.next.kind == "sign" and self.next.body in ("+", "-"):
            signs.append(self.take())
        tree = self.power()
        for sign in reversed(signs):
            tree = Tree("sign", "-", sign.column, (tree,)) if sign.body == "-" else tree
        return tree

    def power(self) -> Tree:
        tree = self.postfix()
        if self.next.body == "**":
            sign = self.take()
            tree = Tree("binary", "**", sign.column, (tree, self.sign()))
        return tree

    def postfix(self) -> Tree:
        tree = self.atom()
        while self.next.body in (".T", "["):
            sign = self.take()
            tree = Tree("call", ".T", sign.column, (tree,)) if sign.body == ".T" else self.index(tree, sign)
        return tree

    def index(self, base: Tree, opened: Token) -> Tree:
        """The block of `base` that the brackets say: places as options, which are dimensions, not expressions."""
        places = [self.place()]
        if self.next.body == ",":
            self.take()
            places.append(self.place())
        if self.next.body != "]":
            raise self.fail(f"']' for the '[' in column {opened.column}", "Try A[0, 1], A[:2, 1:] or x[i].")
        self.take()
        return Tree("index", "[]", opened.column, (base,), tuple((str(i), p) for i, p in enumerate(places)))

    def place(self) -> Tree:
        nothing = Tree("none", "", self.next.column)
        first = nothing if self.next.body == ":" else self.sum()
        if self.next.body != ":":
            return first
        sign = self.take()
        last = nothing if self.next.body in (",", "]") else self.sum()
        return Tree("range", ":", sign.column, (first, last))

    def atom(self) -> Tree:
        token = self.take()
        if token.kind == "number":
            return Tree("number", token.body, token.column)
        if token.kind == "name" and self.next.body == "(":
            return self.call(token)
        if token.kind == "name":
            return Tree("name", token.body, token.column)
        if token.body == "(":
            tree = self.sum()
            if self.next.body != ")":
                raise self.fail(f"')' for the '(' in column {token.column}", "Close it, or put an operator.")
            self.take()
            return tree
        raise self.fail("a name, a number or '('", "An operator needs an operand on each side.", token)

    def pair(self) -> Tree | None:
        """The value (1, 2) of an option."""
        ahead = self.tokens[self.at : self.at + 5]
        if [t.body if t.kind == "sign" else t.kind for t in ahead] != ["(", "number", ",", "number", ")"]:
            return None
        self.at += 5
        parts = tuple(Tree("number", ahead[i].body, ahead[i].column) for i in (1, 3))
        return Tree("pair", "(", ahead[0].column, parts)

    def call(self, name: Token) -> Tree:
        opened = self.take()
        parts: list[Tree] = []
        options: list[tuple[str, Tree]] = []
        while self.next.body != ")":
            if parts or options:
                if self.next.body != ",":
                    raise self.fail(f"',' or ')' for the '(' in column {opened.column}", "Close it, or put a comma.")
                self.take()
            word = self.next
            if word.kind == "name" and self.tokens[self.at + 1].body == "=":
                self.at += 2
                if word.body in dict(options):
                    raise self.fail("each option once", "Drop one of them.", word)
                options.append((word.body, self.pair() or self.sum()))
            else:
                parts.append(self.sum())
        self.take()
        return Tree("call", name.body, name.column, tuple(parts), tuple(options))


def statements(text: str) -> list[tuple[str, str]]:
    """The lines `name = expression` of a text, and its expression at the end, without a name or with one.

    A text without such lines is one expression. What stands behind a # is a comment.
    """
    if not isinstance(text, str) or "=" not in text:
        return [("", text)]
    lines = [line.partition("#")[0] for line in text.splitlines()]
    matches = [re.match(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)", line) for line in lines if line.strip()]
    if not matches or not all(matches[:-1]) or (len(matches) == 1 and not matches[0]):
        return [("", text)]
    last = matches[-1][2] if matches[-1] else [line for line in lines if line.strip()][-1]
    return [*((m[1], m[2]) for m in matches[:-1] if m), ("", last)]


def tree_of(text: str) -> Tree:
    """The syntax tree of an expression. Raises ParseError with the column."""
    return Parser(text).whole()
