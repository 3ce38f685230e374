"""The lines of a record as trees. A reader of its own, so that the judge shares no code with what it judges.

line   = (name "=" sum newline)* sum
sum    = term (("+" | "-") term)*
term   = sign (("*" | "/" | "@") sign)*
sign   = "-" sign | power
power  = atom (".T" | "[" places "]")* ("**" sign)?
atom   = number | name | name "(" arguments ")" | "(" sum ("," sum)? ")"
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ..errors import ParseError

TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)|([^\W\d]\w*)|(\*\*|\.T\b|[-+*/@(),=:\[\]]))")
DEEPEST = 150


class Tree:
    """`kind`: num, name, call, neg, T, pair, lines, places, at, or one of the signs + - * / @ **.

    `data` is the number or the name.
    """

    __slots__ = ("data", "kind", "options", "parts")

    def __init__(self, kind: str, data: Any = None, parts: "tuple[Tree, ...]" = (), options: Any = ()):
        self.kind, self.data, self.parts, self.options = kind, data, parts, options

    def equals(self, other: "Tree") -> bool:
        """Whether both say the same."""
        stack = [(self, other)]
        while stack:
            a, b = stack.pop()
            if (a.kind, a.data, len(a.parts), len(a.options)) != (b.kind, b.data, len(b.parts), len(b.options)):
                return False
            stack += zip(a.parts, b.parts, strict=True)
            stack += [(x, y) for (_, x), (_, y) in zip(a.options, b.options, strict=True)]
        return True

    def every(self) -> "Iterator[Tree]":
        """The tree and all below it."""
        stack = [self]
        while stack:
            found = stack.pop()
            stack += [*found.parts, *(value for _, value in found.options)]
            yield found


class _Reader:
    def __init__(self, text: str):
        self.text, self.at, self.depth = text, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while text[place:].strip():
            match = TOKEN.match(text, place)
            if match is None:
                raise ParseError(f"expected a token, got {text[place:].strip()[:1]!r}.", text, place + 1)
            kind = ("number", "name", "sign")[(match.lastindex or 1) - 1]
            self.tokens.append((kind, match[match.lastindex or 0], match.start(match.lastindex or 0) + 1))
            place = match.end()
        self.tokens.append(("end", "", len(text) + 1))

    def fail(self, expected: str) -> ParseError:
        kind, body, column = self.tokens[self.at]
        return ParseError(f"expected {expected}, got {'the end' if kind == 'end' else repr(body)}.", self.text, column)

    def sees(self, *signs: str) -> bool:
        kind, body, _ = self.tokens[self.at]
        return kind == "sign" and body in signs

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def need(self, sign: str) -> None:
        if not self.sees(sign):
            raise self.fail(repr(sign))
        self.at += 1

    def whole(self) -> Tree:
        tree = self.sum()
        if self.tokens[self.at][0] != "end":
            raise self.fail("an operator or the end")
        return tree

    def sum(self) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fail(f"at most {DEEPEST} parentheses inside one another")
        tree = self.term()
        while self.sees("+", "-"):
            tree = Tree(self.take(), None, (tree, self.term()))
        self.depth -= 1
        return tree

    def term(self) -> Tree:
        tree = self.sign()
        while self.sees("*", "/", "@"):
            tree = Tree(self.take(), None, (tree, self.sign()))
        return tree

    def sign(self) -> Tree:
        if self.sees("-"):
            self.take()
            return Tree("neg", None, (self.sign(),))
        tree = self.atom()
        while self.sees(".T", "["):
            tree = Tree("T", None, (tree,)) if self.take() == ".T" else self.places(tree)
        if self.sees("**"):
            self.take()
            tree = Tree("**", None, (tree, self.sign()))
        return tree

    def atom(self) -> Tree:
        kind, body, _ = self.tokens[self.at]
        if kind == "number":
            return Tree("num", Fraction(self.take()))
        if kind == "name":
            self.take()
            return self.call(body) if self.sees("(") else Tree("name", body)
        self.need("(")
        tree = self.sum()
        if self.sees(","):
            self.take()
            tree = Tree("pair", None, (tree, self.sum()))
        self.need(")")
        return tree

    def places(self, tree: Tree) -> Tree:
        """[i, j], [0:2, :]: each place is an `at` of one size, of two, or of none."""
        found: list[Tree] = []
        while not self.sees("]"):
            if found:
                self.need(",")
            ends = [] if self.sees(":") else [self.sum()]
            if self.sees(":"):
                self.take()
                ends += [] if self.sees(",", "]") else [self.sum()]
                if len(ends) == 1:
                    raise self.fail("both ends of a range, or none")
            found.append(Tree("at", None, tuple(ends)))
        self.take()
        if not 1 <= len(found) <= 2:
            raise self.fail("one or two places")
        return Tree("places", None, (tree, *found))

    def call(self, name: str) -> Tree:
        self.need("(")
        parts: list[Tree] = []
        options: list[tuple[str, Tree]] = []
        while not self.sees(")"):
            if parts or options:
                self.need(",")
            ahead = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ("end", "", 0)
            if self.tokens[self.at][0] == "name" and ahead[:2] == ("sign", "="):
                word = self.take()
                self.take()
                options.append((word, self.sum()))
            else:
                parts.append(self.sum())
        self.take()
        return Tree("call", name, tuple(parts), tuple(options))


def read(text: str) -> Tree:
    """The tree of a text; of one with lines `name = ...` above it, `lines`: their names in `data`, the parts in order.

    Raises ParseError with the column.
    """
    if not isinstance(text, str) or not text.strip():
        raise ParseError(f"expected the text of an expression, got {text!r:.40}.")
    *above, last = text.split("\n")
    if not above:
        return _Reader(last).whole()
    names: list[str] = []
    parts: list[Tree] = []
    for line in above:
        name, sign, body = line.partition(" = ")
        if not sign or not name.isidentifier():
            raise ParseError("expected lines 'name = expression' above an expression.", line, 1)
        names.append(name)
        parts.append(_Reader(body).whole())
    return Tree("lines", tuple(names), (*parts, _Reader(last).whole()))
