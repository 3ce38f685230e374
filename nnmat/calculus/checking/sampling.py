"""Random points for checks: small sizes, all different, and arrays that have the attributes of their symbols."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..dimensions import ONE, Dim
from ..errors import UnverifiedError
from ..evaluation.binding import lacking
from ..language.assumptions import attributes
from ..language.expr import Expr, dimensions, nodes

LARGEST = 10**8  # entries of an array in a check
DIFFERENT = 8  # sizes, as far as there are no more names than that: many large matrices would take long
KINDS = 8  # ways to draw a symbol without attributes


@dataclass
class Point:
    """Sizes and arrays, one for each symbol."""

    sizes: dict[str, int]
    arrays: dict[Expr, np.ndarray]

    def __str__(self) -> str:
        parts = [f"{s.name} = {np.array2string(a, precision=6, separator=', ')}" for s, a in self.arrays.items()]
        return "; ".join(sorted(parts)).replace("\n", "")


def sizes_for(e: Expr, rng: np.random.Generator) -> dict[str, int]:
    """Sizes under which every shape in `e` is at least 1. Raises UnverifiedError if 200 draws find none."""
    return next(_sizes(e, rng))


def _sizes(e: Expr, rng: np.random.Generator) -> Iterator[dict[str, int]]:
    """Sizes as those of `sizes_for`, without end."""
    names, every = sorted(dimensions(e)), list(nodes(e))
    shapes = {x.shape for x in every}
    inside = {room for x in every if x.op in ("slice", "embed") for room in rooms(x)}
    while True:
        yield _drawn(e, names, shapes, inside, rng)


def _drawn(
    e: Expr, names: list[str], shapes: set[tuple[Dim, Dim]], inside: set[Dim], rng: np.random.Generator
) -> dict[str, int]:
    for attempt in range(200):
        spread = rng.permutation(max(len(names), 4))[: len(names)] % DIFFERENT
        drawn = 2 + spread if attempt < 20 else rng.integers(1, 9 if attempt < 100 else 65, len(names))
        sizes = {name: int(size) for name, size in zip(names, drawn, strict=True)}
        numbers = [(rows.value(sizes), columns.value(sizes)) for rows, columns in shapes]
        fits = all(room.value(sizes) >= 0 for room in inside)
        if fits and all(rows >= 1 and columns >= 1 and rows * columns <= LARGEST for rows, columns in numbers):
            return sizes
    raise UnverifiedError(
        f"check: expected sizes under which all shapes in {e} are positive, found none. "
        f"No array has more than {LARGEST:.0e} entries in a check."
    )


def rooms(x: Expr) -> list[Dim]:
    """What is left round a block: before its first row and column, and after its last."""
    small, large = (x, x.args[0]) if x.op == "slice" else (x.args[0], x)
    after = [whole - first - part for whole, first, part in zip(large.shape, x.data, small.shape, strict=True)]
    return [*x.data, *after]


def points(e: Expr, rng: np.random.Generator, attempts: int) -> Iterator[Point]:
    """Random points for the symbols of `e`, drawn in ever different ways."""
    symbols = sorted(e.free, key=lambda s: s.name)
    for attempt, sizes in zip(range(attempts), _sizes(e, rng), strict=False):
        yield Point(sizes, {s: draw(s, sizes, attempt % KINDS, rng) for s in symbols})


def draw(s: Expr, sizes: dict[str, int], kind: int, rng: np.random.Generator) -> np.ndarray:
    """An array with the attributes of the symbol; `kind` chooses among the ways where these leave a choice.

    Raises UnverifiedError if no array is known that has them all.
    """
    shape = (s.shape[0].value(sizes), s.shape[1].value(sizes))
    had = attributes(s)
    array = _draw(shape, had, kind, rng, axis=0 if s.shape[1] == ONE else 1)
    if len(had) > 1 and lacking(s, array):
        wanted = ", ".join(sorted(had))
        raise UnverifiedError(f"check: expected an array {s.name} that is {wanted}, found none. Drop an attribute.")
    return array


def _draw(shape: tuple[int, int], had: frozenset[str], kind: int, rng: np.random.Generator, axis: int) -> np.ndarray:
    n = shape[0]
    free = rng.standard_normal(shape)
    mirrored = bool(had & {"symmetric", "positive_definite", "diagonal"})
    if "sums_to_one" in had:
        a = rng.uniform(0.2, 1.0, shape)
        if not mirrored:
            return a / a.sum(axis=axis, keepdims=True)
        return np.eye(n) if "diagonal" in had else (_balanced(a + a.T) + np.eye(n)) / 2
    if "orthogonal" in had:
        q = np.linalg.qr(free)[0]
        signs = np.ones(n) if "positive_definite" in had else rng.permutation((-1.0) ** np.arange(n))
        return np.diag(signs) if "diagonal" in had else (q * signs) @ q.T if mirrored else q
    if "positive_definite" in had and "positive" in had:
        free = np.abs(free)
        return free @ free.T + np.eye(n)
    if "positive_definite" in had:
        q = np.linalg.qr(free)[0]
        a = (q * rng.uniform(0.5, 2.0, n)) @ q.T
        return np.diag(np.diag(a)) if "diagonal" in had else (a + a.T) / 2
    square = shape[0] == shape[1]
    if kind >= 6:  # for domains far from 0, such as that of log(x - 5)
        free = (-1) ** kind * 10 ** rng.uniform(0, 3) * rng.uniform(0.5, 1.5, shape)
    if "positive" in had or kind in (2, 4):
        free = np.abs(free) + 0.5
    elif kind == 1:
        free = 0.5 * free
    elif kind == 5:
        free = rng.uniform(0.1, 0.6, shape)
    if square and ("invertible" in had or kind in (3, 4)):
        free = np.eye(shape[0]) + 0.3 * free / np.sqrt(shape[0])
    return structured(free, had)


def structured(a: np.ndarray, had: frozenset[str]) -> np.ndarray:
    """The nearest symmetric or diagonal matrix, where the symbol is one."""
    if "diagonal" in had:
        return np.diag(np.diag(a))
    if "lower_triangular" in had:
        return np.tril(a)
    return (a + a.T) / 2 if had & {"symmetric", "positive_definite"} else a


def _balanced(a: np.ndarray) -> np.ndarray:
    """A symmetric matrix of positive entries, its rows and columns scaled so that each sums to one."""
    d = np.ones(len(a))
    for _ in range(100):
        d = np.sqrt(d / (a @ d))
    return a * np.outer(d, d)
