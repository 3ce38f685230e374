"""The passes of a layer: its equations, and round them what every call from outside needs.

A class writes `forward(self, X, call)` and `backward(self, G, call)`. When it is made, both are kept as its equations,
and in their places stand the methods that users call. Those check what they are given, keep apart what is lent to the
caller, and run the equations with a call of the layer's own; a container's call of a part goes to the equations at
once. A container from outside of nnmat is not taken at its word: what it passes on and what it returns is checked.
"""

import abc
import threading
import types
from collections.abc import Callable
from typing import Any

from ..calls import Call, UnrecordedCall
from ..checks import as_method, takes
from ..errors import StateError
from ..parameters import Parameter
from . import observing
from .checks import check_batch

_UNRECORDED = {trusted: (UnrecordedCall(False, trusted), UnrecordedCall(True, trusted)) for trusted in (False, True)}
_running = threading.local()  # `stores`: those of the models with tied layers whose backward is in progress


class Passes(abc.ABC):
    """Forward and backward of a layer as they are run; `Layer` adds what a layer is."""

    dtype: Any
    input_shape: Any
    _output_shape: Any
    fusion: str | None
    forward: Any
    backward: Any

    _foreign = False  # a class from outside of nnmat: what its passes return, or pass on to its parts, is checked
    _evaluation, _training = _UNRECORDED[True]  # the calls of passes that are not recorded
    _equations: Any = None  # `forward` and `backward` as the class has written them
    _backward_equations: Any = None

    def __init__(self):
        self._accumulates = False  # of a tied layer: one that uses a parameter used elsewhere too, or is inside such
        self._tied: list[Parameter] = []  # those of the tied layers from here down: backward clears, they add
        self._call = Call(trusted=not self._foreign)  # of the recorded pass
        self._lent_Y: Any = None  # what the last recorded forward and the last backward returned to a caller, into
        self._lent_gX: Any = None  # which the next ones write
        self._lent: set[int] = set()  # the ids of the arrays that hold their memory

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        cls._foreign = not cls.__module__.startswith("nnmat.")
        cls._evaluation, cls._training = _UNRECORDED[not cls._foreign]
        for name in ("run_forward", "run_forward_with", "run_backward", "run_backward_with"):
            setattr(cls, name, _with_code_of_its_own(getattr(cls, name)))
        if written := takes(cls, Passes, "forward", "X", "call"):
            cls._equations, cls.forward = written, _checked_forward(written, _inherited(cls, "forward"))
        if written := takes(cls, Passes, "backward", "G", "call"):
            cls._backward_equations = written
            cls.backward = _checked_backward(written, _inherited(cls, "backward"))

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """The name of the layer's class."""

    @property
    @abc.abstractmethod
    def who(self) -> str:
        """The layer's name in error messages."""

    def fusion_with(self, activation: "Passes") -> str | None:
        """What kernels call the activation; None for classes from outside, which may do something else."""
        return None if self._foreign or activation._foreign else activation.fusion

    def run_forward(self, X, training: bool, record: bool):
        """Y for checked X, in a pass of nnmat's own."""
        if record:
            call = self._call
            call.training, call.batch, call.X, call.Y = training, None, None, None
            if call.others:
                call.begin(training)
        else:
            call = self._training if training else self._evaluation
        Y = self._equations(X, call)
        if record or self._foreign:
            batch = len(X[0]) if type(X) is tuple else len(X)
            if self._foreign:
                Y = check_batch(self, Y, self._output_shape, "the result of forward", batch)
            if record:
                call.batch = batch
        if observing.blocks and observing.observers.forward is not None:
            observing.observers.forward(self, Y)
        return Y

    def run_forward_with(self, activation: "Passes", X, training: bool, record: bool):
        """What the forwards of this layer and of the activation behind it give, to the bit, in one pass."""
        if not record:
            return self._equations(X, self._training if training else self._evaluation, activation.fusion)
        call, other = self._call, activation._call
        call.begin(training)
        other.batch = None
        Y = other.Y = self._equations(X, call, activation.fusion)
        call.batch = other.batch = len(X)
        return Y

    def run_backward(self, G, accumulate: bool, parameters: bool, input_gradient: bool):
        """gX for checked G, in a pass of nnmat's own."""
        call = self._call
        if call.batch is None:
            self._refuse_backward()
        call.accumulate, call.wants_parameters = accumulate or self._accumulates, parameters
        call.wants_input = input_gradient
        gX = self._backward_equations(G, call)
        if not input_gradient:
            gX = None
        elif self._foreign:
            gX = check_batch(self, gX, self.input_shape, "the result of backward", call.batch)
        if observing.blocks and observing.observers.backward is not None:
            observing.observers.backward(self, gX)
        return gX

    def run_backward_with(self, activation: "Passes", G, accumulate: bool, parameters: bool):
        """What `backward` and then that of the activation before the layer give, to the bit, in one pass."""
        call = self._call
        if call.batch is None:
            self._refuse_backward()
        call.accumulate, call.wants_parameters = accumulate or self._accumulates, parameters
        call.wants_input = True
        return self._backward_equations(G, call, activation.fusion)

    def recorded(self) -> tuple[Any, Any]:
        """X and Y as the last recorded forward has kept them for backward; None for what it has not kept."""
        return self._call.X, self._call.Y

    def _refuse_backward(self) -> None:
        raise StateError(
            f"{self.who}: backward needs a recorded forward. Call forward(X, training=True), or record=True, first."
        )

    def _lend(self, Y, gX) -> None:
        self._lent_Y, self._lent_gX = Y, gX
        self._lent = {id(A) for A in _memory(Y) + _memory(gX)}

    def _run_tied_backward(self, G, accumulate: bool, input_gradient: bool):
        """Tied layers add to their gradients; the outermost call on a model, and no call inside it, clears these."""
        running = _running.__dict__.setdefault("stores", set())
        store = self._tied[0].store
        if store in running:
            return self.run_backward(G, accumulate, True, input_gradient)
        running.add(store)
        try:
            if not accumulate:
                for p in self._tied:
                    p.grad[...] = 0
            return self.run_backward(G, accumulate, True, input_gradient)
        finally:
            running.remove(store)

    def __getstate__(self):
        # A copy or a pickle holds the parameters and buffers, not what was recorded for a backward.
        lent: dict = {"_lent_Y": None, "_lent_gX": None, "_lent": set()}
        return {**self.__dict__, "_call": Call(trusted=not self._foreign), **lent}


def _with_code_of_its_own(function: Any) -> Callable:
    """A copy of a method for one class: CPython adapts code to the class whose attributes it reads, and code that many
    classes share to none of them. That takes 2 % of a step of 16-32-10."""
    code, name = function.__code__.replace(), function.__name__
    return types.FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)


def _memory(A) -> list:
    """The arrays that hold the memory of an array, of a tuple of arrays, or of None."""
    if type(A) is tuple:
        return [root for B in A for root in _memory(B)]
    return [] if A is None else [A if A.base is None else A.base]


def _inherited(cls: type, name: str) -> Callable:
    """The method as callers know it, from the next layer class above."""
    return next(c.__dict__[name] for c in cls.__mro__[1:] if issubclass(c, Passes) and name in c.__dict__)


def _checked_forward(written: Callable, method: Callable) -> Callable:
    """The forward that users call, for a class with these equations; to them it looks like `method`."""

    @as_method(method, written)
    def forward(self, X, training=False, record=None):
        if training is not True and training is not False and isinstance(training, Call):  # from a container's pass
            if type(self).forward is not forward:  # or from a derived class: super().forward(X, call)
                return written(self, X, training)
            training, record, trusted = training.training, training.record, training.trusted
            if trusted:
                return self.run_forward(X, training, record)
        if not (training if record is None else record):
            return self.run_forward(check_batch(self, X, self.input_shape, "X"), training, False)
        Y = self.run_forward(check_batch(self, X, self.input_shape, "X", None, self._lent), training, True)
        if Y is not self._lent_Y:
            self._lend(Y, self._lent_gX)
        return Y

    return forward


def _checked_backward(written: Callable, method: Callable) -> Callable:
    """The same for backward."""

    @as_method(method, written)
    def backward(self, G, accumulate=False, parameters=True, input_gradient=True):
        if accumulate is not False and isinstance(accumulate, Call):  # as in forward
            if type(self).backward is not backward:
                return written(self, G, accumulate)
            call = accumulate
            accumulate, parameters = call.accumulate, parameters and call.wants_parameters
            if call.trusted:
                return self.run_backward(G, accumulate, parameters, input_gradient)
        if self._call.batch is None:
            self._refuse_backward()
        G = check_batch(self, G, self._output_shape, "G", self._call.batch, self._lent)
        if self._tied and parameters:
            gX = self._run_tied_backward(G, accumulate, input_gradient)
        else:
            gX = self.run_backward(G, accumulate, parameters, input_gradient)
        if input_gradient and gX is not self._lent_gX:
            self._lend(self._lent_Y, gX)
        return gX

    return backward
