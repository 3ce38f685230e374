"""A training step for loops of one's own, run without Python between the kernels."""

import functools
import math
from collections.abc import Callable
from typing import Any, overload

import numpy as np

from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.door import array
from nnmat_kernels.runtime.launch import recorder

from ..errors import ConfigError, NonFiniteError
from ..layers.base import Layer
from ..layers.checks import FLAGS, TOKENS, as_exact
from ..losses import Loss
from ..losses.base import check_reduced
from ..optimizers import Optimizer
from .compiled_function import CompiledFunction
from .recording import Turn, target_dtype
from .repeated_call import RepeatedCall
from .step_programs import Batch, StepPrograms, Steps


class CompiledStep:
    """A training step of a model, a loss and an optimizer: `value = step(X, y)`. See `compile_step`."""

    def __init__(self, model: Layer, loss: Loss, optimizer: Optimizer, profile: bool = False):
        for name, value, kind in (("model", model, Layer), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            if not isinstance(value, kind):
                raise ConfigError(f"compile_step: expected {name} to be a {kind.__name__}, got {value!r}.")
        if optimizer.model is not model:
            raise ConfigError(
                "compile_step: the optimizer updates another model. Make it from this one: SGD(model, ...)."
            )
        if optimizer.instead_of_step:
            raise ConfigError(
                f"compile_step: expected an optimizer whose steps need one gradient, got {type(optimizer).__name__}. "
                f"{optimizer.instead_of_step}"
            )
        check_reduced("compile_step", loss)
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._equations = functools.partial(_equations, model, loss, optimizer)  # without self: that would be a circle
        self._programs = StepPrograms(model, loss, optimizer, self._equations, profile)
        self._turn = Turn()
        self._repeated: RepeatedCall | None = None  # for calls like the last one
        self._divisor = 0.0  # of these, if it is the same for all

    def __call__(self, X, y, sample_weight=None) -> float:
        """The loss on a batch, before the update that it makes."""
        if (outer := recorder()) is not None:
            outer.refused = outer.refused or "a compiled step runs inside it"
        if outer is not None or not self._turn.take():  # another thread is at it
            return self._equations(self._batch(X, y, sample_weight), self._optimizer.lr).values[0]
        try:
            given = (X, y) if sample_weight is None else (X, y, sample_weight)
            if self._repeated is not None and (words := self._repeated(given)) is not None:
                return self._value(words.view(np.float64))
            batch = self._batch(X, y, sample_weight)
            if self._programs.ready(batch) and (found := self._programs.run(batch, batch.places()).values):
                self._repeated, self._divisor = self._programs.repeated_call(batch), self._loss.divisor
                return found[0]
            return self._programs.step(batch).values[0]
        finally:
            self._programs.forget_batch()
            self._turn.give_back()

    def _value(self, results: np.ndarray) -> float:
        assert self._repeated is not None
        at = self._repeated.names.get("divisor")
        self._loss.divisor = self._divisor if at is None else float(results[at])
        return float(results[self._repeated.names["value"]])

    @property
    def model(self) -> Layer:
        """The model that it trains."""
        return self._model

    @property
    def loss(self) -> Loss:
        """Its loss."""
        return self._loss

    @property
    def optimizer(self) -> Optimizer:
        """Its optimizer."""
        return self._optimizer

    def program(self, X, y, sample_weight=None):
        """The program for such batches, or None before the third step; `print` shows its launches, in order."""
        return self._programs.program(self._batch(X, y, sample_weight))

    def why_not(self, X, y, sample_weight=None) -> str:
        """Why a step on such a batch runs by hand, or an empty text."""
        return self._programs.why_not(self._batch(X, y, sample_weight))

    def _batch(self, X, y, weight) -> Batch:
        y, dtype, kinds = array("step", "y", y), self._model.dtype, self._model.input_dtype
        if type(X) is tuple:  # of a model of several inputs
            kinds = kinds if type(kinds) is tuple and len(kinds) == len(X) else (dtype,) * len(X)
            X = tuple(_input(f"X[{i}]", *pair) for i, pair in enumerate(zip(X, kinds, strict=True)))
        else:
            X = _input("X", X, kinds)
        y = y.astype(target_dtype(self._loss, y, dtype), copy=False)
        if weight is not None:
            weight = canonical(array("step", "sample_weight", weight))
            weight = weight if weight.dtype.kind == "f" else weight.astype(np.float64)
        return Batch(X, canonical(y), weight)

    def __getstate__(self):
        return {**self.__dict__, "_repeated": None}


def _input(name: str, A, dtype) -> Any:
    """An input as the kernels take it: tokens as int64."""
    A = array("step", name, A)
    return canonical(as_exact("step", name, A, dtype) if dtype in (TOKENS, FLAGS) else A)


def _equations(model: Layer, loss: Loss, optimizer: Optimizer, batch: Batch, lr: float) -> Steps:
    H = model.forward(batch.X, training=True)
    value = loss.forward(H, batch.y, batch.weight)
    if not math.isfinite(value):
        raise NonFiniteError(f"step: the loss is {value} at step {optimizer.steps + 1}. {_REMEDY}")
    model.backward(loss.backward(), input_gradient=False)
    norm = optimizer.gradient_norm()
    if not math.isfinite(norm):
        raise NonFiniteError(f"step: the gradient's norm is {norm} at step {optimizer.steps + 1}. {_REMEDY}")
    optimizer.apply(lr, norm)
    return Steps([value], [norm], [loss.divisor], lr, H, [], [])


_REMEDY = "Nothing was updated. Try a smaller learning rate, or clip_norm=1.0 in the optimizer."


@overload
def compile_step(model: Layer, loss: Loss, optimizer: Optimizer, *, profile: bool = False) -> CompiledStep: ...


@overload
def compile_step(model: Callable, *, profile: bool = False) -> CompiledFunction: ...


def compile_step(model: Any, loss: Any = None, optimizer: Any = None, *, profile: bool = False) -> Any:
    """A training step as one call, `value = step(X, y, sample_weight=None)`, for loops of one's own.

    Of a model, a loss and an optimizer it does what these lines do, with the same bits:

        value = loss.forward(model.forward(X, training=True), y, sample_weight)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()

    The first steps on batches of a shape run by hand, are recorded and checked; later ones run as a program, without
    Python between the kernels. What cannot be recorded runs by hand: `step.why_not(X, y)` tells.

    Of a function alone, `step = compile_step(function)`, it does what the function does with its arguments, arrays, by
    the forwards, losses, backwards and optimizer steps of any number of models (training=True is what backward needs).
    The function must do the same at every call with arrays of the same shapes: what it decides by the numbers in them
    would be decided once. It returns floats that losses gave, arrays that layers gave, tuples, lists or dicts of these,
    or nothing. Programs measure their parts with `profile`: print(step.program(...)).
    Shapes: X (B, ...) of the model's dtype; y and sample_weight as the loss takes them.
    Errors: those of the model and the loss; NonFiniteError, before the update, if the loss or the gradient is not
        finite; ConfigError; StateError if a class that says `recordable = True` computes in Python.
    """
    if loss is None and optimizer is None and callable(model) and not isinstance(model, Layer):
        return CompiledFunction(model, profile)
    return CompiledStep(model, loss, optimizer, profile)
