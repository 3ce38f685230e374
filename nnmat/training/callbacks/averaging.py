"""The mean of the parameters over the last part of a run."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...calls import Inputs
from ...checks import count, positive
from ...layers.base import Layer
from ...layers.normalisation.batch_norm import BatchNorm
from .base import Callback, next_multiple
from .states import is_count


class StochasticWeightAverage(Callback):
    """End a run with the mean of the parameters that it had from epoch `start` on.

        θ̄ ← θ̄ + (θ - θ̄)/n   after each epoch from `start` on, n = 1, 2, ...;   at the end θ ← θ̄

    `every_steps=k`: after every k-th step of these epochs instead. `lr`: a constant learning rate from then on, which
    stays the optimizer's; the mean is of most use with one that is not small. The mean is kept in float64.

    At the end the running statistics of every BatchNorm are made anew, for they were those of other parameters: the
    means over all samples of one more pass, in training mode, over the training data. Figures of the epochs, and files
    of a `Checkpoint`, are of θ; `trainer.evaluate` after the run is of θ̄. A run that is interrupted keeps θ, and goes
    on from its checkpoint. One that ends before `start` keeps θ too, with a RuntimeWarning.

    Reference: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
    """

    def __init__(self, start: int, every_steps: int | None = None, lr: float | None = None):
        who = "StochasticWeightAverage"
        self.start = count(who, "start", start, hint="It is the first epoch that counts, from 1 on.")
        self.every_steps = None if every_steps is None else count(who, "every_steps", every_steps)
        self.lr = None if lr is None else positive(who, "lr", lr)
        self._forget()

    def _forget(self) -> None:
        self.count = 0  # the parameters that the mean is of
        self._epochs = 0
        self._mean: Any = None

    def on_train_begin(self, trainer):
        self._forget()
        self._set_rate(trainer)

    def _set_rate(self, trainer) -> None:
        if self.lr is not None and self._epochs == self.start - 1:
            for optimizer in trainer.held().optimizers.values():
                optimizer.lr = self.lr

    def next_step(self, step):
        return "last" if self._epochs < self.start - 1 else next_multiple(step, self.every_steps)

    def on_step_end(self, trainer, step, loss):
        if self.every_steps is not None and self._epochs >= self.start - 1 and step % self.every_steps == 0:
            self._add(trainer.model.flat_parameters)

    def on_epoch_end(self, trainer, epoch, figures):
        self._epochs = epoch
        self._set_rate(trainer)
        if self.every_steps is None and epoch >= self.start:
            self._add(trainer.model.flat_parameters)

    def _add(self, parameters: np.ndarray) -> None:
        self.count += 1
        if self._mean is None:
            self._mean = parameters.astype(np.float64)
        else:
            self._mean += (parameters - self._mean) / self.count

    def on_train_end(self, trainer, history):
        if self.count == 0:
            warnings.warn(
                f"StochasticWeightAverage: the run ended with epoch {self._epochs}, and start is {self.start}: nothing "
                "was averaged. Give a smaller start, or more epochs.",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        trainer.model.flat_parameters[...] = self._mean
        renew_statistics(trainer.model, trainer.inputs())

    def config(self):
        return {"start": self.start, "every_steps": self.every_steps, "lr": self.lr}

    def state(self):
        mean = {} if self._mean is None else {"mean": self._mean.copy()}
        return {"count": self.count, "epochs": self._epochs, **mean}

    def load_state(self, state):
        self.count, self._epochs = state["count"], state["epochs"]
        self._mean = None if self.count == 0 else state["mean"].copy()

    def state_rules(self, state, model):
        mean, like = state.get("mean"), model.flat_parameters
        fits = isinstance(mean, np.ndarray) and mean.shape == like.shape and mean.dtype == np.float64
        rules = {name: (is_count(state.get(name)), "an integer >= 0") for name in ("count", "epochs")}
        if state.get("count") == 0:
            return rules | {"mean": (mean is None, "nothing before the first mean")}
        return rules | {"mean": (fits, f"an array of float64 of shape {like.shape}")}


def renew_statistics(model: Layer, inputs: Iterable[Inputs]) -> None:
    """Set the running statistics of every BatchNorm to their means over the samples of these batches.

    The batches go through the model in training mode; streams of dropout are put back. A batch too small for it, of
    one row, is left out. Without a BatchNorm nothing is done.
    """
    parts = model.modules()
    norms = [layer for layer in parts if isinstance(layer, BatchNorm)]
    if not norms:
        return
    others = [A for layer in parts if not isinstance(layer, BatchNorm) for A in layer.own_buffers().values()]
    streams = [A.copy() for A in others]
    momenta = [norm.momentum for norm in norms]
    least, samples = max(norm.least_batch for norm in norms), 0
    try:
        for X in inputs:
            rows = len(X[0] if isinstance(X, tuple) else X)
            if rows < least:
                continue
            samples += rows
            for norm in norms:
                norm.momentum = rows / samples  # μ ← (1 - m) μ + m μ_batch: the mean, weighted by rows
            model.forward(X, training=True)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for A, was in zip(others, streams, strict=True):
            A[...] = was
        for layer in parts:
            layer.drop_record()
