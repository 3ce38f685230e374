"""ONNX: models written to it, and read from it."""

from .writing.check import Verification
from .writing.file import save

__all__ = ["Verification", "save"]
