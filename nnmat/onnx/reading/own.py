"""Files that nnmat has written: the same layers again, if their graph says just what the layers would write."""

import json
from typing import Any

import numpy as np

from ...formats.npz import declared, layer_from_config
from ...layers.base import Layer
from ...layers.checks import check_shape
from ..writing.file import graph_of
from .proto import Read


def layers(read: Read) -> Layer | None:
    """The model whose layers the metadata names, with the weights of the file; None if its graph is another one."""
    if "nnmat.architecture" not in read.metadata:
        return None
    try:
        spec = json.loads(read.metadata["nnmat.architecture"])
        shape = _as_tuple(json.loads(read.metadata["nnmat.input_shape"]))
        layout = read.metadata["nnmat.layout"]
        if not _fits(layer_from_config(spec, {}), shape, read):
            return None
        dtype = next(A.dtype for A in [*read.arrays.values(), np.zeros(0, read.inputs[0].dtype)] if A.dtype.kind == "f")
        model = layer_from_config(spec, {}).build(shape, dtype=dtype)
        for name, stored in graph_of(model, layout)[0].stored.items():
            stored.target[...] = stored.back(read.arrays[name])
        writer, *_ = graph_of(model, layout)
    except Exception:  # whatever is wrong with it: the graph is what counts, and it is read without it
        return None
    same = writer.arrays.keys() == read.arrays.keys() and all(
        A.dtype == read.arrays[name].dtype and np.array_equal(A, read.arrays[name], equal_nan=A.dtype.kind == "f")
        for name, A in writer.arrays.items()
    )
    nodes = [n.SerializeToString(deterministic=True) for n in writer.nodes]
    found = [n.SerializeToString(deterministic=True) for n in read.proto.graph.node]
    return model if same and nodes == found else None


def _fits(model: Layer, shape: Any, read: Read) -> bool:
    """Whether the layers have no more numbers than the file, before memory is taken for them."""
    parts = declared(model, check_shape(model.kind, shape), np.dtype(np.float32))
    total = sum(p.size for _, layer in parts for p in layer.own_parameters())
    return total <= 2 * sum(A.size for A in read.arrays.values())  # tied weights are counted at each place


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
