"""Files that nnmat has written: the same layers again, if their graph says just what the layers would write."""

import json
from typing import Any

import numpy as np

from ...formats.npz import layer_from_config
from ...layers.base import Layer
from ..writing.file import graph_of
from .proto import Read

MOST = 10_000_000  # sizes beyond it are not believed


def layers(read: Read) -> Layer | None:
    """The model whose layers the metadata names, with the weights of the file; None if its graph is another one."""
    if "nnmat.architecture" not in read.metadata:
        return None
    try:
        spec = json.loads(read.metadata["nnmat.architecture"])
        shape = _as_tuple(json.loads(read.metadata["nnmat.input_shape"]))
        layout = read.metadata["nnmat.layout"]
        if not _is_small([spec, shape]) or not _fits(layer_from_config(spec, {}), shape, read):
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


def _is_small(value: Any) -> bool:
    """Whether no number in it is larger than any size."""
    if isinstance(value, dict):
        return all(map(_is_small, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_small, value))
    return not isinstance(value, int | float) or abs(value) <= MOST


def _fits(model: Layer, shape: Any, read: Read) -> bool:
    """Whether the layers have no more numbers than the file, before memory is taken for them."""
    total = 0

    def declare(layer: Layer, own: Any) -> None:
        nonlocal total
        layer.input_shape, layer.dtype = own, np.dtype(np.float32)
        layer._output_shape = layer.output_shape(own)
        layer.declare(own, np.random.default_rng(0))
        total += sum(p.size for p in layer.own_parameters())
        for child, inner in zip(layer.children(), layer.child_shapes(own), strict=True):
            declare(child, inner)

    declare(model, shape)
    return total <= 2 * sum(A.size for A in read.arrays.values())  # tied weights are counted at each place


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
