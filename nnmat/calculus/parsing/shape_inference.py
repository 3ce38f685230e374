"""Shapes of names that were not declared, found from how they are used, by unification.

A capital letter begins a matrix, a small one a column. A Greek name (`alpha`, `lambda`, `mu_1`) is a scalar, unless it
stands where only a column can: in a matrix product, transposed, in a function of columns. Each unknown dimension is a
variable; `+`, `*`, `@` and the functions bind them; what is left gets letters.

No dimension of an undeclared name is ever taken to be 1, and where a Greek name could be a scalar or a column, as in
`x - mu`, there is no guess: both are questions, errors that show what to declare. So is a Latin name that stands only
beside what is a scalar anyway, such as the b of `w.T @ x + b` and the N of `norm2(r) / N`. A Greek factor of a column,
as in `lambda * x`, is a scalar; a derivative by it is a question, too (`factors`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..dimensions import ONE, Dim, Shape, dim, show
from ..errors import ParseError
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr
from ..language.signatures import FITTING, SIGNATURES, Signature
from .builder import build, no_function, size_of
from .grammar import Tree, every, spine
from .questions import declaring, guessed, hint, scalar_or, source

LETTERS = ("M", "N", "K", "P", "Q", "R", "S", "T", "U", "V", "W", "D", "E", "F", "H", "J")
# Functions in which a Greek name is a column, beside those that take nothing else.
OF_COLUMNS = {"sum", "frobenius", "inner", "vec", "reshape", "mean", "var", "max", "min", "transpose"}


@dataclass(eq=False)
class Unknown:
    """A dimension that is not known yet; `value` is what it was found to be. It is never 1."""

    value: "Size | None" = None


Size = Dim | Unknown
Pair = tuple[Size, Size]
Text = tuple[str, str, Tree]  # the name that it gives, or none; what is written; its tree


class Column(Exception):
    """A Greek name stands where only a column can."""

    def __init__(self, name: str):
        self.name = name


def found(size: Size) -> Size:
    while isinstance(size, Unknown) and size.value is not None:
        size = size.value
    return size


def infer(texts: Sequence[Text], known: Mapping[str, Shape], given: Mapping[str, Expr] | None = None) -> "Inference":
    """The shapes of all names in the texts. What one place says of a Greek name holds everywhere: then once more.

    `given` are the expressions of the names that are known, where they have more than a shape: attributes.
    """
    columns: set[str] = set()
    while True:
        inference = Inference(known, "", columns, given)
        try:
            for name, text, tree in texts:
                inference.read(name, text, tree)
        except Column as column:
            columns.add(column.name)
            continue
        questions = [(names, doubt) for names, doubt in inference.doubts if not names & inference.sure]
        for _, first in questions:
            first.open_names = sorted(set[str]().union(*(names for names, _ in questions)))
            raise first
        return inference


class Inference:
    """The shapes of one or more texts over common names; `columns` are the Greek names that are no scalars."""

    def __init__(
        self,
        known: Mapping[str, Shape],
        text: str,
        columns: Iterable[str] = (),
        given: Mapping[str, Expr] | None = None,
    ):
        self.shapes: dict[str, Pair] = dict(known)
        self.given = given or {}
        self.declared = set(known)
        self.columns = set(columns)
        self.text = text
        self.doubts: list[tuple[frozenset[str], ParseError]] = []  # questions, unless one of the names is `sure`
        self.sure: set[str] = set()  # names that stand in a matrix product, transposed, or alone in a function
        self.factors: set[str] = set()  # Greek names that are scalars, though they multiply a column
        self.pairs: dict[int, Pair] = {}  # of the trees, by their identity
        self.greek: dict[int, frozenset[str]] = {}  # scalar trees that would be columns if these names were
        self.named: dict[str, frozenset[str]] = {}  # the same of named quantities

    def read(self, name: str, text: str, tree: Tree) -> None:
        """The shapes of one text, which later ones may use by its name."""
        self.text = text
        pair = self.shape(tree)
        if name:
            self.shapes[name] = pair
            self.named[name] = self.greek[id(tree)]

    def fail(self, tree: Tree, message: str) -> ParseError:
        return ParseError(message, self.text, tree.column)

    def equal(self, a: Size, b: Size) -> bool:
        """Make the two sizes one; False if they cannot be."""
        a, b = found(a), found(b)
        if a is b or a == b:
            return True
        if ONE in (a, b) or not (isinstance(a, Unknown) or isinstance(b, Unknown)):
            return False
        if isinstance(a, Unknown):
            a.value = b
        elif isinstance(b, Unknown):
            b.value = a
        return True

    def unfit(self, tree: Tree, pairs: Sequence[Pair], advice: str = "") -> ParseError:
        """The question of two operands that do not fit, or not without a dimension of 1."""
        self.settle(self.shapes)
        parts = tree.parts[:2]
        left, right = (f"{source(p)} of shape {self.show(pair)}" for p, pair in zip(parts, pairs, strict=True))
        advice = advice or hint(tree.body, source(parts[0]), source(parts[1]), [kind(pair) for pair in pairs])
        return self.fail(
            tree, f"expected shapes that fit, got {left} {tree.body} {right}. {advice} {self.declaring(tree)}".rstrip()
        )

    def declaring(self, tree: Tree) -> str:
        """How to declare the names in a tree that are not."""
        return declaring(name for name in names_in(tree) if self.is_guessed(name))

    def is_guessed(self, name: str) -> bool:
        """A symbol whose shape was not declared."""
        return name in self.shapes and name not in self.declared and name not in self.named

    def need(self, tree: Tree, a: Size, b: Size, pair: Pair, what: str, advice: str = "") -> None:
        """The two sizes are equal; otherwise the operand of this shape is not `what` the function takes."""
        if not self.equal(a, b):
            self.settle(self.shapes)
            advice = f"{advice or 'Check the operand, or its --shape.'} {self.declaring(tree)}".rstrip()
            raise self.fail(tree, f"{tree.body}: expected {what}, got shape {self.show(pair)}. {advice}")

    def show(self, pair: Pair) -> str:
        sizes = [found(s) for s in pair]
        return show((_known(sizes[0]), _known(sizes[1])))

    def shape(self, tree: Tree) -> Pair:
        """The shape of a tree, after what it says of its names."""
        binary = spine(tree)
        first = binary[0].parts[0] if binary else tree
        pair = self.noted(first, self.simple(first))
        for t in binary:
            pair = self.noted(t, self.binary(t, pair))
        return pair

    def noted(self, tree: Tree, pair: Pair) -> Pair:
        self.pairs[id(tree)] = pair
        self.greek[id(tree)] = self._greek(tree) if kind(pair) == "scalar" else frozenset()
        return pair

    def simple(self, tree: Tree) -> Pair:
        """The shape of what is no binary operator."""
        if tree.kind == "number":
            pair: Pair = (ONE, ONE)
        elif tree.kind == "name":
            if tree.body not in self.shapes:
                self.shapes[tree.body] = self.guess(tree.body)
            pair = self.shapes[tree.body]
        elif tree.kind == "sign":
            pair = self.shape(tree.parts[0])
        elif tree.kind == "index":
            pair = self.index(tree)
        else:
            pair = self.call(tree)
        return pair

    def _greek(self, tree: Tree) -> frozenset[str]:
        """The Greek names that make a scalar tree a scalar: were they columns, it would be one."""
        if tree.kind == "name":
            alone = self.is_guessed(tree.body) and guessed(tree.body) == "greek"
            return frozenset([tree.body]) if alone else self.named.get(tree.body, frozenset())
        if tree.kind == "sign" or tree.body in FUNCTIONS or tree.body == "**":
            return self.greek[id(tree.parts[0])]
        if tree.kind == "binary" and tree.body != "@":
            return frozenset().union(*(self.greek[id(p)] for p in tree.parts))
        return frozenset()

    def guess(self, name: str) -> Pair:
        what = guessed(name)
        if what == "greek" and name not in self.columns:
            return ONE, ONE
        return (Unknown(), Unknown()) if what == "matrix" else (Unknown(), ONE)

    def column(self, tree: Tree) -> Pair:
        """The shape of an operand that is no scalar: a Greek name in it is a column."""
        return self.no_scalar(tree, self.shape(tree))

    def no_scalar(self, tree: Tree, pair: Pair) -> Pair:
        names = self.greek[id(tree)]
        if tree.kind == "name":
            self.sure.add(tree.body)
        if len(names) == 1:
            raise Column(*names)
        if names:
            self.doubt(tree, "column", names)
            return Unknown(), ONE
        return pair

    def binary(self, tree: Tree, left: Pair) -> Pair:
        """The shape of a binary operator whose first operand has the shape `left`."""
        if tree.body == "@":
            left, right = self.no_scalar(tree.parts[0], left), self.column(tree.parts[1])
            if not self.equal(left[1], right[0]):
                raise self.unfit(tree, (left, right))
            return left[0], right[1]
        right = self.shape(tree.parts[1])
        if tree.body == "**":
            return self.powers(tree, left, right)
        return self.elementwise(tree, left, right)

    def powers(self, tree: Tree, left: Pair, right: Pair) -> Pair:
        """The shape of a power. An exponent that is no scalar has to be declared: the n of `x ** n` is mostly one."""
        if kind(right) != "scalar":
            exponent = tree.parts[1]
            if self.declaring(exponent):
                question = scalar_or(kind(right), [n for n in names_in(exponent) if self.is_guessed(n)])
                matrix = f" Write power({source(tree.parts[0])}, {source(exponent)}) for the power of a matrix."
                raise self.fail(tree, question + matrix * (kind(left) == "matrix"))
            return self.elementwise(tree, left, right)
        if kind(left) == "scalar" and self.greek[id(tree.parts[0])] and self.greek[id(tree.parts[1])]:
            return left
        if kind(left) == "column":
            self.factors |= self.greek[id(tree.parts[1])]
        return left

    def elementwise(self, tree: Tree, left: Pair, right: Pair) -> Pair:
        """The shape of a sum or of an elementwise product or quotient."""
        kinds = [kind(left), kind(right)]
        if "scalar" in kinds:
            names = frozenset().union(*(self.greek[id(p)] for p in tree.parts))
            if tree.body in "+-" and names and kinds != ["scalar", "scalar"]:
                self.doubt(tree, "column", names)
            if tree.body in "*/" and "column" in kinds:
                self.factors |= names
            for part, other, what in zip(tree.parts, reversed(tree.parts), kinds, strict=True):
                bare = part.parts[0] if part.kind == "sign" else part
                if bare.kind == "name" and what != "scalar" and self.is_guessed(bare.body) and is_made(other):
                    self.doubt(tree, what, frozenset([bare.body]))
            return right if kinds[0] == "scalar" else left
        if tree.body in "+-" and sorted(kinds) == ["matrix", "row"]:  # a row is added to every row
            fits, whole = self.equal(left[1], right[1]), left if kinds[0] == "matrix" else right
        else:
            algebra = tree.body in "*/" and kinds == ["matrix", "matrix"] and not (square(left) or square(right))
            squares = self.squares() if algebra else set()
            fits, whole = self.equal(left[0], right[0]) and self.equal(left[1], right[1]), left
            if fits and algebra and self.squares() != squares:  # A.T * A, which is hardly meant element by element
                raise self.unfit(tree, (left, right))
        if not fits:
            raise self.unfit(tree, (left, right))
        return whole

    def index(self, tree: Tree) -> Pair:
        """The shape of `A[0, i]`, `A[:2, 1:]`, `x[i]`."""
        base = self.column(tree.parts[0])
        if kind(base) == "scalar":
            raise self.fail(tree, f"expected a matrix or a column before [, got {source(tree.parts[0])}, a scalar.")
        self.settle(set(names_in(tree)) & set(self.shapes))
        return self.derived(tree)

    def doubt(self, tree: Tree, what: str, names: frozenset[str]) -> None:
        """A question that is asked when all is read, unless it is answered then."""
        self.doubts.append((names, self.fail(tree, scalar_or(what, names))))

    def squares(self) -> set[str]:
        """The names that are square matrices and were not declared."""
        return {n for n, (a, b) in self.shapes.items() if self.is_guessed(n) and square((a, b))}

    def call(self, tree: Tree) -> Pair:
        name = tree.body
        if name == ".T":
            rows, columns = self.column(tree.parts[0])
            return columns, rows
        if name in FUNCTIONS:
            return self.shape(tree.parts[0])
        if name not in SIGNATURES:
            raise no_function(tree, self.text)
        return self.by_signature(tree, SIGNATURES[name])

    def operand(self, tree: Tree, signature: Signature, place: int) -> Pair:
        """The shape of an operand of a function; a Greek name is one of a function of columns only."""
        part = tree.parts[place]
        if (signature.columns or signature.name in OF_COLUMNS) or (signature.name == "solve" and place == 1):
            return self.column(part)
        pair = self.shape(part)
        if part.kind == "name":
            self.sure.add(part.body)
        if self.greek[id(part)]:
            what = f"{tree.body}: expected a matrix, got {source(part)}, a scalar unless it is declared. "
            raise self.fail(tree, what + declaring(sorted(self.greek[id(part)])))
        return pair

    def by_signature(self, tree: Tree, signature: Signature) -> Pair:
        """The shape of a function of the language, after what it demands of its operands."""
        if signature.elementwise:
            return self.together(tree)
        many = len(tree.parts) if signature.beside is not None else signature.operands
        if signature.adjoint_of is not None:
            self.adjoint(tree, *signature.adjoint_of)
            operands = []
        else:
            operands = [self.operand(tree, signature, i) for i in range(many)]
        if signature.sizes != (0, 0) and not signature.of_operands:
            return signature.shape(*(size_of(p, self.text) for p in tree.parts[signature.operands :]))
        for what, at, a, b in signature.demands(operands):
            if what == FITTING:
                if not self.equal(a, b):
                    raise self.unfit(tree, operands[:2], signature.advice or "Check the transposes.")
            else:
                self.need(tree, a, b, operands[at], what, signature.hint)
        if signature.computed:
            self.settle(set(names_in(tree)) & set(self.shapes))  # names of dimensions stand in it, too
            return self.derived(tree)
        return signature.shape(*operands, **{word: value.body for word, value in tree.options})

    def together(self, tree: Tree) -> Pair:
        """The shape of a function of several operands that works element by element, as their sum would have it."""
        whole, first = self.shape(tree.parts[0]), tree.parts[0]
        for part in tree.parts[1:]:
            pair = self.shape(part)
            both = Tree("binary", "+", tree.column, (first, part))
            wider = self.elementwise(both, whole, pair)
            first = part if kind(whole) == "scalar" else first
            whole = wider
        return whole

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
        return build(tree, self.text, self.as_dimensions(), self.given).shape

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
    return [part.body for part in every(tree) if part.kind == "name"]


def is_made(tree: Tree) -> bool:
    """Something is computed in it that is a scalar for no name's sake: a matrix product, a sum, a norm."""
    return any(
        part.body == "@" or (part.kind == "call" and part.body in SIGNATURES and part.body != "dim")
        for part in every(tree)
    )


def _names(size: Size) -> Iterable[str]:
    return size.names if isinstance(size, Dim) else ()


def _known(size: Size) -> Dim:
    return size if isinstance(size, Dim) else dim("n")


def square(pair: Pair) -> bool:
    """The sizes are known to be equal."""
    return found(pair[0]) == found(pair[1])


def kind(pair: Pair) -> str:
    """scalar, column, row or matrix: an unknown dimension is not 1."""
    one = found(pair[0]) == ONE, found(pair[1]) == ONE
    return {(True, True): "scalar", (False, True): "column", (True, False): "row", (False, False): "matrix"}[one]
