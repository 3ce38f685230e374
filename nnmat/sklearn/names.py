"""Parts by name: activations, losses, optimizers, schedules."""

import copy
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .. import layers, losses, optimizers, schedules
from ..checks import number, shown
from ..errors import ConfigError
from ..layers import Layer
from ..losses import ExpressionLoss, Loss
from ..optimizers import Optimizer

ACTIVATIONS: dict[str, type[Layer]] = {
    "elu": layers.ELU,
    "gelu": layers.GELU,
    "hardswish": layers.Hardswish,
    "identity": layers.Identity,
    "leaky_relu": layers.LeakyReLU,
    "logistic": layers.Sigmoid,
    "mish": layers.Mish,
    "prelu": layers.PReLU,
    "relu": layers.ReLU,
    "relu6": layers.ReLU6,
    "sigmoid": layers.Sigmoid,
    "silu": layers.SiLU,
    "softplus": layers.Softplus,
    "tanh": layers.Tanh,
}
LOSSES: dict[str, type[Loss]] = {
    "huber": losses.Huber,
    "kl_divergence": losses.KLDivergence,
    "l1": losses.L1,
    "mean_squared_error": losses.MeanSquaredError,
    "poisson": losses.PoissonNegativeLogLikelihood,
    "sigmoid_binary_cross_entropy": losses.SigmoidBinaryCrossEntropy,
    "smooth_l1": losses.SmoothL1,
    "softmax_cross_entropy": losses.SoftmaxCrossEntropy,
    # as scikit-learn calls them
    "absolute_error": losses.L1,
    "log_loss": losses.SoftmaxCrossEntropy,
    "squared_error": losses.MeanSquaredError,
}
OPTIMIZERS: dict[str, type[Optimizer]] = {
    name.lower(): getattr(optimizers, name) for name in optimizers.__all__ if name not in ("Optimizer", "LBFGS")
}
SCHEDULES = ("constant", "cosine", "step", "warmup")


def _named(who: str, option: str, name: Any, known: Mapping[str, Any], more: str) -> Any:
    """The entry of a table, or a ConfigError that says what the table has."""
    if isinstance(name, str) and name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1) if isinstance(name, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"{who}: expected {option} as one of {', '.join(map(repr, sorted(known)))}{more}, got {shown(name)}.{hint}"
    )


def activation(who: str, name: Any) -> Layer:
    """A new activation layer."""
    return _named(who, "activation", name, ACTIVATIONS, ", or a sequence of them, one for each hidden layer")()


def loss(who: str, given: Any) -> Loss:
    """A new loss: of a name, of an expression in H and Y, or a copy of the loss given."""
    if isinstance(given, Loss):
        return copy.deepcopy(given)
    if isinstance(given, str) and not given.isidentifier():
        return ExpressionLoss(given)
    return _named(who, "loss", given, LOSSES, ', "auto", a Loss, or an expression in H and Y')()


def optimizer(who: str, given: Any, model: Layer, rate: Any, decay: float, options: Mapping[str, Any]) -> Optimizer:
    """A new optimizer of the model: of a name, or what a function (such as the class) makes of the model.

    A function gets `lr` and `weight_decay` only if it has such arguments.
    """
    if "lr" in options:
        raise ConfigError(f"{who}: expected no lr in optimizer_options. Write learning_rate={shown(options['lr'])}.")
    kind: Callable[..., Any] = given
    options = {"lr": rate, "weight_decay": decay, **options}
    if not callable(given):
        kind = _named(who, "optimizer", given, OPTIMIZERS, ", or a class such as nnmat.Adam")
    elif not isinstance(given, type):
        options = _accepted(given, options)
    found = kind(model, **options)
    if not isinstance(found, Optimizer):
        raise ConfigError(f"{who}: expected optimizer to make an Optimizer of the model, got {shown(found)}.")
    return found


def _accepted(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, without lr and weight_decay where the function has no such argument."""
    found = inspect.signature(function).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in found.values())
    return {k: v for k, v in options.items() if open_ended or k in found or k not in ("lr", "weight_decay")}


def schedule(who: str, given: Any, rate: float, steps: int) -> Any:
    """The learning rate of each of the steps: of a name, or a function of the step's number."""
    if callable(given):
        return given
    if given == "constant" and callable(rate):
        return rate
    rate = number(who, "learning_rate", rate, 0.0, hint='How it falls is said by schedule="cosine".')
    if given == "constant":
        return rate
    if given == "cosine":
        return schedules.Cosine(rate, steps)
    if given == "step":
        return schedules.Step(rate, max(1, -(-steps // 3)))
    if given == "warmup":
        rise = max(1, steps // 20)
        return schedules.WarmUp(rise, schedules.Cosine(rate, max(1, steps - rise)))
    return _named(who, "schedule", given, dict.fromkeys(SCHEDULES), ", or a function of the step's number")
