"""The loss while the learning rate rises: which rates a model can be trained with."""

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from ...checks import count, fraction, positive
from ...datasets import BatchSource
from ...errors import ConfigError, NonFiniteError, StateError
from .base import Callback
from .snapshot import Snapshot
from .states import are_alike, is_count, is_number, part

TOO_FAR = 4.0  # times its least value that the smoothed loss may reach


class RateCurve(NamedTuple):
    """Learning rates, the loss of the step with each, the same smoothed, and the rate to try (None if none helped)."""

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None


class LearningRateFinder(Callback):
    """Look for a learning rate: step after step it rises from `low` to `high`, as a geometric series of `steps` terms.

        curve = LearningRateFinder().find(trainer, train, batch_size=64)
        trainer.optimizer.lr = curve.suggestion

    The losses are smoothed, s ← β s + (1 - β) L, over 1 - βⁿ, with β = `smoothing`; when that is above four times its
    least value, or no number, the search is over. The suggestion is the rate at which the smoothed loss fell most, over
    the logarithm of the rate. Then everything is as it was, to the last bit: parameters, gradients, buffers, optimizer,
    generators.

    As a callback of a `fit` of one's own it does the same in that run, whose result is then the curve alone.
    Reference: L. Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    def __init__(self, low: float = 1e-6, high: float = 1.0, steps: int = 100, smoothing: float = 0.9):
        who = "LearningRateFinder"
        self.low, self.high = positive(who, "low", low), positive(who, "high", high)
        if self.low >= self.high:
            raise ConfigError(f"{who}: expected low below high, got {low} and {high}.")
        self.steps = count(who, "steps", steps, least=10)
        self.smoothing = fraction(who, "smoothing", smoothing)
        self._before: Snapshot | None = None
        self._forget()

    def _forget(self) -> None:
        self._losses: list[float] = []
        self._smoothed: list[float] = []
        self._mean = 0.0
        self._rising: list[_Rising] = []

    def find(self, trainer, data: Any, *, batch_size: int | None = None, seed: int = 0) -> RateCurve:
        """The curve for a trainer and its data; both are as before then. Takes the arguments of `trainer.fit`.

        Raises what `fit` raises, but for a loss that becomes infinite: there the curve ends.
        """
        source = data if isinstance(data, BatchSource) else None
        state = {} if source is None else copy.deepcopy(source.state())
        options = {"batch_size": batch_size, "seed": seed, "progress": False, "checkpoint": None}
        try:
            trainer.fit(data, steps=self.steps, callbacks=[self], **options)
        except NonFiniteError:
            if not self._losses:
                raise
        finally:
            if source is not None:
                source.load_state(state)
        return self.curve

    @property
    def curve(self) -> RateCurve:
        """What the last search found. Raises StateError before the first one."""
        if not self._losses:
            raise StateError("LearningRateFinder: there is no curve yet. Call find(trainer, data) first.")
        losses, smoothed = np.array(self._losses), np.array(self._smoothed)
        rates = self.low * (self.high / self.low) ** (np.arange(len(losses)) / (self.steps - 1))
        return RateCurve(rates, losses, smoothed, steepest_fall(rates, smoothed))

    def on_train_begin(self, trainer):
        held = trainer.held()
        self._forget()
        self._before = Snapshot(held)
        for optimizer in held.optimizers.values():
            self._rising.append(_Rising(optimizer.steps, self.low, self.high, self.steps))
            optimizer.lr = self._rising[-1]

    def on_step_end(self, trainer, step, loss):
        beta = self.smoothing
        self._mean = beta * self._mean + (1.0 - beta) * loss
        self._losses.append(loss)
        self._smoothed.append(self._mean / (1.0 - beta ** len(self._losses)))
        least = min(self._smoothed)
        worse = self._smoothed[-1] > least + (TOO_FAR - 1.0) * abs(least)
        if worse or not math.isfinite(loss) or len(self._losses) >= self.steps:
            trainer.stop = True

    def on_train_end(self, trainer, history):
        self._restore()

    def on_train_error(self, trainer, error):
        self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            self._before.restore()
            self._before = None

    def config(self):
        return {"low": self.low, "high": self.high, "steps": self.steps, "smoothing": self.smoothing}

    def state(self):
        if self._before is None:
            return {}
        found = self._before.state()
        return {
            "losses": list(self._losses),
            "smoothed": list(self._smoothed),
            "mean": self._mean,
            "first": [rising.first for rising in self._rising],
            "before": {name: value for name, value in found.items() if not isinstance(value, np.ndarray)},
            **{f"before/{name}": A for name, A in found.items() if isinstance(A, np.ndarray)},
        }

    def load_state(self, state):
        assert self._before is not None  # it is asked within a run
        self._losses, self._smoothed, self._mean = list(state["losses"]), list(state["smoothed"]), state["mean"]
        for rising, first in zip(self._rising, state["first"], strict=True):
            rising.first = first
        self._before.load_state(state["before"] | part(state, "before/"))

    def state_rules(self, state, model):
        assert self._before is not None
        losses, smoothed, first = (state.get(name) for name in ("losses", "smoothed", "first"))
        lists = all(isinstance(found, list) and all(map(is_number, found)) for found in (losses, smoothed))
        counts = isinstance(first, list) and len(first) == len(self._rising) and all(map(is_count, first))
        before = state.get("before")
        steps = before.get("steps") if isinstance(before, dict) else None
        known = isinstance(steps, dict) and steps.keys() == self._before.steps.keys()
        return {
            "losses": (lists and len(losses or ()) == len(smoothed or ()), "a list of numbers, as long as smoothed"),
            "mean": (is_number(state.get("mean")), "a number"),
            "first": (counts, "an integer >= 0 for each optimizer"),
            "before": (known, "the steps of each optimizer and the states of generators"),
            "before/...": (are_alike(part(state, "before/"), self._before.arrays), "the arrays of this run"),
        }


class _Rising:
    """η_k = low · (high/low)^((k - first)/(steps - 1))."""

    def __init__(self, first: int, low: float, high: float, steps: int):
        self.first, self.low, self.high, self.steps = first, low, high, steps

    def __call__(self, step: int) -> float:
        done = min(max(step - self.first, 0), self.steps - 1)
        return self.low * (self.high / self.low) ** (done / (self.steps - 1))


def steepest_fall(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """The rate at which the smoothed loss falls most over log(rate), up to its least value; None if it never falls."""
    end = int(np.argmin(np.where(np.isfinite(smoothed), smoothed, np.inf))) + 1
    first = min(5, end // 4)  # of the first steps the smoothed loss is hardly smooth
    if end - first < 2:
        return None
    slopes = np.gradient(smoothed[first:end], np.log(rates[first:end]))
    best = int(np.argmin(slopes))
    return float(rates[first + best]) if slopes[best] < 0.0 else None
