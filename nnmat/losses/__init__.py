"""Losses: a number for a batch of outputs and targets, and its gradient. 1/B stands here and nowhere else."""

from .adversarial import AdversarialLoss
from .base import Loss
from .expression import ExpressionLoss, loss_from_expression
from .gaussian_negative_log_likelihood import GaussianNegativeLogLikelihood
from .huber import Huber, SmoothL1
from .kl_divergence import KLDivergence
from .l1 import L1
from .mean_squared_error import MeanSquaredError
from .poisson_negative_log_likelihood import PoissonNegativeLogLikelihood
from .sigmoid_binary_cross_entropy import SigmoidBinaryCrossEntropy
from .softmax_cross_entropy import SoftmaxCrossEntropy

__all__ = [
    "L1",
    "AdversarialLoss",
    "ExpressionLoss",
    "GaussianNegativeLogLikelihood",
    "Huber",
    "KLDivergence",
    "Loss",
    "MeanSquaredError",
    "PoissonNegativeLogLikelihood",
    "SigmoidBinaryCrossEntropy",
    "SmoothL1",
    "SoftmaxCrossEntropy",
    "loss_from_expression",
]
