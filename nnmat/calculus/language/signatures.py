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
MOST = 99  # operands of a function that takes any number
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
    of_operands: bool = False  # the shape is, though there are dimensions among the arguments
    elementwise: bool = False  # scalars broadcast
    beside: int | None = None  # `operands` or more, which have this size (0, 1) in common
    adjoint_of: tuple[str, int] | None = None  # the operator, and the place of the operand that this gives
    advice: str = ""  # what to try instead where an operand is not what it has to be

    @property
    def arity(self) -> tuple[int, int]:
        """The least and the greatest number of arguments."""
        return self.operands + self.sizes[0], MOST if self.beside is not None else self.operands + self.sizes[1]

    @property
    def hint(self) -> str:
        """What to try where an operand is not what it has to be."""
        usual = "Try A.T @ A, or another operand." if self.square else f"Try {self.name}_rows for a matrix, or vec(A)."
        return self.advice or usual

    def demands(self, shapes: Sequence[Sizes]) -> Iterator[tuple[str, int, Any, Any]]:
        """What the operands have to be: (what, which operand, and the two sizes that must be equal for it)."""
        if self.square:
            yield SQUARE, 0, *shapes[0]
        if self.columns:
            for i, shape in enumerate(shapes):
                yield COLUMN, i, shape[1], ONE
        if self.beside is not None:
            for j in range(1, len(shapes)):
                yield FITTING, j, shapes[0][self.beside], shapes[j][self.beside]
        for (i, a), (j, b) in self.equal:
            yield FITTING, i, shapes[i][a], shapes[j][b]


def _same(a: Sizes) -> Sizes:
    return a


def _first(a: Sizes, *others: Sizes) -> Sizes:
    return a


def _wider(*operands: Sizes) -> Sizes:
    """The shape of operands of which scalars broadcast."""
    return next((a for a in operands if a != (ONE, ONE)), operands[0])


def _beside(*operands: Sizes) -> Sizes:
    return operands[0][0], sum((a[1] for a in operands[1:]), operands[0][1])


def _below(*operands: Sizes) -> Sizes:
    return sum((a[0] for a in operands[1:]), operands[0][0]), operands[0][1]


def _blocks(a: Sizes, b: Sizes, c: Sizes, d: Sizes) -> Sizes:
    return a[0] + c[0], a[1] + b[1]


def _block(row: Dim, column: Dim, rows: Dim, columns: Dim) -> Shape:
    return rows, columns


def _scalar(*operands: Sizes) -> Sizes:
    return ONE, ONE


def _diagonal(v: Sizes) -> Sizes:
    return v[0], v[0]


def _rows(a: Sizes, *others: Sizes) -> Sizes:
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
SAME = (((0, 0), (1, 0)), ((0, 1), (1, 1)))
SYLVESTER = (((1, 0), (1, 1)), ((0, 0), (2, 0)), ((1, 0), (2, 1)))
BLOCKS = (((0, 0), (1, 0)), ((2, 0), (3, 0)), ((0, 1), (2, 1)), ((1, 1), (3, 1)))
SIGNATURES: dict[str, Signature] = {
    s.name: s
    for s in (
        Signature("inv", _same, square=True),
        Signature("adjugate", _same, square=True),
        Signature("tril", _same, square=True),
        Signature("det", _scalar, square=True),
        Signature("logdet", _scalar, square=True),
        Signature("trace", _scalar, square=True),
        Signature("diag", _rows, square=True, advice="Try diagm(x) for the diagonal matrix of a column."),
        Signature("diagm", _diagonal, columns=True, advice="Try diag(A) for a square matrix."),
        Signature("Diag", _diagonal, columns=True, advice="Try diag(A) for a square matrix."),  # diagm, as printed
        Signature("norm2", _scalar, columns=True, advice="Try frobenius(A) for a matrix."),
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
        Signature("inner", _scalar, 2, equal=SAME),
        Signature("outer", lambda x, y: (x[0], y[0]), 2, columns=True, advice="Try A @ B.T or kron."),
        Signature("kron", lambda a, b: (a[0] * b[0], a[1] * b[1]), 2, computed=True),
        Signature("kron_left", _given, 2, (2, 2), adjoint_of=("kron", 0)),
        Signature("kron_right", _given, 2, (2, 2), adjoint_of=("kron", 1)),
        Signature("conv", _windows, 2, options=WINDOW, computed=True),
        Signature("conv_input", _given, 2, (2, 2), WINDOW, adjoint_of=("conv", 0)),
        Signature("conv_kernel", _given, 2, (2, 2), WINDOW, adjoint_of=("conv", 1)),
        Signature("power", _same, 1, (1, 1), square=True, of_operands=True),
        Signature("power_frechet", _first, 2, (1, 1), square=True, equal=SAME, of_operands=True),
        *(Signature(name, _same, square=True) for name in ("expm", "logm", "sqrtm", "cholesky", "eigenvectors")),
        *(Signature(name, _first, 2, square=True, equal=SAME) for name in ("expm_frechet", "logm_frechet")),
        Signature("sylvester", lambda a, b, c: c, 3, square=True, equal=SYLVESTER),
        *(Signature(name, lambda a: (a[1], a[0])) for name in ("pinv", "pinv_full", "transpose")),
        Signature("eigenvalues", _rows, square=True),
        Signature("gaps", _diagonal, columns=True, advice="Try vec(A)."),
        Signature("singular_values", lambda a: (a[1], ONE)),
        Signature("right_singular", lambda a: (a[1], a[1])),
        *(Signature(name, _scalar) for name in ("nuclear", "spectral")),
        *(Signature(name, _same) for name in ("polar", "dyad", "at_max", "at_max_rows")),
        *(Signature(name, _summed, options=("axis",)) for name in ("mean", "var", "max", "min")),
        Signature("tr", _scalar, square=True),
        Signature("norm1", _scalar, columns=True, advice="Try sum(abs(A)) for a matrix."),
        Signature("dot", _scalar, 2, columns=True, equal=SAME, advice="Try A @ B, or inner(A, B)."),
        Signature("inner_rows", _rows, 2, equal=SAME),
        Signature("norm2_rows", _rows),
        *(Signature(name, _wider, 2, elementwise=True) for name in ("maximum", "minimum", "greater")),
        Signature("where", _wider, 3, elementwise=True),
        Signature("submatrix", _block, 1, (4, 4)),
        Signature("padded", _block, 1, (4, 4)),
        Signature("hstack", _beside, 2, beside=0, computed=True),
        Signature("vstack", _below, 2, beside=1, computed=True),
        Signature("block", _blocks, 4, equal=BLOCKS, computed=True),
        Signature("reshape", _given, 1, (2, 2)),
        Signature("ones", _given, 0, (1, 2)),
        Signature("zeros", _given, 0, (1, 2)),
        Signature("eye", lambda n: (n, n), 0, (1, 1)),
        Signature("dim", _scalar, 0, (1, 1)),
        Signature("commutation", lambda m, n: (m * n, m * n), 0, (2, 2)),
    )
}
