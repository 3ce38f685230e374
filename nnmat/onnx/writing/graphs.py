"""A graph that was read from a file, written back node by node."""

from typing import Any

import numpy as np

from ...errors import ConfigError
from ..graph import Graph
from .writer import Value, Writer, writes


@writes(Graph)
def _graph(w: Writer, layer: Graph, X: Any) -> Value:
    parts = X if isinstance(X, tuple) else (X,)
    versions = {node.version for node in layer.plan.nodes}
    if versions != {w.opset}:
        if w.nodes or layer.path or len(versions) != 1:
            raise ConfigError(
                f"{w.who}: expected a Graph of version {w.opset} of the operators inside of other layers, got "
                f"{', '.join(map(str, sorted(versions)))}. Write it alone: then the file has its version."
            )
        w.opset = versions.pop()
    prefix = f"{layer.path}/" if layer.path else ""
    names = {"": ""} | {name: w.parameter(p) for name, p in layer.weights.items()}
    for (name, dtype), value in zip(layer.inputs, parts, strict=True):
        kind = int(w.helper.np_dtype_to_tensor_dtype(dtype))
        names[name] = value.last() if dtype.kind in "fb" or dtype == np.int64 else w.node("Cast", value.last(), to=kind)
    for name, A in layer.plan.constants.items():
        names[name] = w.constant(A, A.dtype if A.dtype.kind != "f" or A.dtype != layer.precision else w.dtype)
    taken = set(w.arrays) | {name for node in w.nodes for name in node.output}
    for node in layer.plan.nodes:
        for name in node.outputs:
            new = f"{prefix}{name}"
            while name and new in taken:
                new = f"{new}'"
            names[name] = new if name else ""
            taken.add(new)
        outputs, inputs = ([names[name] for name in own] for own in (node.outputs, node.inputs))
        attributes = {
            name: w.tensor(value) if isinstance(value, np.ndarray) else value for name, value in node.attributes.items()
        }
        w.nodes.append(w.helper.make_node(node.kind, inputs, outputs, name=f"{prefix}{node.name}", **attributes))
    return Value(w, layer.output_shape(layer.input_shape), names[layer.output])
