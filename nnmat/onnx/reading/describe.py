"""A graph that was read, as the description of a `Graph`: what is a parameter, what is computed once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ConfigError, FileFormatError, ShapeError
from ...layers.checks import check_shape, is_several
from ..graph import Graph, described_array, described_node
from ..operators.table import FLOATS, Node
from ..plan import run_node, unsupported
from .proto import Input, Read

# Inputs of nodes that no training changes: running figures, bounds, sizes, what a mask puts in place of something.
_FIXED = {
    "BatchNormalization": (3, 4), "Clip": (1, 2), "Resize": (1, 2, 3), "Pad": (1, 2), "Where": (1, 2), "Pow": (1,),
    "Upsample": (1,), "CumSum": (1,), "OneHot": (2,), "Dropout": (1,), "ConstantOfShape": (0,),
}  # fmt: skip


def check(read: Read) -> None:
    """Raise FileFormatError with all that is not supported."""
    if odd := unsupported(read.nodes):
        more = f"; and {len(odd) - 10} more" if len(odd) > 10 else ""
        raise FileFormatError(f"not supported: {'; '.join(odd[:10])}{more}.")


def folded(read: Read) -> tuple[list[Node], dict[str, np.ndarray]]:
    """The nodes that depend on inputs or on weights, and the arrays that the others give, with the file's own."""
    arrays = dict(read.arrays)
    fixed: set[str] = {""}
    nodes = []
    for node in read.nodes:
        if all(name in fixed for name in node.inputs):
            made = run_node(node, [arrays.get(name) for name in node.inputs])
            arrays |= {name: A for name, A in zip(node.outputs, made, strict=False) if name}
            fixed |= set(node.outputs)
        elif node.kind == "Identity" and node.inputs[0] in arrays:  # a weight under another name
            arrays[node.outputs[0]] = arrays[node.inputs[0]]
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.inputs} | set(read.outputs)
    return nodes, {name: A for name, A in arrays.items() if name in used}


class Asked(NamedTuple):
    """What a model is made for: an output, the inputs that it depends on, the shape of a sample of these."""

    output: str
    inputs: list[Input]
    shape: Any


def asked(read: Read, output: str | None = None, input_shape: Any = None) -> Asked:
    """What the caller asks for, checked. Raises ConfigError (output), ShapeError (input_shape), FileFormatError."""
    chosen = _chosen_output(read, output)
    used = {name for node in needed(read.nodes, chosen) for name in node.inputs}
    inputs = [own for own in read.inputs if own.name in used]
    return Asked(chosen, inputs, _sample_shape(inputs, input_shape))


def graph(read: Read, wanted: Asked) -> Graph:
    """The built `Graph`, with its weights. Raises FileFormatError."""
    nodes, arrays = folded(read)
    nodes = needed(nodes, wanted.output)
    nodes, arrays = _parted(nodes, arrays)
    used = {name for node in nodes for name in node.inputs} | {wanted.output}
    arrays = {name: A for name, A in arrays.items() if name in used}
    dtype = precision(read, arrays)
    own = {name for name, A in arrays.items() if any(A is B for B in read.arrays.values())}
    weights = {name: A for name, A in arrays.items() if name in own and _is_weight(name, A, nodes, dtype)}
    description = {
        "nodes": [described_node(node) for node in nodes],
        "inputs": [[given.name, str(given.dtype)] for given in wanted.inputs],
        "output": wanted.output,
        "dtype": str(dtype),
        "parameters": {name: list(A.shape) for name, A in weights.items()},
        "constants": {name: described_array(A) for name, A in arrays.items() if name not in weights},
    }
    model = Graph(description).build(wanted.shape, dtype=dtype)
    for name, A in weights.items():
        model.weights[name].value = A
    return model


def _parted(nodes: Sequence[Node], arrays: dict[str, np.ndarray]) -> tuple[list[Node], dict[str, np.ndarray]]:
    """An array that stands for a weight and for what nobody trains, because it happens to hold the same, as two."""
    found: list[Node] = []
    copies: dict[str, np.ndarray] = {}
    taken = set(arrays).union(*(node.outputs for node in nodes))
    end = ":fixed"
    while any(f"{name}{end}" in taken for name in arrays):
        end += "'"
    for node in nodes:
        fixed = _FIXED.get(node.kind, ())
        names = [f"{name}{end}" if i in fixed and name in arrays else name for i, name in enumerate(node.inputs)]
        copies |= {new: arrays[name] for new, name in zip(names, node.inputs, strict=True) if new != name}
        found.append(node._replace(inputs=tuple(names)))
    return found, {**arrays, **copies}


def _chosen_output(read: Read, output: str | None) -> str:
    """The name of the output that the model gives."""
    if output is None and len(read.outputs) == 1:
        return read.outputs[0]
    if output not in read.outputs:
        asked = "several" if output is None else repr(output)
        raise ConfigError(
            f"expected output as one of {', '.join(map(repr, read.outputs))}, got {asked}. Give output=..."
        )
    return str(output)


def needed(nodes: Sequence[Node], output: str) -> list[Node]:
    """The nodes that an output depends on."""
    wanted, found = {output}, []
    for node in reversed(nodes):
        if wanted & set(node.outputs):
            found.append(node)
            wanted |= set(node.inputs)
    return found[::-1]


def precision(read: Read, arrays: dict[str, np.ndarray]) -> np.dtype:
    """float32 or float64: that of the inputs, or else of the weights."""
    found = {given.dtype for given in read.inputs if given.dtype.kind == "f"}
    found = found or {A.dtype for A in arrays.values() if A.dtype.kind == "f" and A.ndim}
    if len(found) != 1 or not found <= set(FLOATS):
        raise FileFormatError(f"expected numbers of float32 or of float64, got {', '.join(map(str, found)) or 'none'}.")
    return found.pop()


def _is_weight(name: str, A: np.ndarray, nodes: Sequence[Node], dtype: np.dtype) -> bool:
    """Whether an array of the file is to be trained: floats on some axes, at places where weights stand."""
    if A.dtype != dtype or A.ndim == 0 or not A.size:
        return False
    places = [(n.kind, i) for n in nodes for i, given in enumerate(n.inputs) if given == name]
    return bool(places) and not any(i in _FIXED.get(kind, ()) for kind, i in places)


def _sample_shape(inputs: Sequence[Input], given: Any) -> Any:
    """The shape of one sample of each input, from the file or as given."""
    if not inputs:
        raise FileFormatError("it has no input that its output depends on.")
    if given is not None:
        return _fitting_shape(inputs, check_shape("input_shape", given))
    for own in inputs:
        if not own.shape or None in own.shape[1:]:
            sizes = ", ".join("?" if n is None else str(n) for n in own.shape)
            raise ShapeError(
                f"expected an input of fixed sizes behind the batch, got {own.name!r} of shape ({sizes}). Give "
                "input_shape=..., that of one sample."
            )
    shapes = tuple(own.shape[1:] for own in inputs)
    return shapes if len(shapes) > 1 else shapes[0]


def _fitting_shape(inputs: Sequence[Input], given: Any) -> Any:
    """The shape that the caller gives, if it is one that the file leaves open."""
    shapes = given if is_several(given) else (given,)
    wanted = [own.shape[1:] for own in inputs]
    fits = len(shapes) == len(wanted) and all(
        len(a) == len(b) and all(m in (n, None) for m, n in zip(b, a, strict=True))
        for a, b in zip(shapes, wanted, strict=True)
    )
    if not fits:
        texts = [f"({', '.join('?' if n is None else str(n) for n in shape)})" for shape in wanted]
        raise ShapeError(
            f"expected input_shape as the file has it, one sample of {' and '.join(texts)} without the batch, got "
            f"{given}."
        )
    return given
