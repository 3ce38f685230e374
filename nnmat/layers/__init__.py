"""Layers: forward and backward as matrix equations."""

from .activations.bounded import Hardswish, ReLU6
from .activations.gelu import GELU
from .activations.identity import Identity
from .activations.prelu import PReLU
from .activations.rectifiers import ELU, LeakyReLU, ReLU
from .activations.sigmoid import Sigmoid, Tanh
from .activations.smooth import Mish, SiLU, Softplus
from .activations.softmax import LogSoftmax, Softmax
from .attention.block import TransformerBlock
from .attention.feed_forward import GatedFeedForward
from .attention.multi_head import MultiHeadAttention
from .attention.positional import PositionalEmbedding
from .attention.rotary import RotaryEmbedding
from .base import Layer
from .containers.add import Add
from .containers.concatenate import Concatenate
from .containers.residual import Residual
from .containers.sequential import Sequential
from .containers.tied import Tied
from .convolution.conv1d import Conv1d
from .convolution.conv2d import Conv2d
from .convolution.conv_transpose2d import ConvTranspose2d
from .dense.dropout import Dropout, Dropout2d
from .dense.embedding import Embedding
from .dense.flatten import Flatten
from .dense.linear import Linear
from .dense.unflatten import Unflatten
from .derived.expression import Expression, layer_from_expression
from .normalisation.batch_norm import BatchNorm1d, BatchNorm2d
from .normalisation.group_norm import GroupNorm
from .normalisation.layer_norm import LayerNorm, RMSNorm
from .observing import observe
from .pooling.adaptive import AdaptiveAvgPool2d, AdaptiveMaxPool2d, GlobalAvgPool2d
from .pooling.avg_pool import AvgPool1d, AvgPool2d
from .pooling.max_pool import MaxPool1d, MaxPool2d
from .recurrent.gru import GRU
from .recurrent.lstm import LSTM
from .recurrent.rnn import RNN
from .resampling.pad import Pad
from .resampling.upsample import Upsample

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Expression",
    "Flatten",
    "GatedFeedForward",
    "GlobalAvgPool2d",
    "GroupNorm",
    "Hardswish",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "MultiHeadAttention",
    "PReLU",
    "Pad",
    "PositionalEmbedding",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Residual",
    "RotaryEmbedding",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Tied",
    "TransformerBlock",
    "Unflatten",
    "Upsample",
    "layer_from_expression",
    "observe",
]
