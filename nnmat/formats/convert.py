"""Weights from and to other libraries: `nnmat.convert`."""

from .torch_state import from_torch, to_torch

__all__ = ["from_torch", "to_torch"]
