"""A model as a file of ONNX: written whole and checked, or not at all."""

import json
import os
from typing import Any

import numpy as np

from ...checks import flag
from ...errors import BuildError, ConfigError
from ...extras import extra
from ...formats.atomic import atomic_write
from ...formats.paths import as_path
from ...layers.base import Layer
from ...layers.checks import is_several

# Each registers what it writes.
from . import attention, containers, convolution, elementwise, expressions, graphs, norms, pooling, recurrent  # noqa: F401
from .check import Verification, verified
from .writer import Value, Writer

LAYOUTS = ("NHWC", "NCHW")
MOST_BYTES = 2**31 - 2**20  # what one message of protobuf holds
IR_VERSION = 10  # that of the operators' version, so that older readers take it
WHO = "nnmat.onnx.save"


def save(
    model: Layer,
    path: str | bytes | os.PathLike,
    *,
    layout: str = "NHWC",
    verify: bool = True,
    example: Any = None,
    progress: bool = True,
) -> Verification | None:
    """Write a built model to `path` (`.onnx`), as it computes in evaluation, for batches of any size.

    Inputs and outputs have nnmat's order, images (B, H, W, C); `layout="NCHW"` has images channels-first in the file.
    `verify`: before it takes its name the file is run by onnxruntime (in float32 where that lacks an operator of
    float64), or by ONNX's reference where it is not installed, on `example` or on drawn samples; the largest difference
    is printed (`progress`), stored in the file and returned. Returns None if not verified.

    Raises BuildError (not built), ConfigError (options; a layer of a class of its own; another ending than `.onnx`; too
    large for one file), StateError (the other library computes something else), MissingExtraError, OSError.
    """
    path = as_path(WHO, path)
    if path.suffix != ".onnx":
        raise ConfigError(f"{WHO}: expected a file name that ends in .onnx, got {str(path)!r}. Try {path.name}.onnx.")
    if not isinstance(model, Layer) or not model.built:
        raise BuildError(f"{WHO}: expected a built model, got {model!r}. Give Sequential(..., input_shape=...).")
    verify, progress = flag(WHO, "verify", verify), flag(WHO, "progress", progress)
    proto, inputs, first = model_proto(model, layout)
    onnx = extra("onnx", WHO, "onnx")
    onnx.checker.check_model(proto, full_check=True)
    found = None
    if verify:

        def written(dtype: Any) -> bytes:
            same = dtype == model.dtype
            return (proto if same else model_proto(model, layout, dtype)[0]).SerializeToString()

        found = verified(model, written, inputs, first, example)
        onnx.helper.set_model_props(proto, {**metadata(model, layout), "nnmat.verified": str(found)})
    content = proto.SerializeToString()
    with atomic_write(path, len(content)) as file:
        file.write(content)
    if found is not None and progress:
        print(f"{path.name}: {found}")
    return found


def model_proto(model: Layer, layout: str = "NHWC", dtype: Any = None) -> tuple[Any, list[str], list[bool]]:
    """The model in ONNX, the names of its inputs, and which of them, and the output, have their channels first."""
    writer, result, inputs, first = graph_of(model, layout, dtype)
    onnx = extra("onnx", WHO, "onnx")
    helper = onnx.helper
    size = sum(A.nbytes for A in writer.arrays.values())
    if size > MOST_BYTES:
        raise ConfigError(f"{WHO}: expected a model of at most {MOST_BYTES:,} bytes, that a file holds, got {size:,}.")
    shapes = model.input_shape if is_several(model.input_shape) else (model.input_shape,)
    kinds = model.input_dtype if isinstance(model.input_dtype, tuple) else (model.input_dtype,) * len(shapes)

    def described(name: str, kind: Any, shape: tuple, turned: bool) -> Any:
        shape = (shape[-1], *shape[:-1]) if turned else shape
        kind = writer.dtype if np.dtype(kind).kind == "f" else kind
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), ["B", *shape])

    graph = helper.make_graph(
        writer.nodes,
        model.kind,
        [described(*own) for own in zip(inputs, kinds, shapes, first, strict=False)],
        [described("Y", model.dtype, result.shape, first[-1])],
        [writer.tensor(A, name) for name, A in writer.arrays.items()],
    )
    operators = [helper.make_opsetid("", writer.opset)]
    version = max(IR_VERSION, helper.find_min_ir_version_for(operators))
    proto = helper.make_model(graph, opset_imports=operators, ir_version=version, producer_name="nnmat")
    helper.set_model_props(proto, metadata(model, layout))
    return proto, inputs, first


def graph_of(model: Layer, layout: str, dtype: Any = None) -> tuple[Writer, Value, list[str], list[bool]]:
    """The nodes of a model, what it gives, the names of its inputs, and what has its channels first."""
    if layout not in LAYOUTS:
        raise ConfigError(f"{WHO}: expected layout as one of {', '.join(LAYOUTS)}, got {layout!r}.")
    writer = Writer(WHO, model.dtype if dtype is None else np.dtype(dtype))
    several = is_several(model.input_shape)
    shapes = model.input_shape if several else (model.input_shape,)
    inputs = [f"X{i}" for i in range(len(shapes))] if several else ["X"]
    first = [layout == "NCHW" and len(shape) == 3 for shape in shapes]
    given = tuple(
        Value(writer, shape, first=name) if turned else Value(writer, shape, name)
        for name, shape, turned in zip(inputs, shapes, first, strict=True)
    )
    result = writer.layer(model, given if several else given[0])
    first.append(layout == "NCHW" and len(result.shape) == 3)
    writer.nodes.append(
        writer.helper.make_node("Identity", [result.first() if first[-1] else result.last()], ["Y"], name="Y")
    )
    return writer, result, inputs, first


def metadata(model: Layer, layout: str) -> dict[str, str]:
    """What the file says of the model beside its graph: enough to make the same layers again."""
    try:
        spec = json.dumps(model.spec())
    except (TypeError, ValueError):  # options that JSON has no form for: the graph alone is read then
        return {}
    shape = json.dumps(model.input_shape)
    return {"nnmat.architecture": spec, "nnmat.input_shape": shape, "nnmat.layout": layout}
