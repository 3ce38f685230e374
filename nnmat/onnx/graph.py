"""A graph of ONNX as a layer of nnmat: its weights are parameters, its nodes run forward and backward."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..calls import backward_equations, forward_equations
from ..errors import ConfigError, FileFormatError, ShapeError
from ..layers.base import Layer
from ..layers.checks import FLAGS, TOKENS, batch_shape, is_several
from ..parameters import Parameter
from .operators.table import Node, room
from .plan import Plan, unsupported

PROBE = 2  # samples of the batch that shows which shapes a graph gives


class Graph(Layer):
    """The nodes of a graph of ONNX, one after the other, each by its operator.

    Forward
        A_out = f_node(A_in) for each node in order, by nnmat's kernels where they have it, else by NumPy
    Backward, for the upstream gradient G: the chain rule, from the last node to the first
        gA_in = Σ over the nodes that read A_in of (∂f_node/∂A_in)ᵀ gA_out
    Shapes: X (B, ...) or a tuple of such, as the graph's inputs, with the batch on axis 0 of each; Y (B, ...), the
        graph's output; images as in the file, most often channels-first. float32 or float64, as the file has it.
    Errors: FileFormatError (nodes that are not supported, or do not fit), ShapeError, DtypeError, StateError (backward
        through a node without a gradient).
    Reference: the operators of ONNX, onnx.ai/onnx/operators.

    `description` is what `nnmat.onnx.load` makes of a file, plain values that JSON can hold: nodes, inputs, output,
    parameters (their shapes), constants. In training it computes the same as in evaluation: a normalisation keeps its
    running figures, and Dropout does nothing.
    """

    recordable = False
    takes_several = True

    def __init__(self, description: Mapping[str, Any]):
        super().__init__()
        try:
            nodes = [_node(own) for own in description["nodes"]]
            self.inputs = [(str(n), np.dtype(d)) for n, d in description["inputs"]]
            self.output, self.precision = str(description["output"]), np.dtype(description["dtype"])
            shapes = {str(name): tuple(int(n) for n in shape) for name, shape in description["parameters"].items()}
            constants = {str(name): _array(own) for name, own in description["constants"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"Graph: expected a description as nnmat.onnx.load makes it, got another ({error!r:.80})."
            ) from None
        if odd := unsupported(nodes):
            raise FileFormatError(f"Graph: not supported: {'; '.join(odd)}.")
        self._description = dict(description)
        self.plan = Plan(nodes, [name for name, _ in self.inputs], [self.output], constants)
        self.weights = {name: Parameter(name, decay=len(shape) > 1) for name, shape in shapes.items()}
        self._shapes = shapes
        self._known: dict[Any, tuple] = {}  # shapes of outputs by those of inputs

    def own_parameters(self):
        return list(self.weights.values())

    def declare(self, input_shape, rng):
        if self.dtype != self.precision:
            raise ConfigError(f"{self.who}: expected dtype={self.precision}, that of the file, got {self.dtype}.")
        for name, p in self.weights.items():
            p.declare(self._shapes[name], lambda rng, shape: np.zeros(shape))

    def input_dtypes(self):
        kinds = tuple(TOKENS if d.kind in "iu" else FLAGS if d.kind == "b" else self.dtype for _, d in self.inputs)
        return kinds if len(kinds) > 1 else kinds[0]

    def output_shape(self, input_shape):
        shapes = input_shape if is_several(input_shape) else (input_shape,)
        if len(shapes) != len(self.inputs):
            names = ", ".join(name for name, _ in self.inputs)
            raise ShapeError(
                f"{self.who}: expected {len(self.inputs)} inputs ({names}), got {batch_shape(input_shape)}."
            )
        if shapes not in self._known:
            sizes = [room(self, (PROBE, *shape)) for shape in shapes]
            given = {name: np.zeros(s, d) for (name, d), s in zip(self.inputs, sizes, strict=True)}
            weights = {name: np.zeros(shape, self.precision) for name, shape in self._shapes.items()}
            with np.errstate(all="ignore"):
                Y = self.plan.run({**given, **weights})[self.output]
            if Y.ndim < 1 or len(Y) != PROBE or Y.dtype != self.precision:
                raise FileFormatError(
                    f"{self.who}: expected an output {self.output!r} of {self.precision} with the batch on axis 0, got "
                    f"{Y.dtype} {Y.shape} for a batch of {PROBE}."
                )
            self._known[shapes] = Y.shape[1:]
        return self._known[shapes]

    def _arrays(self, X: Any) -> dict[str, Any]:
        parts = X if isinstance(X, tuple) else (X,)
        given = {name: A.astype(d, copy=False) for (name, d), A in zip(self.inputs, parts, strict=True)}
        return given | {name: p.value for name, p in self.weights.items()}

    @forward_equations
    def forward(self, X, call):
        if not len(X[0] if isinstance(X, tuple) else X):
            call.keep(known=None)
            return np.empty((0, *self._output_shape), self.dtype)
        known = self.plan.run(self._arrays(X), keep=call.record)
        if call.record:
            call.keep(known=known)
        return np.ascontiguousarray(known[self.output])

    @backward_equations
    def backward(self, G, call):
        if call.known is None:
            found: dict[str, Any] = {}
        else:
            found = self.plan.backward(call.known, {self.output: G})
        for name, p in self.weights.items():
            if into := call.into(p):
                into.write(found.get(name, np.zeros(p.value.shape, self.dtype)))
        if not call.wants_input:
            return None
        shapes = self.input_shape if is_several(self.input_shape) else (self.input_shape,)
        parts = tuple(
            None if d.kind != "f" else np.ascontiguousarray(found.get(name, np.zeros((len(G), *s), self.dtype)))
            for (name, d), s in zip(self.inputs, shapes, strict=True)
        )
        return parts if len(parts) > 1 else parts[0]

    def flops(self):
        return sum(2 * math.prod(p.shape or ()) for p in self.weights.values() if len(p.shape or ()) > 1)

    def config(self):
        return {"description": self._description}

    def __repr__(self) -> str:
        kinds = list(dict.fromkeys(node.kind for node in self.plan.nodes))
        return f"Graph({len(self.plan.nodes)} nodes: {', '.join(kinds)})"


# ---- descriptions ----------------------------------------------------------------------------------------------------


def described_array(A: np.ndarray) -> dict[str, Any]:
    """An array as plain values."""
    A = np.asarray(A, order="C")
    text = base64.b64encode(A.astype(A.dtype.newbyteorder("<")).tobytes()).decode()
    return {"dtype": str(A.dtype), "shape": list(A.shape), "data": text}


def _array(own: Mapping[str, Any]) -> np.ndarray:
    dtype = np.dtype(own["dtype"])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    content = np.frombuffer(base64.b64decode(own["data"]), dtype.newbyteorder("<"))
    return content.astype(dtype).reshape([int(n) for n in own["shape"]])


def described_node(node: Node) -> dict[str, Any]:
    """A node as plain values."""
    attributes = {
        name: described_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    return {**node._asdict(), "inputs": list(node.inputs), "outputs": list(node.outputs), "attributes": attributes}


def _node(own: Mapping[str, Any]) -> Node:
    attributes = {
        str(name): _array(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
        for name, value in own["attributes"].items()
    }
    names = tuple(map(str, own["inputs"])), tuple(map(str, own["outputs"]))
    return Node(str(own["kind"]), *names, attributes, int(own["version"]), str(own["name"]))
