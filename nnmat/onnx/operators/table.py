"""The table of operators: what each computes, its gradient, its attributes, and who does the work.

A function `compute(node, *inputs)` takes NumPy arrays, None for an input that is left out, and gives an array or a
tuple. `gradient(node, inputs, outputs, G)` takes a gradient for each output, None for one that nobody used, and gives
one for each input, None where there is none.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from ...errors import FileFormatError

MOST = 2**26  # numbers of one array while a file is read, which is tried on a batch of two
_limit: ContextVar[int] = ContextVar("limit", default=2**40)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Node(NamedTuple):
    """One operation of a graph: names of arrays, attributes as plain values, the version of its operator set."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    version: int
    name: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    @property
    def who(self) -> str:
        """How it is called in messages."""
        return f"node {self.name!r} ({self.kind})" if self.name else f"a node of {self.kind}"

    def refusal(self, given: str, supported: str) -> FileFormatError:
        """What is raised for an option that is not supported."""
        return FileFormatError(f"{self.who}: {given} is not supported. Supported: {supported}.")


class Operator(NamedTuple):
    """What stands in the table.

    `kernels`: nnmat's kernels do the work, at least for floats, else NumPy does. `broadcasts`: the result has the shape
    that all inputs together have.
    """

    compute: Callable[..., Any]
    attributes: frozenset[str]
    kernels: bool
    broadcasts: bool


Gradient = Callable[[Node, Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]
OPERATORS: dict[str, Operator] = {}
GRADIENTS: dict[str, Gradient] = {}
PASSED_OVER = {"spatial"}  # an attribute of old files that changes nothing in evaluation


def operator(*kinds: str, attributes: str = "", kernels: bool = False, broadcasts: bool = False) -> Callable:
    """Mark what computes operators of these kinds."""

    def mark(function: Callable) -> Callable:
        found = Operator(function, frozenset(attributes.split()) | PASSED_OVER, kernels, broadcasts)
        OPERATORS.update(dict.fromkeys(kinds, found))
        return function

    return mark


def gradient(*kinds: str) -> Callable[[Gradient], Gradient]:
    """Mark the gradient of operators of these kinds."""

    def mark(function: Gradient) -> Gradient:
        GRADIENTS.update(dict.fromkeys(kinds, function))
        return function

    return mark


@contextlib.contextmanager
def careful() -> Iterator[None]:
    """While open, no operator makes an array of more than `MOST` numbers: a few bytes may ask for any size."""
    token = _limit.set(MOST)
    try:
        yield
    finally:
        _limit.reset(token)


def room(node: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """`shape` as a tuple, if an array of it may be made for a node (or a layer); else a FileFormatError."""
    sizes = tuple(int(n) for n in shape)
    total = 1
    for n in sizes:
        if n < 0:
            raise FileFormatError(f"{node.who}: expected sizes of at least 0, got {sizes}.")
        total *= n
    if total > _limit.get():
        raise FileFormatError(
            f"{node.who}: expected at most {_limit.get():,} numbers, got a shape of {total:,}, {sizes}."
        )
    return sizes


def is_plain(dtype: np.dtype) -> bool:
    """Whether NumPy itself has such numbers; other packages bring more."""
    return dtype.kind in "fiubc" and dtype.type.__module__ == "numpy"


def by_kernel(function: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray:
    """A kernel of single entries on floats of any precision; half precision is computed in float32."""
    A = np.ascontiguousarray(X, X.dtype if X.dtype in FLOATS else np.float32).reshape(-1)
    return function(A).reshape(X.shape).astype(X.dtype, copy=False) if A.size else X.copy()


def in_floats(*arrays: Any) -> list[Any]:
    """Arrays as the kernels take them: float32 or float64, all of one, contiguous. None stays."""
    dtype = np.result_type(*(A.dtype for A in arrays if A is not None))
    dtype = dtype if dtype in FLOATS else np.dtype(np.float32)
    return [None if A is None else np.ascontiguousarray(A, dtype) for A in arrays]


def summed(G: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of what was broadcast to the shape of G: summed over the axes that were repeated."""
    if G.shape == shape:
        return G
    extra = G.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and G.shape[i + extra] != 1)
    return G.sum(axis=axes, keepdims=True).reshape(shape)


def moved(*data: int) -> Gradient:
    """The gradient of an operator that moves, repeats and leaves out entries of its inputs at the places `data`.

    The operator is run on the numbers of the entries instead: where number i stands, the gradient of entry i is.
    Negative places stand for all inputs from there on.
    """

    def backward(node: Node, inputs: Sequence[Any], outputs: Sequence[Any], G: Sequence[Any]) -> Sequence[Any]:
        chosen = range(len(inputs)) if data == (-1,) else data
        numbers, count = list(inputs), 1  # number 0 stands for what comes from no entry
        for i in chosen:
            A = inputs[i]
            numbers[i], count = np.arange(count, count + A.size).reshape(A.shape), count + A.size
        made = OPERATORS[node.kind].compute(node, *numbers)
        sums = np.zeros(count)
        for places, g in zip(made if isinstance(made, tuple) else (made,), G, strict=False):
            if g is not None:
                sums += np.bincount(places.reshape(-1), np.asarray(g, np.float64).reshape(-1), count)
        found: list[Any] = [None] * len(inputs)
        first = 1
        for i in chosen:
            A = inputs[i]
            found[i], first = sums[first : first + A.size].reshape(A.shape).astype(A.dtype), first + A.size
        return found

    return backward


def as_axes(node: Node, axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes, also negative ones, as numbers from 0; a FileFormatError where there is no such axis."""
    found = tuple(int(a) for a in np.asarray(axes).reshape(-1))
    if any(not -ndim <= a < ndim for a in found):
        raise FileFormatError(f"{node.who}: expected axes from {-ndim} to {ndim - 1}, got {found}.")
    return tuple(a % ndim for a in found)


def flat_axis(node: Node, axis: int, ndim: int) -> int:
    """The axis at which an array is flattened to two, from 0 to `ndim`; negative ones count from the end."""
    return ndim if axis == ndim else as_axes(node, axis, ndim)[0]


def ints(A: Any) -> list[int]:
    """The numbers of an array of integers."""
    return [int(n) for n in np.asarray(A).reshape(-1)]
