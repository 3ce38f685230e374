"""Shapes of names that were not declared, found from how they are used, by unification.

A capital letter begins a matrix, a small one a column, and a Greek name (`alpha`, `lambda`) is a scalar. Each unknown
dimension is a variable; `+`, `*`, `@` and the functions bind them; what is left gets letters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..dimensions import ONE, Dim, Shape, dim, show
from ..errors import ParseError
from ..language.elementwise import FUNCTIONS
from ..language.signatures import FITTING, SIGNATURES, Signature
from ..notation.names import GREEK
from .builder import build, no_function, size_of
from .grammar import Tree

LETTERS = ("M", "N", "K", "P", "Q", "R", "S", "T", "U", "V", "W", "D", "E", "F", "H", "J")


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
        if name == ".T":
            rows, columns = self.shape(tree.parts[0])
            return columns, rows
        if name in FUNCTIONS:
            return self.shape(tree.parts[0])
        if name not in SIGNATURES:
            raise no_function(tree, self.text)
        return self.by_signature(tree, SIGNATURES[name])

    def by_signature(self, tree: Tree, signature: Signature) -> Pair:
        """The shape of a function of the language, after what it demands of its operands."""
        if signature.adjoint_of is not None:
            self.adjoint(tree, *signature.adjoint_of)
            operands = []
        else:
            operands = [self.shape(p) for p in tree.parts[: signature.operands]]
        if signature.sizes != (0, 0):
            return signature.shape(*(size_of(p, self.text) for p in tree.parts[signature.operands :]))
        for what, at, a, b in signature.demands(operands):
            if what == FITTING:
                self.equal(a, b, tree, operands[0], operands[1])
            else:
                self.need(tree, a, b, operands[at], what)
        if signature.computed:
            self.settle(set(names_in(tree)) & set(self.shapes))  # names of dimensions stand in it, too
            return self.derived(tree)
        return signature.shape(*operands, **{word: value.body for word, value in tree.options})

    def adjoint(self, tree: Tree, operator: str, place: int) -> None:
        """The first operand of an adjoint has the shape of what the operator itself gives."""
        first = self.shape(tree.parts[0])
        operands = [tree.parts[1]]
        operands.insert(place, Tree("call", "zeros", tree.column, tree.parts[2:]))
        whole = self.shape(Tree("call", operator, tree.column, tuple(operands), tree.options))
        for a, b in zip(first, whole, strict=True):
            self.need(tree, a, b, first, f"a first operand of shape {self.show(whole)}")

    def derived(self, tree: Tree) -> Pair:
        """Shapes that are computed: of kron, vec, conv. What is unknown in them gets letters first."""
        return build(tree, self.text, self.as_dimensions(), {}).shape

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
        return self.as_dimensions()

    def as_dimensions(self) -> dict[str, Shape]:
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
