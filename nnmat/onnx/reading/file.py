"""A file of ONNX as a model of nnmat."""

import os
from typing import Any

from ...checks import flag
from ...errors import ConfigError, FileFormatError, ShapeError
from ...formats.paths import existing_file
from ...layers.base import Layer
from ..operators.table import careful
from . import own
from .describe import asked, check, graph
from .proto import WHO, read
from .structure import as_layers


def load(
    path: str | bytes | os.PathLike, *, output: str | None = None, input_shape: Any = None, layers: bool = False
) -> Layer:
    """The model in a file of ONNX, built and with its weights.

    A file that `nnmat.onnx.save` wrote gives the layers that it was made of. Any other gives a `Graph`: a layer that
    runs the file's nodes, forward and backward, by nnmat's kernels where they have the operator and by NumPy where not;
    its inputs are as the file has them, the batch on axis 0. `output`: which one, of several. `input_shape`: of one
    sample, where the file leaves sizes open (in the file's order).

    `layers=True`: a `Sequential` of nnmat's layers in place of a `Graph`, if there is one for each node, or for some
    together, with branches that meet in sums or side by side. Images are channels-last then, as everywhere in
    nnmat, and rows that were images are in that order. The two are compared, on drawn samples.

    Nothing of the file is believed unchecked, and weights in files of their own must lie in its folder. Raises
    FileNotFoundError; FileFormatError for a file that is damaged or of another kind, and for what is not supported,
    with the list of it; ConfigError (output), ShapeError (input_shape), MissingExtraError.
    """
    path = existing_file(WHO, path)
    make = as_layers if flag(WHO, "layers", layers) else graph
    found = read(path)
    model = own.layers(found) if output is None and input_shape is None else None
    if model is not None:
        return model
    try:  # what the caller has asked for
        check(found)
        wanted = asked(found, output, input_shape)
    except (FileFormatError, ConfigError, ShapeError) as error:
        raise type(error)(f"{WHO}: {path}: {error}") from None
    try:  # what the file has
        with careful():
            return make(found, wanted)
    except FileFormatError as error:
        raise FileFormatError(f"{WHO}: {path}: {error}") from None
    except Exception as error:  # whatever a damaged graph makes layers and NumPy raise, MemoryError among it
        raise FileFormatError(
            f"{WHO}: {path}: no model can be made of it ({type(error).__name__}: {error})."
        ) from error
