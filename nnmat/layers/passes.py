"""The passes of a layer: its equations, and round them what every call from outside needs.

A class writes `forward(self, X, call)` and `backward(self, G, call)`. When it is made, both are kept as its equations,
and in their places stand the methods that users call. Those check what they are given, run the equations with a call
of this pass, and give the caller an array of its own. Between layers arrays are passed on as they are, and nobody
writes to them. A call of a part by a container of nnmat's goes to the equations at once. A container from outside is
treated like any caller: what it passes on is checked, what it gets is its own; and what it returns is checked, too.
"""

import abc
import threading
from collections.abc import Callable
from typing import Any

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.launch import part_of_a_step

from ..calls import Call
from ..checks import as_method, takes
from ..errors import StateError
from ..habits import arguments_checked
from ..parameters import Parameter, Store
from . import observing
from .checks import check_batch

_NO_PASS = Call()  # without a batch: no backward may follow
_running = threading.local()  # `stores`: those of the models with tied layers whose backward is in progress


class Passes(abc.ABC):
    """Forward and backward of a layer as they are run; `Layer` adds what a layer is."""

    forward: Any
    backward: Any

    _foreign = False  # a class from outside of nnmat: what its passes return, or pass on to its parts, is checked
    _any_foreign = True  # whether the layer or one inside it is such a class; known once it is built
    _equations: Any = None  # `forward` and `backward` as the class has written them
    _backward_equations: Any = None

    @arguments_checked
    def __init__(self) -> None:
        self.path = ""
        self.input_shape: Any = None  # a Shape once built
        self.dtype: Any = None  # a numpy.dtype once built
        self.input_dtype: Any = None  # that of X; of several inputs a tuple, or one for all
        self._output_shape: Any = None
        self._accumulates = False  # of a tied layer: one that uses a parameter used elsewhere too, or is inside such
        self._tied: list[Parameter] = []  # those of the tied layers from here down: backward clears, they add
        self._call = _NO_PASS  # the recorded pass
        self._store: Store | None = None  # of a root model only

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls._foreign = not cls.__module__.startswith("nnmat.")
        if written := takes(cls, Passes, "forward", "X", "call"):
            cls._equations, cls.forward = written, _checked_forward(written, _inherited(cls, "forward"))
        if written := takes(cls, Passes, "backward", "G", "call"):
            cls._backward_equations, cls.backward = written, _checked_backward(written, _inherited(cls, "backward"))

    @property
    def kind(self) -> str:
        """The name of the layer's class."""
        return type(self).__name__

    @property
    def who(self) -> str:
        """The layer's name in error messages."""
        return f"{self.kind} {self.path!r}" if self.path else self.kind

    def recorded(self) -> tuple[Any, Any]:
        """X and Y as the recorded forward has kept them for backward; None for what it has not kept."""
        return self._call.X, self._call.Y

    def drop_record(self) -> None:
        """No backward may follow a forward that was recorded before."""
        self._call = _NO_PASS

    def _forward_pass(self, X, training: bool, record: bool):
        """Y for checked X."""
        call = Call(training, record, not self._foreign)
        if record:  # else nothing is written to the layer
            self._call = call
        Y, batch = part_of_a_step(self, self._equations, X, call), len(X[0] if type(X) is tuple else X)
        if self._foreign:
            Y = check_batch(self, Y, self._output_shape, "the result of forward", batch)
        call.batch = batch
        if observing.blocks and observing.observers.forward is not None:
            observing.observers.forward(self, Y)
        return Y

    def _backward_pass(self, G, accumulate: bool, parameters: bool, input_gradient: bool, keep: bool):
        """gX for checked G; the record is gone then unless `keep`."""
        call = self._recorded_call()
        call.accumulate, call.wants_parameters = accumulate or self._accumulates, parameters
        call.wants_input, call.keeps = input_gradient, keep
        gX = part_of_a_step(self, self._backward_equations, G, call)
        if not input_gradient:
            gX = None
        elif self._foreign and self.input_dtype is self.dtype:  # tokens have no gradient
            gX = check_batch(self, gX, self.input_shape, "the result of backward", call.batch)
        if not keep:
            self._call = _NO_PASS
        if observing.blocks and observing.observers.backward is not None:
            observing.observers.backward(self, gX)
        return gX

    def _tied_backward_pass(self, G, accumulate: bool, *asked: bool):
        """Tied layers add to their gradients; the outermost call on a model, and no call inside it, clears these."""
        running, store = _running.__dict__.setdefault("stores", set()), self._tied[0].store
        if store in running:
            return self._backward_pass(G, accumulate, *asked)
        running.add(store)
        try:
            for p in () if accumulate else self._tied:
                k.fill(p.grad, 0.0)
            return self._backward_pass(G, accumulate, *asked)
        finally:
            running.remove(store)

    def _recorded_call(self) -> Call:
        if self._call.batch is None:
            raise StateError(
                f"{self.who}: backward needs a recorded forward, and each one serves one backward. Call "
                "forward(X, training=True), or record=True, first; for two backwards of one forward, pass keep=True to "
                "the first: backward(G, keep=True). A layer called twice in one pass has one record: use two layers, "
                "or Tied(layer)."
            )
        return self._call

    def __getstate__(self):
        # A copy or a pickle holds the parameters and buffers, not what was recorded for a backward.
        return {**self.__dict__, "_call": _NO_PASS}


def _inherited(cls: type, name: str) -> Callable:
    """The method as callers know it, from the next layer class above."""
    return next(c.__dict__[name] for c in cls.__mro__[1:] if issubclass(c, Passes) and name in c.__dict__)


def _own(A, given, shared: bool):
    """What a caller gets for A: a copy if it may be `shared`, is a view or one of the arrays given; else A itself."""
    if type(A) is tuple:  # two of them may be the same
        return tuple(None if part is None else k.copy(part) for part in A)
    inputs = given if type(given) is tuple else (given,)
    return k.copy(A) if shared or A.base is not None or any(A is B for B in inputs) else A


def _checked_forward(written: Callable, method: Callable) -> Callable:
    """The forward that users call, for a class with these equations; to them it looks like `method`."""

    @as_method(method, written)
    def forward(self, X, training=False, record=None):
        if type(training) is Call:  # from a container's pass
            call = training
            if type(self).forward is not forward:  # or from a derived class: super().forward(X, call)
                return written(self, X, call)
            if call.trusted:
                return self._forward_pass(X, call.training, call.record)
            if call.record and call.batch is None and not call.is_first_of(self):
                raise StateError(
                    f"{self.who}: it is called twice in one pass of its container, and has the record of one forward. "
                    "Use two layers, or Tied(layer) for the same parameters; where no backward follows, write "
                    "forward(X, record=False)."
                )
            training, record = call.training, call.record
        record = training if record is None else record
        X = check_batch(self, X, self.input_shape, "X", None, self.input_dtype)
        # Backward may read Y, and what classes from outside do with theirs nobody knows.
        return _own(self._forward_pass(X, training, record), X, record or self._any_foreign)

    return forward


def _checked_backward(written: Callable, method: Callable) -> Callable:
    """The same for backward."""

    @as_method(method, written)
    def backward(self, G, accumulate=False, parameters=True, input_gradient=True, keep=False):
        if type(accumulate) is Call:  # as in forward
            call = accumulate
            if type(self).backward is not backward:
                return written(self, G, call)
            accumulate, parameters, keep = call.accumulate, parameters and call.wants_parameters, keep or call.keeps
            if call.trusted:
                return self._backward_pass(G, accumulate, parameters, input_gradient, keep)
        G = check_batch(self, G, self._output_shape, "G", self._recorded_call().batch)
        run = self._tied_backward_pass if self._tied and parameters else self._backward_pass
        gX = run(G, accumulate, parameters, input_gradient, keep)
        return None if gX is None else _own(gX, G, self._any_foreign)

    return backward
