"""Shapes of names that were not declared, found from how they are used, by unification.

A capital letter begins a matrix, a small one a column, and a Greek name (`alpha`, `lambda`) is a scalar. Each unknown
dimension is a variable; `+`, `*`, `@` and the functions bind them; what is left gets letters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..dimensions import ONE, Dim, Shape, dim, show
from ..errors import ParseError
from ..language.elementwise import FUNCTIONS
from ..notation.names import GREEK
from .grammar import Tree

LETTERS = ("M", "N", "K", "P", "Q", "R", "S", "T", "U", "V", "W", "D", "E", "F", "H", "J")
SAME = {"inv", "adjugate", "tril", "softmax", "log_softmax", "softmax_rows", "log_softmax_rows"}
SQUARE = {"inv", "adjugate", "tril", "det", "logdet", "trace", "diag"}
ADJOINTS = {"conv_input": ("conv", 0), "conv_kernel": ("conv", 1), "kron_left": ("kron", 0), "kron_right": ("kron", 1)}
COLUMN = {"softmax", "log_softmax", "logsumexp", "norm2", "diagm", "outer"}


@dataclass(eq=False)
class Unknown:
    """A dimension that is not known yet; `value` is what it was found to be."""

    value: "Size | None" = None


Size = Dim | Unknown
Pair = tuple[Size, Size]


def found(size: Size) -> Size:
    while isinstance(size, Unknown) and size.value is not None:
        size = size.value
    return size


class Inference:
    """The shapes of one or more texts over common names."""

    def __init__(self, known: Mapping[str, Shape], text: str):
        self.shapes: dict[str, Pair] = dict(known)
        self.declared = set(known)
        self.text = text

    def fail(self, tree: Tree, message: str) -> ParseError:
        return ParseError(message, self.text, tree.column)

    def equal(self, a: Size, b: Size, tree: Tree, left: Pair, right: Pair) -> None:
        a, b = found(a), found(b)
        if a is b or a == b:
            return
        if isinstance(a, Unknown):
            a.value = b
        elif isinstance(b, Unknown):
            b.value = a
        else:
            raise self.fail(
                tree,
                f"expected shapes that fit, got {self.show(left)} {tree.body} {self.show(right)}. "
                "Check the transposes, or give shapes with --shape.",
            )

    def need(self, tree: Tree, a: Size, b: Size, pair: Pair, what: str) -> None:
        """The two sizes are equal; otherwise the operand of this shape is not `what` the function takes."""
        try:
            self.equal(a, b, tree, pair, pair)
        except ParseError:
            message = f"{tree.body}: expected {what}, got shape {self.show(pair)}. Check the operand, or its --shape."
            raise self.fail(tree, message) from None

    def square(self, tree: Tree, pair: Pair) -> None:
        self.need(tree, pair[0], pair[1], pair, "a square matrix")

    def show(self, pair: Pair) -> str:
        sizes = [found(s) for s in pair]
        return show((_known(sizes[0]), _known(sizes[1])))

    def shape(self, tree: Tree) -> Pair:
        """The shape of a tree, after what it says of its names."""
        if tree.kind == "number":
            return ONE, ONE
        if tree.kind == "name":
            if tree.body not in self.shapes:
                self.shapes[tree.body] = _guess(tree.body)
            return self.shapes[tree.body]
        if tree.kind == "sign":
            return self.shape(tree.parts[0])
        if tree.kind == "binary":
            return self.binary(tree)
        return self.call(tree)

    def binary(self, tree: Tree) -> Pair:
        left, right = (self.shape(p) for p in tree.parts)
        if tree.body == "**":
            return left
        if tree.body == "@":
            self.equal(left[1], right[0], tree, left, right)
            return left[0], right[1]
        if _is_scalar(left) or _is_scalar(right):
            return right if _is_scalar(left) else left
        for a, b in zip(left, right, strict=True):
            self.equal(a, b, tree, left, right)
        return left

    def call(self, tree: Tree) -> Pair:
        name = tree.body
        if name in ("ones", "zeros", "eye", "dim"):
            sizes = [size_of(p, self.text) for p in tree.parts]
            return (ONE, ONE) if name == "dim" else (sizes[0], sizes[-1] if name == "eye" or len(sizes) > 1 else ONE)
        if name == "reshape" or name in ADJOINTS:
            first = self.shape(tree.parts[0])
            if name in ADJOINTS:
                self.adjoint(tree, first)
            rows, columns = (size_of(p, self.text) for p in tree.parts[-2:])
            return rows, columns
        args = [self.shape(p) for p in tree.parts]
        first = args[0] if args else (ONE, ONE)
        if name in SQUARE or name == "solve":
            self.square(tree, first)
        if name in COLUMN:
            for a in args:
                self.need(tree, a[1], ONE, a, "a column")
        if name == ".T":
            return first[1], first[0]
        if name in FUNCTIONS or name in SAME:
            return first
        if name in ("det", "logdet", "trace", "norm2", "frobenius", "logsumexp", "inner"):
            if name == "inner" and len(args) == 2:
                self.equal(first[0], args[1][0], tree, first, args[1])
                self.equal(first[1], args[1][1], tree, first, args[1])
            return ONE, ONE
        if name == "sum":
            axis = next((v.body for k, v in tree.options if k == "axis"), None)
            return {"0": (ONE, first[1]), "1": (first[0], ONE)}.get(axis or "", (ONE, ONE))
        if name in ("diag", "logsumexp_rows"):
            return first[0], ONE
        if name == "diagm":
            return first[0], first[0]
        if name == "solve" and len(args) == 2:
            self.equal(first[1], args[1][0], tree, first, args[1])
            return first[0], args[1][1]
        if name == "outer" and len(args) == 2:
            return first[0], args[1][0]
        if name in ("kron", "vec", "conv"):
            self.settle(set(names_in(tree)) & set(self.shapes))  # names of dimensions stand in it, too
            return self.derived(tree)
        return first

    def adjoint(self, tree: Tree, first: Pair) -> None:
        """The first operand of an adjoint has the shape of what the operator itself gives."""
        operator, place = ADJOINTS[tree.body]
        operands = [tree.parts[1]]
        operands.insert(place, Tree("call", "zeros", tree.column, tree.parts[2:]))
        whole = self.shape(Tree("call", operator, tree.column, tuple(operands), tree.options))
        for a, b in zip(first, whole, strict=True):
            self.need(tree, a, b, first, f"a first operand of shape {self.show(whole)}")

    def derived(self, tree: Tree) -> Pair:
        """Shapes that are computed: of kron, vec, conv. What is unknown in them gets letters first."""
        from .parser import build

        e = build(tree, self.text, {n: (_known(found(a)), _known(found(b))) for n, (a, b) in self.shapes.items()}, {})
        return e.shape

    def settle(self, names: Iterable[str]) -> None:
        """Letters for the dimensions of these names that are still unknown."""
        used = {n for pair in self.shapes.values() for s in pair if isinstance(found(s), Dim) for n in _names(found(s))}
        used |= set(self.shapes)
        letters = iter([c for c in LETTERS if c not in used] + [f"n{i}" for i in range(1, 1000)])
        for name in sorted(names, key=list(self.shapes).index):
            for size in self.shapes[name]:
                end = found(size)
                if isinstance(end, Unknown):
                    end.value = dim(next(letters))

    def result(self) -> dict[str, Shape]:
        """The shape of every name."""
        self.settle(self.shapes)
        return {n: (_known(found(a)), _known(found(b))) for n, (a, b) in self.shapes.items()}


def names_in(tree: Tree) -> list[str]:
    """The names of symbols and quantities in a tree, from left to right."""
    if tree.kind == "name":
        return [tree.body]
    return [name for part in tree.parts for name in names_in(part)]


def _names(size: Size) -> Iterable[str]:
    return size.names if isinstance(size, Dim) else ()


def _known(size: Size) -> Dim:
    return size if isinstance(size, Dim) else dim("n")


def _is_scalar(pair: Pair) -> bool:
    return found(pair[0]) == ONE and found(pair[1]) == ONE


def _guess(name: str) -> Pair:
    stem = name.rstrip("0123456789")
    if (stem in GREEK or stem in GREEK.values()) and stem[0].islower():
        return ONE, ONE
    return (Unknown(), Unknown()) if name[0].isupper() else (Unknown(), ONE)


def size_of(tree: Tree, text: str) -> Dim:
    """A dimension written as an expression: a name, a number, sums, products and floors of such."""
    if tree.kind in ("name", "number") and (tree.kind == "name" or tree.body.isdigit()):
        return dim(tree.body)
    if tree.kind == "sign":
        return dim(0) - size_of(tree.parts[0], text)
    if tree.kind == "binary" and tree.body in "+-*":
        a, b = (size_of(p, text) for p in tree.parts)
        return a + b if tree.body == "+" else a - b if tree.body == "-" else a * b
    if tree.kind == "call" and tree.body == "floor" and len(tree.parts) == 1:
        inside = tree.parts[0]
        if inside.kind == "binary" and inside.body == "/" and inside.parts[1].body.isdigit():
            return size_of(inside.parts[0], text).floor_divided(int(inside.parts[1].body))
    raise ParseError(f"expected a dimension, got {tree.body!r}. Try a name, 3, M*N or N + 1.", text, tree.column)
