"""Layers: forward and backward as matrix equations."""

from .activations import GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from .base import Layer
from .containers.add import Add
from .containers.concatenate import Concatenate
from .containers.sequential import Sequential
from .containers.tied import Tied
from .convolution import Conv2d
from .dropout import Dropout
from .flatten import Flatten
from .linear import Linear
from .observing import observe
from .pooling import AvgPool2d, MaxPool2d
from .softmax import Softmax

__all__ = [
    "GELU",
    "Add",
    "AvgPool2d",
    "Concatenate",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Tied",
    "observe",
]
