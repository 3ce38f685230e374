"""The passes of a layer: its equations, and round them what every call from outside needs.

A class writes `forward(self, X, call)` and `backward(self, G, call)`. When it is made, both are kept as its equations,
and in their places stand the methods that users call. Those check what they are given, run the equations with a call
of the layer's own, and give the caller an array of its own. Inside a pass arrays are lent: the next pass writes to
them again. A call of a part by a container of nnmat's goes to the equations at once. A container from outside is
treated like any caller: what it passes on is checked, what it gets is its own; and what it returns is checked, too.
"""

import abc
import threading
import types
from collections.abc import Callable
from typing import Any

from nnmat_kernels import unchecked as k

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
    _any_foreign = True  # whether the layer or one inside it is such a class; known once it is built
    _evaluation, _training = _UNRECORDED[True]  # the calls of passes that are not recorded
    _equations: Any = None  # `forward` and `backward` as the class has written them
    _backward_equations: Any = None

    def __init__(self) -> None:
        self._accumulates = False  # of a tied layer: one that uses a parameter used elsewhere too, or is inside such
        self._tied: list[Parameter] = []  # those of the tied layers from here down: backward clears, they add
        self._call = Call(trusted=not self._foreign)  # of the recorded pass

    def __init_subclass__(cls, **arguments: Any) -> None:
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

    def run_backward(self, G, accumulate: bool, parameters: bool, input_gradient: bool, keep: bool):
        """gX for checked G, in a pass of nnmat's own; the record is gone then unless `keep`."""
        call = self._call
        if call.batch is None:
            self._refuse_backward()
        call.accumulate, call.wants_parameters = accumulate or self._accumulates, parameters
        call.wants_input, call.keeps = input_gradient, keep
        gX = self._backward_equations(G, call)
        if not input_gradient:
            gX = None
        elif self._foreign:
            gX = check_batch(self, gX, self.input_shape, "the result of backward", call.batch)
        if not keep:
            call.batch = None
        if observing.blocks and observing.observers.backward is not None:
            observing.observers.backward(self, gX)
        return gX

    def run_backward_with(self, activation: "Passes", G, accumulate: bool, parameters: bool, keep: bool):
        """What `backward` and then that of the activation before the layer give, to the bit, in one pass."""
        call, other = self._call, activation._call
        if call.batch is None:
            self._refuse_backward()
        if other.batch is None:
            activation._refuse_backward()
        call.accumulate, call.wants_parameters = accumulate or self._accumulates, parameters
        call.wants_input, call.keeps = True, keep
        gX = self._backward_equations(G, call, activation.fusion)
        if not keep:
            call.batch = other.batch = None
        return gX

    def forward_lent(self, X):
        """`forward(X, training=True)` for a loop that is done with Y before the next one, which may write to it.

        Saves the copy that `forward` makes for its caller. Raises as `forward` does.
        """
        return self.run_forward(check_batch(self, X, self.input_shape, "X"), True, True)

    def recorded(self) -> tuple[Any, Any]:
        """X and Y as the last recorded forward has kept them for backward; None for what it has not kept."""
        return self._call.X, self._call.Y

    def drop_record(self) -> None:
        """No backward may follow a forward that was recorded before."""
        self._call.batch = None

    def _refuse_backward(self) -> None:
        raise StateError(
            f"{self.who}: backward needs a recorded forward, and each one serves one backward. Call "
            "forward(X, training=True), or record=True, first; for two backwards of one forward, pass keep=True to the "
            "first: backward(G, keep=True). A layer called twice in one pass has one record: use two layers, or "
            "Tied(layer)."
        )

    def _run_tied_backward(self, G, accumulate: bool, input_gradient: bool, keep: bool):
        """Tied layers add to their gradients; the outermost call on a model, and no call inside it, clears these."""
        running = _running.__dict__.setdefault("stores", set())
        store = self._tied[0].store
        if store in running:
            return self.run_backward(G, accumulate, True, input_gradient, keep)
        running.add(store)
        try:
            if not accumulate:
                for p in self._tied:
                    k.fill(p.grad, 0.0)
            return self.run_backward(G, accumulate, True, input_gradient, keep)
        finally:
            running.remove(store)

    def __getstate__(self):
        # A copy or a pickle holds the parameters and buffers, not what was recorded for a backward.
        return {**self.__dict__, "_call": Call(trusted=not self._foreign)}


def _with_code_of_its_own(function: Any) -> Callable:
    """A copy of a method for one class: CPython adapts code to the class whose attributes it reads, and code that many
    classes share to none of them. That takes 2 % of a step of 16-32-10."""
    code, name = function.__code__.replace(), function.__name__
    return types.FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)


def _given(A):
    """What a caller gets of an array, or of a tuple of arrays, that belongs to the layers: one of its own."""
    return tuple(map(_given, A)) if type(A) is tuple else A.copy()


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
            if training.record and training.batch is None and not training.is_first_of(self):
                raise StateError(
                    f"{self.who}: it is called twice in one pass of its container, and has the record of one forward. "
                    "Use two layers, or Tied(layer) for the same parameters; where no backward follows, write "
                    "forward(X, record=False)."
                )
            training, record, trusted = training.training, training.record, training.trusted
            if trusted:
                return self.run_forward(X, training, record)
        record = training if record is None else record
        Y = self.run_forward(check_batch(self, X, self.input_shape, "X"), training, record)
        # nnmat's own layers make fresh arrays in a pass that is not recorded; what others do, nobody knows.
        return _given(Y) if record or self._any_foreign else Y

    return forward


def _checked_backward(written: Callable, method: Callable) -> Callable:
    """The same for backward."""

    @as_method(method, written)
    def backward(self, G, accumulate=False, parameters=True, input_gradient=True, keep=False):
        if accumulate is not False and isinstance(accumulate, Call):  # as in forward
            if type(self).backward is not backward:
                return written(self, G, accumulate)
            call = accumulate
            accumulate, parameters = call.accumulate, parameters and call.wants_parameters
            keep = keep or call.keeps
            if call.trusted:
                return self.run_backward(G, accumulate, parameters, input_gradient, keep)
        if self._call.batch is None:
            self._refuse_backward()
        G = check_batch(self, G, self._output_shape, "G", self._call.batch)
        if self._tied and parameters:
            gX = self._run_tied_backward(G, accumulate, input_gradient, keep)
        else:
            gX = self.run_backward(G, accumulate, parameters, input_gradient, keep)
        return None if gX is None else _given(gX)

    return backward
