"""Points to judge a record at: sizes, and arrays that are what their symbols were declared to be."""

from collections.abc import Sequence

import numpy as np

from ..errors import RecordError

Array = np.ndarray
ATTRIBUTES = {"symmetric", "positive_definite", "diagonal", "orthogonal", "invertible", "positive", "sums_to_one"}
ATTRIBUTES |= {"lower_triangular"}
WAYS = 6  # ways to draw a symbol without attributes


def sizes_for(names: Sequence[str], rng: np.random.Generator, attempt: int) -> dict[str, int]:
    """Small sizes, different where they can be, now and then large ones for kernels and strides."""
    if attempt % 4 == 3:
        return {name: int(rng.integers(1, 12)) for name in names}
    drawn = 2 + rng.permutation(max(len(names), 4))[: len(names)] % 7
    return {name: int(n) for name, n in zip(names, drawn, strict=True)}


def draw(shape: tuple[int, int], attributes: frozenset[str], way: int, rng: np.random.Generator) -> Array:
    """An array with these attributes. Raises RecordError where none is known that has them all."""
    array = _draw(shape, attributes, way, rng)
    for word in attributes & set(HOLDS):
        if not HOLDS[word](array, axis_of(array)):
            raise RecordError("symbols", f"no array is known that is {', '.join(sorted(attributes))}")
    return array


def axis_of(array: Array) -> int:
    """Along which axis the entries of a symbol sum to one: the rows of a matrix, a column."""
    return 0 if array.shape[1] == 1 else 1


def near(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max() < 1e-6)


HOLDS = {
    "symmetric": lambda a, axis: near(a, a.T),
    "positive_definite": lambda a, axis: near(a, a.T) and np.linalg.eigvalsh(a)[0] > 0,
    "diagonal": lambda a, axis: near(a, np.diag(np.diag(a))),
    "orthogonal": lambda a, axis: near(a.T @ a, np.eye(len(a))),
    "positive": lambda a, axis: bool((a > 0).all()),
    "lower_triangular": lambda a, axis: near(a, np.tril(a)),
    "sums_to_one": lambda a, axis: near(a.sum(axis=axis), np.ones(1)),
}


def _draw(shape: tuple[int, int], had: frozenset[str], way: int, rng: np.random.Generator) -> Array:
    n = shape[0]
    free = rng.standard_normal(shape)
    if "sums_to_one" in had:
        return _shares(shape, had, rng)
    if "orthogonal" in had:
        q = np.linalg.qr(free)[0]
        if had & {"diagonal", "positive_definite"}:
            return np.eye(n)
        return (q * rng.permutation((-1.0) ** np.arange(n))) @ q.T if "symmetric" in had else q
    if "positive_definite" in had:
        root = np.abs(free) if "positive" in had else free
        a = root @ root.T / n + 0.5 * np.eye(n)
        return np.diag(np.diag(a)) if "diagonal" in had else a
    if "positive" in had or way in (2, 4):
        free = np.abs(free) + 0.5
    elif way == 1:
        free = 0.4 * free
    elif way == 5:
        free = free + np.sign(free) * 20
    if shape[0] == shape[1] and ("invertible" in had or way in (3, 4)):
        free = np.eye(n) + 0.3 * free / np.sqrt(n)
    return structured(free, had)


def _shares(shape: tuple[int, int], had: frozenset[str], rng: np.random.Generator) -> Array:
    a = rng.uniform(0.2, 1.0, shape)
    if "diagonal" in had:
        return np.eye(shape[0])
    if had & {"symmetric", "positive_definite"}:
        a = a + a.T
        for _ in range(200):
            d = 1 / np.sqrt(a.sum(axis=1))
            a = a * np.outer(d, d)
        return (a + np.eye(shape[0])) / 2
    return a / a.sum(axis=0 if shape[1] == 1 else 1, keepdims=True)


def structured(a: Array, had: frozenset[str]) -> Array:
    """The part of a direction, or of a gradient, that keeps the attributes."""
    if "diagonal" in had:
        return np.diag(np.diag(a))
    if "lower_triangular" in had:
        return np.tril(a)
    return (a + a.T) / 2 if had & {"symmetric", "positive_definite"} else a


def direction(array: Array, had: frozenset[str], rng: np.random.Generator) -> Array:
    """A random direction of length 1 that keeps the attributes."""
    d = structured(rng.standard_normal(array.shape), had)
    return d / np.linalg.norm(d)
