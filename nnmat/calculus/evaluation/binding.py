"""What an evaluation is given: arrays for symbols and sizes for dimensions, checked against each other."""

from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import normalize

import numpy as np

from ...checks import count, real_array
from ..dimensions import ONE, show
from ..errors import DomainError, ShapeError
from ..language.assumptions import attributes
from ..language.expr import Expr, dimensions, nodes


def _near(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal as far as float32 tells."""
    return bool(np.abs(a - b).max() <= 1e-5 * max(np.abs(a).max(), np.abs(b).max()))


LARGEST = 2**53  # of the sizes that float64 holds


HOLDS: dict[str, Callable[[np.ndarray], bool]] = {
    "symmetric": lambda a: _near(a, a.T),
    "positive_definite": lambda a: _near(a, a.T) and np.linalg.eigvalsh(a)[0] > 0,
    "diagonal": lambda a: _near(a, np.diag(np.diag(a))),
    "lower_triangular": lambda a: _near(a, np.tril(a)),
    "orthogonal": lambda a: _near(a.T @ a, np.eye(len(a))),
    "positive": lambda a: bool((a > 0).all()),
    "sums_to_one": lambda a: _near(a.sum(axis=1), np.ones(1)),
}


def lacking(symbol: Expr, array: np.ndarray) -> list[str]:
    """The declared attributes that an array does not have."""
    lines = array.T if symbol.shape[1] == ONE else array  # a matrix whose rows have one entry each is no column
    return [word for word in sorted(attributes(symbol) & set(HOLDS)) if not HOLDS[word](lines)]


def bind(expression: Expr, values: Mapping[str, Any]) -> tuple[dict[Expr, np.ndarray], dict[str, int]]:
    """Arrays (rows, columns) for the symbols, with the attributes that these have, and sizes for the dimensions."""
    symbols = {s.name: s for s in sorted(expression.free, key=lambda s: s.name)}
    given: dict[Expr, np.ndarray] = {}
    arrays: dict[Expr, np.ndarray] = {}
    sizes: dict[str, int] = {}
    needed = dimensions(expression)
    values = {normalize("NFKC", name): value for name, value in values.items()}
    lengths = {str(d) for x in nodes(expression) for d in x.shape}
    for name, value in values.items():
        if name in needed and name not in symbols:
            sizes[name] = count("evaluate", name, value, 1 if name in lengths else 0)  # a place or a power can be 0
            if sizes[name] > LARGEST:
                raise ShapeError(f"evaluate: expected {name} as a size below 2**53, got a larger one.")
    missing = sorted(set(symbols) - set(values))
    if missing:
        raise ShapeError(f"evaluate: expected a value for {', '.join(missing)}, got none. Pass {missing[0]}=array.")
    for name, symbol in symbols.items():
        array = _array(symbol, values[name])
        column = symbol.shape[1] == ONE and array.ndim < 2
        full = array.reshape(-1, 1) if column else array
        _learn(symbol, full, sizes)
        given[symbol], arrays[symbol] = array, full
    for symbol, full in arrays.items():  # when all sizes are known: a computed one, M + 1, needs that of M
        _fit(symbol, given[symbol], full, sizes)
        for word in lacking(symbol, full):
            raise DomainError(f"evaluate: expected {symbol.name} as it was declared, {word}, got an array that is not.")
    unknown = sorted(needed - set(sizes))
    if unknown:
        raise ShapeError(f"evaluate: expected the size of {', '.join(unknown)}, got none. Pass {unknown[0]}=3.")
    return arrays, sizes


def _array(symbol: Expr, value: Any) -> np.ndarray:
    array = real_array("evaluate", symbol.name, value).astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise DomainError(f"evaluate: expected finite values for {symbol.name}, got NaN or infinity.")
    return array


def _learn(symbol: Expr, full: np.ndarray, sizes: dict[str, int]) -> None:
    """The sizes that an array shows."""
    for wanted, got in zip(symbol.shape, full.shape, strict=False):
        if len(wanted.names) == 1 and str(wanted) in wanted.names:
            sizes.setdefault(str(wanted), got)


def _fit(symbol: Expr, given: np.ndarray, full: np.ndarray, sizes: Mapping[str, int]) -> None:
    """The array has the shape of its symbol, as far as the sizes are known."""
    if (
        full.ndim != 2
        or full.size == 0
        or any(
            wanted.names <= set(sizes) and wanted.value(sizes) != got
            for wanted, got in zip(symbol.shape, full.shape, strict=True)
        )
    ):
        known = ", ".join(f"{n} = {sizes[n]}" for d in symbol.shape for n in sorted(d.names) if n in sizes)
        raise ShapeError(
            f"evaluate: expected {symbol.name} of shape {show(symbol.shape)}{f' with {known}' if known else ''}, "
            f"got {given.shape}. Check the transposes and the other arrays."
        )
