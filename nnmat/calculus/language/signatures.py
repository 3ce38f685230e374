"""What each function of the language takes and gives, said once: for its constructor, for the parser, for inference.

A rule is about sizes of any kind: dimensions when a node is built, unknowns while the shapes of names are looked for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..dimensions import ONE, Dim, Shape
from ..notation.names import USUAL

Sizes = tuple[Any, Any]  # a shape, of dimensions or of unknowns
Place = tuple[int, int]  # the operand, and which of its two sizes
SQUARE, COLUMN, FITTING = "a square matrix", "a column", "shapes that fit"


@dataclass(frozen=True, eq=False)
class Signature:
    """A function: `operands` expressions, then from `sizes[0]` to `sizes[1]` dimensions, then options by name.

    `shape` is the rule of the result: from the dimensions among the arguments if there are any, otherwise from the
    shapes of the operands (and the options). A rule that has to compute needs dimensions, not unknowns: `computed`.
    """

    name: str
    shape: Callable[..., Any]
    operands: int = 1
    sizes: tuple[int, int] = (0, 0)
    options: tuple[str, ...] = ()
    square: bool = False  # the first operand is
    columns: bool = False  # all operands are
    equal: tuple[tuple[Place, Place], ...] = ()  # sizes of operands that are the same
    computed: bool = False
    adjoint_of: tuple[str, int] | None = None  # the operator, and the place of the operand that this gives

    @property
    def arity(self) -> tuple[int, int]:
        """The least and the greatest number of arguments."""
        return self.operands + self.sizes[0], self.operands + self.sizes[1]

    def demands(self, shapes: Sequence[Sizes]) -> Iterator[tuple[str, int, Any, Any]]:
        """What the operands have to be: (what, which operand, and the two sizes that must be equal for it)."""
        if self.square:
            yield SQUARE, 0, *shapes[0]
        if self.columns:
            for i, shape in enumerate(shapes):
                yield COLUMN, i, shape[1], ONE
        for (i, a), (j, b) in self.equal:
            yield FITTING, i, shapes[i][a], shapes[j][b]


def _same(a: Sizes) -> Sizes:
    return a


def _scalar(*operands: Sizes) -> Sizes:
    return ONE, ONE


def _diagonal(v: Sizes) -> Sizes:
    return v[0], v[0]


def _rows(a: Sizes) -> Sizes:
    return a[0], ONE


def _given(rows: Dim, columns: Dim = ONE) -> Shape:
    return rows, columns


def _summed(a: Sizes, axis: Any = None) -> Sizes:
    """1ᵀA of axis 0, A1 of axis 1; the axis as a number or as it is written."""
    return {"0": (ONE, a[1]), "1": (a[0], ONE)}.get(str(axis), (ONE, ONE))


def _windows(image: Shape, kernel: Shape, setting: tuple[tuple[int, int], ...]) -> Shape:
    """One entry for each place of the kernel on the padded image."""
    rows, columns = (
        (length + 2 * padding - (inside - 1) * dilation - 1).floor_divided(stride) + 1
        for length, inside, stride, padding, dilation in zip(image, kernel, *setting, strict=True)
    )
    return rows, columns


WINDOW = tuple(USUAL)
SIGNATURES: dict[str, Signature] = {
    s.name: s
    for s in (
        Signature("inv", _same, square=True),
        Signature("adjugate", _same, square=True),
        Signature("tril", _same, square=True),
        Signature("det", _scalar, square=True),
        Signature("logdet", _scalar, square=True),
        Signature("trace", _scalar, square=True),
        Signature("diag", _rows, square=True),
        Signature("diagm", _diagonal, columns=True),
        Signature("Diag", _diagonal, columns=True),  # diagm, as it is printed
        Signature("norm2", _scalar, columns=True),
        Signature("frobenius", _scalar),
        Signature("softmax", _same, columns=True),
        Signature("softmax_rows", _same),
        Signature("log_softmax", _same, columns=True),
        Signature("log_softmax_rows", _same),
        Signature("logsumexp", _scalar, columns=True),
        Signature("logsumexp_rows", _rows),
        Signature("sum", _summed, options=("axis",)),
        Signature("vec", lambda a: (a[0] * a[1], ONE), computed=True),
        Signature("solve", lambda a, b: (a[0], b[1]), 2, square=True, equal=(((0, 1), (1, 0)),)),
        Signature("inner", _scalar, 2, equal=(((0, 0), (1, 0)), ((0, 1), (1, 1)))),
        Signature("outer", lambda x, y: (x[0], y[0]), 2, columns=True),
        Signature("kron", lambda a, b: (a[0] * b[0], a[1] * b[1]), 2, computed=True),
        Signature("kron_left", _given, 2, (2, 2), adjoint_of=("kron", 0)),
        Signature("kron_right", _given, 2, (2, 2), adjoint_of=("kron", 1)),
        Signature("conv", _windows, 2, options=WINDOW, computed=True),
        Signature("conv_input", _given, 2, (2, 2), WINDOW, adjoint_of=("conv", 0)),
        Signature("conv_kernel", _given, 2, (2, 2), WINDOW, adjoint_of=("conv", 1)),
        Signature("reshape", _given, 1, (2, 2)),
        Signature("ones", _given, 0, (1, 2)),
        Signature("zeros", _given, 0, (1, 2)),
        Signature("eye", lambda n: (n, n), 0, (1, 1)),
        Signature("dim", _scalar, 0, (1, 1)),
    )
}
