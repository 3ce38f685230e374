"""Learning-rate schedules: the learning rate η_k of step k = 0, 1, 2, ...

A schedule is a function of the step number alone, so resuming a run needs nothing but that number. An optimizer takes
a number, one of these, or any function `k -> float`.
"""

import abc
import math
from collections.abc import Callable

import numpy as np

from .checks import count, number
from .errors import ConfigError
from .habits import check_arguments


class Schedule(abc.ABC):
    """η_k as a function of the step number k, counted from 0."""

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        check_arguments(cls)

    @abc.abstractmethod
    def __call__(self, step: int) -> float:
        """The learning rate of a step."""

    @abc.abstractmethod
    def config(self) -> dict:
        """`kind` and the constructor's arguments, as JSON-able values."""

    def __repr__(self) -> str:
        arguments = (f"{name}={value!r}" for name, value in self.config().items() if name != "kind")
        return f"{type(self).__name__}({', '.join(arguments)})"


class Constant(Schedule):
    """η_k = lr."""

    def __init__(self, lr: float):
        self.lr = number("Constant", "lr", lr, 0.0)

    def __call__(self, step):
        return self.lr

    def config(self):
        return {"kind": "Constant", "lr": self.lr}


class Step(Schedule):
    """η_k = lr · factor^⌊k / every⌋: multiplied by `factor` after every `every` steps."""

    def __init__(self, lr: float, every: int, factor: float = 0.1):
        self.lr = number("Step", "lr", lr, 0.0)
        self.every = count("Step", "every", every, hint="It counts steps (batches), not epochs.")
        self.factor = number("Step", "factor", factor, 0.0)

    def __call__(self, step):
        return self.lr * self.factor ** (step // self.every)

    def config(self):
        return {"kind": "Step", "lr": self.lr, "every": self.every, "factor": self.factor}


class Cosine(Schedule):
    """η_k = final + (lr - final) (1 + cos(π k/steps))/2 for k < steps, then `final` (Loshchilov and Hutter, 2017)."""

    def __init__(self, lr: float, steps: int, final: float = 0.0):
        self.lr = number("Cosine", "lr", lr, 0.0)
        self.steps = count("Cosine", "steps", steps, hint="It counts steps (batches), not epochs.")
        self.final = number("Cosine", "final", final, 0.0)

    def __call__(self, step):
        if step >= self.steps:
            return self.final
        return self.final + (self.lr - self.final) * (1.0 + math.cos(math.pi * step / self.steps)) / 2.0

    def config(self):
        return {"kind": "Cosine", "lr": self.lr, "steps": self.steps, "final": self.final}


class WarmUp(Schedule):
    """η_k = (k + 1)/steps · then(0) for k < steps, after that then(k - steps): a linear rise before another schedule.

    `then` is a number or a schedule. The first step already moves (k + 1, not k), and step `steps - 1` has the full
    learning rate.
    """

    def __init__(self, steps: int, then: "float | Schedule | Callable[[int], float]"):
        self.steps = count("WarmUp", "steps", steps, hint="It counts steps (batches), not epochs.")
        self.then = as_schedule("WarmUp", then, "then")

    def __call__(self, step):
        if step < self.steps:
            return (step + 1) / self.steps * self.then(0)
        return self.then(step - self.steps)

    def config(self):
        return {"kind": "WarmUp", "steps": self.steps, "then": schedule_config(self.then)}


class Scaled(Schedule):
    """η_k = min(then(k), max(least, factor · then(k))): another schedule made smaller, by a factor up to 1.

    `then` is a number or a schedule. Where it is below `least` itself it stays what it is.
    """

    def __init__(self, then: "float | Schedule | Callable[[int], float]", factor: float, least: float = 0.0):
        self.then = as_schedule("Scaled", then, "then")
        self.factor = number("Scaled", "factor", factor, 0.0, 1.0)
        self.least = number("Scaled", "least", least, 0.0)

    def __call__(self, step):
        rate = self.then(step)
        return min(rate, max(self.least, self.factor * rate))

    def config(self):
        return {"kind": "Scaled", "then": schedule_config(self.then), "factor": self.factor, "least": self.least}


def as_schedule(who: str, lr, name: str = "lr") -> Callable[[int], float]:
    """A schedule for a number (constant), or the schedule or function itself."""
    if isinstance(lr, type):
        raise ConfigError(
            f"{who}: expected {name} as a number or a schedule, got the class {lr.__name__}. Give its arguments: "
            f"{lr.__name__}(...)."
        )
    if callable(lr):
        return lr
    if not isinstance(lr, int | float | np.integer | np.floating):
        raise ConfigError(f"{who}: expected {name} as a number or a schedule, got {lr!r}. Try nnmat.schedules.Cosine.")
    return Constant(number(who, name, lr, 0.0, hint="Common values are between 0.0001 and 1."))


def schedule_config(schedule: Callable[[int], float]) -> dict:
    """A schedule's config; of a function, its name."""
    if isinstance(schedule, Schedule):
        return schedule.config()
    return {"kind": "function", "name": getattr(schedule, "__qualname__", type(schedule).__qualname__)}


def schedule_from_config(config) -> Schedule | None:
    """The schedule that `schedule_config` described; None if it is, or holds, a function, or is no such description."""
    kinds: dict[str, type[Schedule]] = {kind.__name__: kind for kind in (Constant, Step, Cosine, WarmUp, Scaled)}
    if not isinstance(config, dict) or config.get("kind") not in kinds:
        return None
    arguments = {name: value for name, value in config.items() if name != "kind"}
    if "then" in arguments:
        arguments["then"] = schedule_from_config(arguments["then"])
    try:
        return kinds[config["kind"]](**arguments)
    except (ConfigError, TypeError):
        return None
