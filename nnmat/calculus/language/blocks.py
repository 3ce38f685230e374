"""Entries, slices and blocks of matrices: `A[i, j]`, `A[0:2, :]`, [A, B], and a matrix inside a larger one of zeros.

Places are counted from 0, as in NumPy; a name may stand for one: `x['i']`, in text `x[i]`.
"""

from numbers import Integral
from typing import Any

from ..dimensions import ONE, Dim, Shape, dim, show
from ..errors import ShapeError
from .expr import Expr, described, lift, node

Place = tuple[Dim, Dim]  # first row and column


def _range(key: Any, length: Dim, e: Expr) -> tuple[Dim, Dim]:
    """From where to where (exclusive) a key goes in a direction of this length."""
    if isinstance(key, slice):
        if key.step not in (None, 1):
            raise ShapeError(f"{e}[...]: expected neighbours, got a step of {key.step}. Take rows one by one.")
        first = dim(0) if key.start is None else _place(key.start, length, e)
        return first, length if key.stop is None else _place(key.stop, length, e)
    first = _place(key, length, e)
    return first, first + 1


def _place(key: Any, length: Dim, e: Expr) -> Dim:
    if isinstance(key, bool) or not isinstance(key, Integral | str | Dim):
        raise ShapeError(
            f"{e}[...]: expected places as numbers, names or slices, got {key!r:.40}. Try A[0, 1], A[:2, :]."
        )
    at = dim(key)
    return length + at if at.constant is not None and at.constant < 0 else at


def entries(e: Expr, key: Any) -> Expr:
    """`A[i, j]` (a scalar), `A[:2, 1:]`, `x[i]` of a column or a row, `A[i]` row i of a matrix (1, n)."""
    rows, columns = e.shape
    one = (slice(None), key) if rows == ONE and columns != ONE else (key, slice(None))
    keys = key if isinstance(key, tuple) else one
    if len(keys) != 2:
        raise ShapeError(f"{e}[...]: expected one or two places, got {len(keys)}. Try A[0, 1].")
    ends = [_range(k, length, e) for k, length in zip(keys, e.shape, strict=True)]
    shape = (ends[0][1] - ends[0][0], ends[1][1] - ends[1][0])
    for (first, last), length in zip(ends, e.shape, strict=True):
        sizes = [d.constant for d in (first, last - first, length - last)]
        if any(s is not None and s < least for s, least in zip(sizes, (0, 1, 0), strict=True)):
            raise ShapeError(
                f"{e}[...]: expected places inside {described(e)}, got {first} to {last}, exclusive. They count from 0."
            )
    return slice_of(e, (ends[0][0], ends[1][0]), shape)


Expr.at = entries


def slice_of(a: Expr, first: Place, shape: Shape) -> Expr:
    """The block of this shape that begins at `first`."""
    return a if a.shape == shape else node("slice", (a,), first, shape)


def embed(a: Expr, first: Place, shape: Shape) -> Expr:
    """`a` as the block that begins at `first` in a matrix of this shape, with zeros round it."""
    return a if a.shape == shape else node("embed", (a,), first, shape)


def submatrix(a: Expr, row: Any, column: Any, rows: Any, columns: Any) -> Expr:
    """The block (rows, columns) that begins at (row, column): A[row:row + rows, column:column + columns]."""
    a = lift(a, "submatrix")
    row, column = dim(row), dim(column)
    return entries(a, (slice(row, row + dim(rows)), slice(column, column + dim(columns))))


def padded(a: Expr, row: Any, column: Any, rows: Any, columns: Any) -> Expr:
    """A matrix (rows, columns) of zeros, but for the block `a`, which begins at (row, column)."""
    a = lift(a, "padded")
    first, shape = (dim(row), dim(column)), (dim(rows), dim(columns))
    room = [d.constant for d in (shape[0] - first[0] - a.shape[0], shape[1] - first[1] - a.shape[1], *first)]
    if any(space is not None and space < 0 for space in room):
        raise ShapeError(f"padded: expected a block that fits into {show(shape)} at {first}, got {described(a)}.")
    return embed(a, first, shape)


def hstack(*given: Expr) -> Expr:
    """[A, B, ...], beside one another."""
    return _stacked("hstack", 1, given)


def vstack(*given: Expr) -> Expr:
    """A, B, ... below one another."""
    return _stacked("vstack", 0, given)


def _stacked(who: str, axis: int, given: tuple[Any, ...]) -> Expr:
    args = tuple(lift(a, who) for a in given)
    if len(args) < 2:
        raise ShapeError(f"{who}: expected two matrices or more, got {len(args)}. Try {who}(A, B).")
    for a in args[1:]:
        if a.shape[1 - axis] != args[0].shape[1 - axis]:
            word = "rows" if axis == 1 else "columns"
            raise ShapeError(f"{who}: expected equal {word}, got {described(args[0])} and {described(a)}.")
    along = sum((a.shape[axis] for a in args), dim(0))
    other = args[0].shape[1 - axis]
    return node(who, args, None, (other, along) if axis == 1 else (along, other))


def block(a: Expr, b: Expr, c: Expr, d: Expr) -> Expr:
    """[[A, B], [C, D]]."""
    return vstack(hstack(a, b), hstack(c, d))


def offsets(e: Expr) -> list[Place]:
    """Where the operands of a stack begin."""
    axis = 1 if e.op == "hstack" else 0
    places, at = [], dim(0)
    for a in e.args:
        places.append((dim(0), at) if axis == 1 else (at, dim(0)))
        at = at + a.shape[axis]
    return places
