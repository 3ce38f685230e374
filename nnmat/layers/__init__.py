"""Layers: forward and backward as matrix equations."""

from .activations.gelu import GELU
from .activations.rectifiers import LeakyReLU, ReLU
from .activations.sigmoid import Sigmoid, Tanh
from .activations.softmax import Softmax
from .base import Layer
from .containers.add import Add
from .containers.concatenate import Concatenate
from .containers.sequential import Sequential
from .containers.tied import Tied
from .convolution.conv2d import Conv2d
from .dense.dropout import Dropout
from .dense.flatten import Flatten
from .dense.linear import Linear
from .observing import observe
from .pooling.pool2d import AvgPool2d, MaxPool2d

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
