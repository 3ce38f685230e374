"""nnmat: neural networks whose every gradient is a matrix equation that you can read, check and run fast."""

from nnmat_kernels import softmax
from nnmat_kernels.runtime.config import get_num_threads, set_num_threads

from . import datasets, initializers, metrics, schedules
from .calls import Call
from .descent import Armijo, ExactQuadratic, FixedStep, StrongWolfe, steepest_descent
from .errors import (
    BuildError,
    ConfigError,
    DataError,
    DtypeError,
    FileFormatError,
    LabelError,
    MissingExtraError,
    NonFiniteError,
    ShapeError,
    StateError,
)
from .explicit_convolution import khat, khat_pattern
from .formats import torch_state as convert
from .formats.npz import load, load_state, save
from .generation import Decoder, generate
from .gradient_check import gradcheck
from .layers import (
    ELU,
    GELU,
    Add,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Concatenate,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    GatedFeedForward,
    GroupNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MultiHeadAttention,
    PositionalEmbedding,
    ReLU,
    Residual,
    RMSNorm,
    RotaryEmbedding,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Tied,
    TransformerBlock,
    observe,
)
from .losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Lion, Muon, NAdam, Optimizer, RMSProp
from .parameters import Parameter
from .programs.compiled_step import compile_step
from .training.callbacks import Callback, Checkpoint, EarlyStopping
from .training.interruption import TrainingInterrupted
from .training.reporting.history import save_history
from .training.reporting.log import Log
from .training.trainer import Trainer
from .warmup import warmup

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Add",
    "Armijo",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BuildError",
    "Call",
    "Callback",
    "Checkpoint",
    "Concatenate",
    "ConfigError",
    "Conv2d",
    "DataError",
    "Decoder",
    "Dropout",
    "DtypeError",
    "EarlyStopping",
    "Embedding",
    "ExactQuadratic",
    "FileFormatError",
    "FixedStep",
    "Flatten",
    "GatedFeedForward",
    "GroupNorm",
    "LabelError",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Lion",
    "Log",
    "Loss",
    "MaxPool2d",
    "MeanSquaredError",
    "MissingExtraError",
    "MultiHeadAttention",
    "Muon",
    "NAdam",
    "NonFiniteError",
    "Optimizer",
    "Parameter",
    "PositionalEmbedding",
    "RMSNorm",
    "RMSProp",
    "ReLU",
    "Residual",
    "RotaryEmbedding",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SigmoidBinaryCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "StateError",
    "StrongWolfe",
    "Tanh",
    "Tied",
    "Trainer",
    "TrainingInterrupted",
    "TransformerBlock",
    "compile_step",
    "convert",
    "datasets",
    "generate",
    "get_num_threads",
    "gradcheck",
    "initializers",
    "khat",
    "khat_pattern",
    "load",
    "load_state",
    "metrics",
    "observe",
    "save",
    "save_history",
    "schedules",
    "set_num_threads",
    "softmax",
    "steepest_descent",
    "warmup",
]
