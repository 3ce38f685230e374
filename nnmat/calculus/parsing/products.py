"""Where `*`, `/` or `**` of matrices may be meant as matrix algebra: without declared shapes that is a question.

They work element by element, as in NumPy. Mathematicians write AB, A/B and A² with the same signs, and where the shapes
fit for both, the text does not say which is meant. It does where it writes the matrix product as `@`, or where the
shapes are declared, or where all entries of the product are summed, as in `sum(A * B)`.
"""

from collections.abc import Sequence

from ..errors import ParseError
from ..language.elementwise import FUNCTIONS
from ..language.signatures import SIGNATURES
from .grammar import Tree
from .questions import source
from .shape_inference import Inference, Text, kind, names_in

# Small letters that mostly stand for numbers where they divide, as all capitals do.
COUNTS = {"n", "m", "k", "d"}

# Where an expression stands: nowhere in a function; right in a sum of entries; in a matrix product; somewhere in a
# function; in the norm of a matrix; in a function of matrices that is of no use for elementwise products.
FREE, SUMMED, FACTOR, REDUCED, NORM, ALGEBRA = range(6)
OF_MATRICES = {
    "nuclear",
    "spectral",
    "singular_values",
    "right_singular",
    "pinv",
    "polar",
    "dyad",
}  # beside square ones


def check_products(texts: Sequence[Text], inference: Inference) -> None:
    """Raises ParseError at the first sign that could be read in two ways."""
    plain = any("@" in text for _, text, _ in texts)
    questions: list[ParseError] = []
    for name, text, tree in texts:
        questions += Products(inference, text, plain).walk(tree, REDUCED if name else FREE)
    for first in questions:
        first.open_names = sorted({name for q in questions for name in q.open_names})
        raise first


class Products:
    """One text; `plain` if the texts have `@`, so that their `*` is no matrix product."""

    def __init__(self, inference: Inference, text: str, plain: bool):
        self.inference, self.text, self.plain = inference, text, plain

    def walk(self, tree: Tree, place: int) -> list[ParseError]:
        """The questions of a tree; each with the names that are not declared in what it is about."""
        questions = []
        stack = [(tree, place)]
        while stack:
            tree, place = stack.pop()
            if self.is_open(tree, place):
                questions.append(self.question(tree))
                questions[-1].open_names = [n for n in names_in(tree) if self.inference.is_guessed(n)]
                continue
            below = self.below(tree, place)
            signature = SIGNATURES.get(tree.body) if tree.kind == "call" else None
            many = len(tree.parts) if signature is None or signature.beside is not None else signature.operands
            parts = tree.parts[:many]
            stack += [(part, below) for part in reversed(parts)]
        return questions

    def below(self, tree: Tree, place: int) -> int:
        """Where the operands of a tree stand."""
        signature = SIGNATURES.get(tree.body) if tree.kind == "call" else None
        if signature is not None and not signature.elementwise and tree.body != "transpose":
            if signature.square or tree.body in OF_MATRICES:
                return ALGEBRA
            return {"sum": SUMMED, "mean": SUMMED, "frobenius": NORM}.get(tree.body, REDUCED)
        if tree.body == "@":
            return FACTOR
        if place == SUMMED:
            return SUMMED if tree.body in ("*", "/") else REDUCED
        if place in (ALGEBRA, NORM) and tree.body in FUNCTIONS:
            return REDUCED
        return place if place != FACTOR or tree.body == ".T" else FREE

    def is_open(self, tree: Tree, place: int) -> bool:
        """Both readings are possible."""
        if tree.kind != "binary" or tree.body not in ("*", "/", "**", "@"):
            return False
        if tree.body == "@":
            return self.divides(tree.parts[0])
        if tree.body == "*" and self.inference.greek[id(tree.parts[1])]:
            what = kind(self.inference.pairs[id(tree.parts[0])])
            return what == "row" or (what == "matrix" and not self.plain)  # X * beta, x.T * beta
        if tree.body == "/" and self.counts(*tree.parts) and place != FREE:
            return True
        if not self.is_guessed(tree.parts[0]):
            return False
        if tree.body == "**":
            inverse = tree.parts[1].kind == "sign"  # A ** -1 is mostly that
            return inverse or place in (ALGEBRA, FACTOR) or (place == NORM and not self.plain)
        if not self.is_guessed(tree.parts[1]):
            return False
        return place == ALGEBRA or (place in (REDUCED, NORM) and not self.plain)

    def divides(self, tree: Tree) -> bool:
        """A quotient on the left of `@` that divides by no scalar: a / x.T @ x, which is (a / x.T) @ x."""
        if tree.kind != "binary" or tree.body != "/":
            return False
        below = self.inference.pairs[id(tree.parts[1])]
        return kind(below) != "scalar" and self.inference.declaring(tree.parts[1]) != ""

    def counts(self, above: Tree, below: Tree) -> bool:
        """A name divides that could be meant as a number: `sum(x / n)`, `sum(A / N)`."""
        if below.kind != "name" or not self.inference.is_guessed(below.body):
            return False
        if below.body[0].islower() and below.body not in COUNTS:
            return False
        return "scalar" not in [kind(self.inference.pairs[id(tree)]) for tree in (above, below)]

    def is_guessed(self, tree: Tree) -> bool:
        """A matrix, of names whose shapes were not all declared."""
        pair = self.inference.pairs.get(id(tree))
        return pair is not None and kind(pair) == "matrix" and self.inference.declaring(tree) != ""

    def question(self, tree: Tree) -> ParseError:
        left, right = map(source, tree.parts)
        if tree.body == "@":
            a, b = map(source, tree.parts[0].parts)
            return ParseError(
                f"expected to know what is divided by, got {a} / {b} @ {right}, which is ({a} / {b}) @ {right}. "
                f"Write {a} / ({b} @ {right}), or declare the shapes. {self.inference.declaring(tree)}",
                self.text,
                tree.column,
            )
        if tree.body == "*":
            meant = f"Write {left} @ {right} for the matrix product."
        elif tree.body == "/":
            meant = (
                f"Is {right} a number?"
                if tree.parts[1].kind == "name"
                else f"Write {left} @ inv({right}) for the inverse."
            )
        else:
            meant = f"Write power({left}, {right}) for the power of a matrix, inv({left}) for the inverse."
        message = (
            f"expected to know whether `{tree.body}` is meant element by element, got {left} {tree.body} {right} "
            f"without declared shapes. {meant} {self.inference.declaring(tree)}"
        )
        return ParseError(message, self.text, tree.column)
