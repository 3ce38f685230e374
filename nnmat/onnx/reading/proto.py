"""The bytes of a file of ONNX as nodes and arrays, every claim checked before memory is taken for it."""

import functools
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import FileFormatError
from ...extras import extra
from ..operators.table import Node

WHO = "nnmat.onnx.load"
DOMAINS = ("", "ai.onnx")
MOST_NODES = 100_000  # that functions may make of a file: each may call others twice, and so on


class Input(NamedTuple):
    """An input of a graph: its dtype, and its sizes, None where they are not fixed."""

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...]


class Read(NamedTuple):
    """A graph: its nodes, inputs, outputs, weights and constants; the file's metadata."""

    nodes: list[Node]
    inputs: list[Input]
    outputs: list[str]
    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]
    proto: Any


def read(path: Path) -> Read:
    """The graph in a file. Raises FileFormatError for one that is damaged, of another kind, or reaches outside."""
    onnx = extra("onnx", WHO, "onnx")
    try:
        proto = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # what protobuf raises for damaged bytes is a class of its own
        raise FileFormatError(f"{WHO}: {path} is no file of ONNX, or damaged ({error}).") from None
    try:
        return from_proto(proto, path.parent)
    except FileFormatError as error:
        raise FileFormatError(f"{WHO}: {path}: {error}") from None


def from_proto(proto: Any, folder: Path | None = None) -> Read:
    """The graph of a model that is parsed; `folder`: where its weights may lie in files of their own."""
    onnx = extra("onnx", WHO, "onnx")
    graph = proto.graph
    _check_names(graph)
    if not graph.node or not graph.output:
        raise FileFormatError("it has no graph with nodes and outputs.")
    tensors = {t.name: _array(onnx, t, folder) for t in graph.initializer}
    if graph.sparse_initializer:
        raise FileFormatError("sparse weights are not supported. Store them as dense ones.")
    try:
        if len(proto.functions):
            if (count := _inlined(proto)) > MOST_NODES:
                raise ValueError(f"its functions make {count:,} nodes of it, more than {MOST_NODES:,}")
            proto = extra("onnx.inliner", WHO, "onnx").inline_local_functions(proto)
            graph = proto.graph
        if folder is None or not any(map(_is_outside, graph.initializer)):  # else it would read those files itself
            onnx.checker.check_model(proto)
    except Exception as error:  # a class of the checker's own
        raise FileFormatError(f"it is not valid: {error}") from None
    versions = {o.domain: o.version for o in proto.opset_import}
    version = next((versions[d] for d in DOMAINS if d in versions), 1)
    nodes = [_node(onnx, n, version) for n in graph.node]
    inputs = [_input(onnx, value) for value in graph.input if value.name not in tensors]
    metadata = {p.key: p.value for p in proto.metadata_props}
    return Read(nodes, inputs, [o.name for o in graph.output], tensors, metadata, proto)


def _inlined(proto: Any) -> int:
    """How many nodes a model has once the nodes of its functions stand in their places."""
    bodies = {(f.domain, f.name, f.overload): f.node for f in proto.functions}

    @functools.cache
    def of_function(key: tuple[str, str, str]) -> int:
        return of_nodes(bodies[key])

    def of_nodes(nodes: Any) -> int:
        total = 0
        for n in nodes:
            key = (n.domain, n.op_type, n.overload)
            total += of_function(key) if key in bodies else 1
            total += sum(of_nodes(g.node) for a in n.attribute for g in (a.g, *a.graphs))
        return total

    return of_nodes(proto.graph.node)


def _check_names(graph: Any) -> None:
    """Raise FileFormatError for a name that is no text, which protobuf hands out as bytes."""
    names = [part.name for part in (*graph.input, *graph.output, *graph.initializer)]
    for n in graph.node:
        names += [n.op_type, n.domain, n.name, *n.input, *n.output, *(a.name for a in n.attribute)]
    if odd := [name for name in names if not isinstance(name, str)]:
        raise FileFormatError(f"it is damaged: the name {odd[0]!r:.60} is no text.")


def _node(onnx: Any, n: Any, version: int) -> Node:
    kind = n.op_type if n.domain in DOMAINS else f"{n.domain}.{n.op_type}"
    attributes = {a.name: _attribute(onnx, a) for a in n.attribute}
    return Node(kind, tuple(n.input), tuple(n.output), attributes, version, n.name)


def _attribute(onnx: Any, a: Any) -> Any:
    """The value of an attribute; of one that is a graph its name, which no operator here takes."""
    if a.type in (a.GRAPH, a.GRAPHS, a.SPARSE_TENSOR, a.SPARSE_TENSORS, a.TYPE_PROTO, a.TYPE_PROTOS, a.TENSORS):
        return None
    if a.type == a.TENSOR:
        return _array(onnx, a.t, None)
    value = onnx.helper.get_attribute_value(a)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if a.type == a.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    if a.type == a.FLOAT:  # float32 in the file: the number that was meant, 1e-05 and not 9.999999747378752e-06
        return float(str(np.float32(value)))
    return list(value) if a.type in (a.INTS, a.FLOATS) else value


def _input(onnx: Any, value: Any) -> Input:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise FileFormatError(f"input {value.name!r} is no array. Supported: arrays of numbers.")
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    except KeyError:
        raise FileFormatError(f"input {value.name!r} has the unknown type {kind.elem_type}.") from None
    sizes = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim]
    return Input(value.name, dtype, tuple(sizes))


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _is_outside(t: Any) -> bool:
    return bool(t.data_location == t.EXTERNAL)


def _array(onnx: Any, t: Any, folder: Path | None) -> np.ndarray:
    if any(n < 0 for n in t.dims):
        raise FileFormatError(f"array {t.name!r} has negative sizes, {tuple(t.dims)}.")
    try:
        if _is_outside(t):
            return _outside(onnx, t, folder)
        return np.array(onnx.numpy_helper.to_array(t))
    except FileFormatError:
        raise
    except Exception as error:  # sizes and bytes that do not fit, types and paths that are none
        raise FileFormatError(f"array {t.name!r} is damaged: {type(error).__name__}: {error}") from None


def _outside(onnx: Any, t: Any, folder: Path | None) -> np.ndarray:
    """An array in a file beside the model's, in the same folder or below it."""
    entries = {e.key: e.value for e in t.external_data}
    location = entries.get("location", "")
    if folder is None or not location:
        raise FileFormatError(f"array {t.name!r} lies in another file, which is supported for weights alone.")
    base, place = os.path.realpath(folder), os.path.realpath(folder / location)
    if os.path.isabs(location) or os.path.commonpath([base, place]) != base or not os.path.isfile(place):
        raise FileFormatError(
            f"array {t.name!r} lies in {location!r}: expected a file in the folder of the model, or below it."
        )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(t.data_type))
    count = math.prod(t.dims)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", count * dtype.itemsize))
    except ValueError:
        raise FileFormatError(f"array {t.name!r}: its offset or length is no number.") from None
    if offset < 0 or length != count * dtype.itemsize or offset + length > os.path.getsize(place):
        raise FileFormatError(f"array {t.name!r}: {location!r} does not hold its {count * dtype.itemsize:,} bytes.")
    with open(place, "rb") as file:
        file.seek(offset)
        content = file.read(length)
    return np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype).reshape(tuple(t.dims))
