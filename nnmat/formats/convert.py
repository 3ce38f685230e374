"""Weights from and to other libraries: `nnmat.convert`."""

from .keras_weights import from_keras
from .torch_state import from_torch, to_torch

__all__ = ["from_keras", "from_torch", "to_torch"]
