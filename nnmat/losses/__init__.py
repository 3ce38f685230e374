"""Losses: a number for a batch of outputs and targets, and its gradient. 1/B stands here and nowhere else."""

from .adversarial import AdversarialLoss
from .base import Loss
from .mean_squared_error import MeanSquaredError
from .sigmoid_binary_cross_entropy import SigmoidBinaryCrossEntropy
from .softmax_cross_entropy import SoftmaxCrossEntropy

__all__ = ["AdversarialLoss", "Loss", "MeanSquaredError", "SigmoidBinaryCrossEntropy", "SoftmaxCrossEntropy"]
