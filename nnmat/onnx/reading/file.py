"""A file of ONNX as a model of nnmat."""

import os
from typing import Any

from ...errors import ConfigError, FileFormatError, ShapeError
from ...formats.paths import existing_file
from ...layers.base import Layer
from . import own
from .describe import check, graph
from .proto import WHO, read


def load(path: str | bytes | os.PathLike, *, output: str | None = None, input_shape: Any = None) -> Layer:
    """The model in a file of ONNX, built and with its weights.

    A file that `nnmat.onnx.save` wrote gives the layers that it was made of. Any other gives a `Graph`: a layer that
    runs the file's nodes, forward and backward, by nnmat's kernels where they have the operator and by NumPy where they
    have not; its inputs are as the file has them, the batch on axis 0. `output`: which one, of several. `input_shape`:
    of one sample, where the file leaves sizes open.

    Nothing of the file is believed unchecked, and weights in files of their own must lie in its folder. Raises
    FileNotFoundError; FileFormatError for a file that is damaged or of another kind, and for what is not supported, with
    the list of it; ConfigError (output), ShapeError (input_shape), MissingExtraError.
    """
    path = existing_file(WHO, path)
    found = read(path)
    model = own.layers(found) if output is None and input_shape is None else None
    if model is not None:
        return model
    try:
        check(found)
        return graph(found, output, input_shape)
    except (FileFormatError, ConfigError, ShapeError) as error:
        raise type(error)(f"{WHO}: {path}: {error}") from None
