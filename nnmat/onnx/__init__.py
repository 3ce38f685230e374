"""ONNX: models written to it, and read from it."""

from .graph import Graph
from .plan import supported
from .reading.file import load
from .writing.check import Verification
from .writing.file import save

__all__ = ["Graph", "Verification", "load", "save", "supported"]
