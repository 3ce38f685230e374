"""The nodes, weights and names of an ONNX graph while it is written, and arrays in one order of axes or in both."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ConfigError
from ...extras import extra
from ...layers.base import Layer
from ...parameters import Parameter

OPSET = 21
WRITERS: dict[type, Callable[..., Any]] = {}


def writes(*classes: type) -> Callable:
    """Mark `function(w, layer, X)`, X a `Value` or a tuple of such, as what writes these classes of layers."""

    def mark(function: Callable) -> Callable:
        WRITERS.update(dict.fromkeys(classes, function))
        return function

    return mark


class Stored(NamedTuple):
    """An array of the file that holds a parameter or a buffer, in ONNX's order; `back` turns it to nnmat's."""

    target: np.ndarray
    back: Callable[[np.ndarray], np.ndarray]


class Value:
    """An array of the graph, (B, *shape) with the channels last, and its names: as it is, and with channels first.

    Either is made from the other when it is asked for, by one Transpose.
    """

    def __init__(self, writer: "Writer", shape: Sequence[int], last: str | None = None, first: str | None = None):
        self.writer, self.shape = writer, tuple(shape)
        self._last, self._first = (last or first, first or last) if len(self.shape) < 2 else (last, first)

    def last(self) -> str:
        """The name of the array with its channels on the last axis."""
        if self._last is None:
            assert self._first is not None
            n = len(self.shape)
            self._last = self.writer.node("Transpose", self._first, perm=[0, *range(2, n + 1), 1])
        return self._last

    def first(self) -> str:
        """The name of the array with its channels on axis 1."""
        if self._first is None:
            assert self._last is not None
            n = len(self.shape)
            self._first = self.writer.node("Transpose", self._last, perm=[0, n, *range(1, n)])
        return self._first

    def is_first(self) -> bool:
        """Whether the array is there with its channels first alone."""
        return self._last is None

    def there(self) -> str:
        """The name of the array in an order that needs no Transpose."""
        return self.first() if self.is_first() else self.last()

    def like(self, name: str, shape: Sequence[int] | None = None) -> "Value":
        """An array of another name in the order that `there` has."""
        shape = self.shape if shape is None else shape
        return Value(self.writer, shape, first=name) if self.is_first() else Value(self.writer, shape, last=name)


class Writer:
    """A graph that grows node by node. `stored` says which of its arrays hold which parameters."""

    def __init__(self, who: str, dtype: np.dtype):
        self.who, self.dtype, self.opset = who, dtype, OPSET
        onnx = extra("onnx", who, "onnx")
        self.helper, self.tensor = onnx.helper, onnx.numpy_helper.from_array
        self.nodes: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.stored: dict[str, Stored] = {}
        self._scope = ""
        self._counts: dict[str, int] = {}
        self._written: dict[Any, str] = {}  # arrays that are there already, by what they are

    # ---- names ---------------------------------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        base = f"{self._scope}/{kind}" if self._scope else kind
        self._counts[base] = self._counts.get(base, -1) + 1
        return f"{base}_{self._counts[base]}" if self._counts[base] else base

    # ---- nodes ---------------------------------------------------------------------------------------------------

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; gives the name of its output, or their names. "" stands for an input that is left out."""
        name = self._name(kind)
        names = [name if i == 0 else f"{name}:{i}" for i in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of an array that is no parameter; equal ones are one. Floats get the model's dtype."""
        A = np.asarray(value)
        A = A.astype(dtype if dtype is not None else self.dtype if A.dtype.kind == "f" else A.dtype, order="C")
        key = (A.dtype.str, A.shape, A.tobytes())
        if key not in self._written:
            name = self._written[key] = f"constant_{len(self._written)}"
            value = self.tensor(A, name)
            self.nodes.append(self.helper.make_node("Constant", [], [name], name=name, value=value))
        return self._written[key]

    def numbers(self, *values: int) -> str:
        """A constant vector of int64: axes, sizes."""
        return self.constant(np.array(values, np.int64))

    def parameter(
        self,
        p: Parameter,
        there: Callable[[np.ndarray], np.ndarray] = lambda A: A,
        back: Callable[[np.ndarray], np.ndarray] = lambda A: A,
    ) -> str:
        """The name of a parameter's array, `there(value)`; `back` is the inverse of `there`."""
        return self.array(p.name, p.value, there, back)

    def array(
        self,
        name: str,
        A: np.ndarray,
        there: Callable[[np.ndarray], np.ndarray] = lambda A: A,
        back: Callable[[np.ndarray], np.ndarray] = lambda A: A,
    ) -> str:
        """The same for any array of a model that is stored with it. In two orders it stands there twice."""
        B = np.array(there(A), self.dtype if A.dtype.kind == "f" else A.dtype, order="C")
        known = name
        while known in self.stored:
            if np.array_equal(self.arrays[known], B, equal_nan=True):
                return known
            known = f"{known}:again"
        self.arrays[known], self.stored[known] = B, Stored(A, back)
        return known

    # ---- layers --------------------------------------------------------------------------------------------------

    def layer(self, layer: Layer, X: Any) -> Value:
        """Write a layer behind X. Raises ConfigError for a class that has no form in ONNX."""
        if type(layer) not in WRITERS:
            known = ", ".join(sorted(c.__name__ for c in WRITERS))
            raise ConfigError(
                f"{self.who}: expected layers with a form in ONNX, got {layer.who}, of a class of its own. Supported: "
                f"{known}. Put such layers together, or write its equation as an Expression."
            )
        before, self._scope = self._scope, layer.path
        try:
            return WRITERS[type(layer)](self, layer, X)
        finally:
            self._scope = before

    # ---- what many layers need -----------------------------------------------------------------------------------

    def by_entries(self, X: Value, kind: str, **attributes: Any) -> Value:
        """A function of single entries, of any order of axes."""
        return X.like(self.node(kind, X.there(), **attributes))

    def chain(self, *nodes: tuple, start: str) -> str:
        """Nodes one after the other, each (kind, other inputs...)."""
        return functools.reduce(lambda name, n: self.node(n[0], name, *n[1:]), nodes, start)

    def reshaped(self, name: str, *sizes: int) -> str:
        """An array of other sizes; the batch stays as it is."""
        return self.node("Reshape", name, self.numbers(0, *sizes))

    def linear(self, name: str, layer: Any, axes: int) -> str:
        """H = X Wᵀ + 1 bᵀ of the last axis, of arrays with so many axes beside the batch."""
        W = layer.weight
        if axes == 1:
            b = [] if layer.bias is None else [self.parameter(layer.bias)]
            return self.node("Gemm", name, self.parameter(W), *b, transB=1)
        H = self.node("MatMul", name, self.parameter(W, np.transpose, np.transpose))
        return H if layer.bias is None else self.node("Add", H, self.parameter(layer.bias))
