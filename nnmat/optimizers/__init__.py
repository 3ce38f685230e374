"""Optimizers: how the parameters move along the gradient. Each update is one fused pass over the flat vectors."""

from .adagrad import Adagrad
from .adam import Adam, AdamW
from .base import Optimizer
from .lbfgs import LBFGS
from .lion import Lion
from .muon import Muon
from .nadam import NAdam
from .rmsprop import RMSProp
from .sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Lion", "Muon", "NAdam", "Optimizer", "RMSProp"]
