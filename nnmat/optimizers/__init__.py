"""Optimizers: how the parameters move along the gradient. Each update is one fused pass over the flat vectors."""

from .adam import Adam, AdamW
from .base import Optimizer
from .rmsprop import RMSProp
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp"]
