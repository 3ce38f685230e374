"""nnmat: neural networks whose every gradient is a matrix equation that you can read, check and run fast."""

import importlib
import typing

from nnmat_kernels import softmax
from nnmat_kernels.runtime.config import get_num_threads, set_num_threads

from . import datasets, initializers, metrics, schedules
from .adversarial.trainer import Adversarial
from .analysis.gradient_check import gradcheck
from .analysis.jacobians import jacobian, jacobian_norm, jacobian_product
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
from .formats import convert
from .formats.npz import load, load_state, save
from .generation.decoder import Decoder
from .generation.sampling import generate
from .layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    Expression,
    Flatten,
    GatedFeedForward,
    GlobalAvgPool2d,
    GroupNorm,
    Hardswish,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    Mish,
    MultiHeadAttention,
    Pad,
    PositionalEmbedding,
    PReLU,
    ReLU,
    ReLU6,
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
    Unflatten,
    Upsample,
    layer_from_expression,
    observe,
)
from .losses import (
    L1,
    AdversarialLoss,
    ExpressionLoss,
    GaussianNegativeLogLikelihood,
    Huber,
    KLDivergence,
    Loss,
    MeanSquaredError,
    PoissonNegativeLogLikelihood,
    SigmoidBinaryCrossEntropy,
    SmoothL1,
    SoftmaxCrossEntropy,
    loss_from_expression,
)
from .optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Lion, Muon, NAdam, Optimizer, RMSProp
from .parameters import Parameter
from .programs.compiled_step import compile_step
from .training.callbacks.averaging import StochasticWeightAverage
from .training.callbacks.base import Callback
from .training.callbacks.checkpoints import Checkpoint
from .training.callbacks.early_stopping import EarlyStopping
from .training.callbacks.norms import Norms
from .training.callbacks.plateau import LearningRateOnPlateau
from .training.callbacks.rate_finder import LearningRateFinder
from .training.callbacks.tensorboard import TensorBoard
from .training.interruption import TrainingInterrupted
from .training.reporting.history import save_history
from .training.reporting.log import CSVLog, Log
from .training.trainer import Trainer
from .warmup import warmup

if typing.TYPE_CHECKING:
    from . import calculus, onnx, plots, sklearn  # noqa: F401

__version__ = "0.1.0"
LATER = ("calculus", "onnx", "plots", "sklearn")  # rooms that are loaded when they are first asked for

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "L1",
    "LBFGS",
    "LSTM",
    "RNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "Add",
    "Adversarial",
    "AdversarialLoss",
    "Armijo",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BuildError",
    "CSVLog",
    "Call",
    "Callback",
    "Checkpoint",
    "Concatenate",
    "ConfigError",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "DataError",
    "Decoder",
    "Dropout",
    "Dropout2d",
    "DtypeError",
    "EarlyStopping",
    "Embedding",
    "ExactQuadratic",
    "Expression",
    "ExpressionLoss",
    "FileFormatError",
    "FixedStep",
    "Flatten",
    "GatedFeedForward",
    "GaussianNegativeLogLikelihood",
    "GlobalAvgPool2d",
    "GroupNorm",
    "Hardswish",
    "Huber",
    "Identity",
    "KLDivergence",
    "LabelError",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearningRateFinder",
    "LearningRateOnPlateau",
    "Linear",
    "Lion",
    "Log",
    "LogSoftmax",
    "Loss",
    "MaxPool1d",
    "MaxPool2d",
    "MeanSquaredError",
    "Mish",
    "MissingExtraError",
    "MultiHeadAttention",
    "Muon",
    "NAdam",
    "NonFiniteError",
    "Norms",
    "Optimizer",
    "PReLU",
    "Pad",
    "Parameter",
    "PoissonNegativeLogLikelihood",
    "PositionalEmbedding",
    "RMSNorm",
    "RMSProp",
    "ReLU",
    "ReLU6",
    "Residual",
    "RotaryEmbedding",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SigmoidBinaryCrossEntropy",
    "SmoothL1",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "StateError",
    "StochasticWeightAverage",
    "StrongWolfe",
    "Tanh",
    "TensorBoard",
    "Tied",
    "Trainer",
    "TrainingInterrupted",
    "TransformerBlock",
    "Unflatten",
    "Upsample",
    "compile_step",
    "convert",
    "datasets",
    "generate",
    "get_num_threads",
    "gradcheck",
    "initializers",
    "jacobian",
    "jacobian_norm",
    "jacobian_product",
    "khat",
    "khat_pattern",
    "layer_from_expression",
    "load",
    "load_state",
    "loss_from_expression",
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


if not typing.TYPE_CHECKING:

    def __getattr__(name):
        if name in LATER:
            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module 'nnmat' has no attribute {name!r}")
