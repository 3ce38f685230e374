"""Statistics of entries and of rows: means, variances, largest entries, norms; all but `largest` of operators that
there are."""

from ..dimensions import ONE, Dim
from ..errors import ShapeError
from .elementwise import absolute, sqrt
from .expr import Expr, common, described, lift, matmul, mul, negative, node, ones, power, spread, transpose
from .operators import checked, total


def _axis(who: str, axis: int | None) -> int | None:
    if axis not in (None, 0, 1) or isinstance(axis, bool):
        raise ShapeError(f"{who}: expected axis as 0, 1 or None, got {axis!r}. axis=1 gives one entry for each row.")
    return axis


def _over(who: str, a: Expr, axis: int | None) -> tuple[Expr, Dim]:
    """The operand, and the number of entries that are taken together."""
    a = lift(a, who)
    rows, columns = a.shape
    return a, {None: rows * columns, 0: rows, 1: columns}[_axis(who, axis)]


def mean(a: Expr, axis: int | None = None) -> Expr:
    """The mean of all entries; axis=1: of each row (m,); axis=0: of each column (1, n)."""
    a, count = _over("mean", a, axis)
    return mul(total(a, axis), power(lift(count), -1))


def var(a: Expr, axis: int | None = None) -> Expr:
    """The mean square of the distance from the mean: divided by the number of entries, as NumPy's var."""
    a, _ = _over("var", a, axis)
    middle = mean(a, axis)
    if axis is not None:
        middle = matmul(middle, ones(1, a.shape[1])) if axis == 1 else matmul(ones(a.shape[0]), middle)
    rest = a - middle
    return mean(mul(rest, rest), axis)


def largest(a: Expr, axis: int | None = None) -> Expr:
    """The largest entry; axis=1: of each row (m,); axis=0: of each column (1, n). A tie has no derivative."""
    a = lift(a, "max")
    if _axis("max", axis) == 0:
        return transpose(largest(transpose(a), axis=1))
    return node("max", (a,)) if axis is None else node("max", (a,), "rows", (a.shape[0], ONE))


def smallest(a: Expr, axis: int | None = None) -> Expr:
    """The smallest entry, -max(-A)."""
    _axis("min", axis)
    return negative(largest(negative(lift(a, "min")), axis))


def at_max(a: Expr) -> Expr:
    """1 where the largest entry stands, 0 elsewhere: the gradient of max(A)."""
    a = lift(a, "at_max")
    return node("at_max", (a,), None, a.shape)


def at_max_rows(a: Expr) -> Expr:
    """1 where the largest entry of each row stands, 0 elsewhere."""
    a = lift(a, "at_max_rows")
    return node("at_max", (a,), "rows", a.shape)


def norm1(x: Expr) -> Expr:
    """The sum of the sizes of the entries of a column."""
    (x,) = checked("norm1", x)
    return total(absolute(x))


def dot(x: Expr, y: Expr) -> Expr:
    """xᵀy of two columns."""
    x, y = lift(x, "dot"), lift(y, "dot")
    if x.shape != y.shape or x.shape[1] != ONE:
        raise ShapeError(
            f"dot: expected two columns of equal length, got {described(x)} and {described(y)}. "
            "A matrix product is A @ B, the inner product of two matrices inner(A, B)."
        )
    return matmul(transpose(x), y)


def inner_rows(a: Expr, b: Expr) -> Expr:
    """The inner product of each row of A with that of B, a column."""
    a, b = lift(a, "inner_rows"), lift(b, "inner_rows")
    if a.shape != b.shape:
        raise ShapeError(f"inner_rows: expected equal shapes, got {described(a)} and {described(b)}. Check the sizes.")
    return total(mul(a, b), axis=1)


def norm2_rows(a: Expr) -> Expr:
    """The Euclidean length of each row, a column."""
    return sqrt(inner_rows(a, a))


def maximum(a: Expr, b: Expr) -> Expr:
    """The greater of two, element by element; where they are equal there is no derivative."""
    a, b = spread(lift(a, "maximum"), lift(b, "maximum"))
    return node("maximum", (a, b), None, common("maximum", (a, b)))


def greater(a: Expr, b: Expr) -> Expr:
    """1 where A > B, 0 where A < B; entries that are equal are refused: the gradient of maximum."""
    a, b = lift(a, "greater"), lift(b, "greater")
    return node("greater", (a, b), None, common("greater", (a, b)))


def minimum(a: Expr, b: Expr) -> Expr:
    """The smaller of two, -maximum(-A, -B)."""
    return negative(maximum(negative(lift(a, "minimum")), negative(lift(b, "minimum"))))


def where(condition: Expr, a: Expr, b: Expr) -> Expr:
    """A where the condition is positive, else B: where(x - 1, x, 0). The condition has no part in gradients."""
    c, a, b = lift(condition, "where"), lift(a, "where"), lift(b, "where")
    return node("where", (c, a, b), None, common("where", (c, a, b)))
