"""Optional packages, asked for when they are needed: `onnx = extra("onnx", "nnmat.onnx.save", "onnx")`."""

import importlib
from typing import Any

from .errors import MissingExtraError


def extra(module: str, user: str, name: str) -> Any:
    """The module, or a MissingExtraError that says what `user` needs and the extra's `name` that brings it."""
    package = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{user}: expected {package} to be installed, it is not. Try: pip install 'nnmat[{name}]', "
            f"or pip install -e '.[{name}]' in a checkout"
        ) from None
