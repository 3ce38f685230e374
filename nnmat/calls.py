"""The second argument of every pass: its mode, what forward keeps for backward, and which gradients are wanted."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from nnmat_kernels.runtime.door import array

from .errors import ConfigError, DtypeError, ShapeError
from .parameters import Parameter

Inputs = np.ndarray | tuple[np.ndarray, ...]  # the input of a layer; of several inputs a tuple


class Destination(NamedTuple):
    """Where the gradient of a parameter goes: the two arguments of the kernels that write such an array."""

    out: np.ndarray
    accumulate: bool  # add to what is there

    def write(self, value) -> None:
        """Write a gradient computed with NumPy, or add it where gradients accumulate. Raises ShapeError, DtypeError."""
        who = "call.into(parameter).write"
        value = array(who, "value", value)
        if value.shape != self.out.shape:
            raise ShapeError(
                f"{who}: expected a gradient of shape {self.out.shape}, that of the parameter, got {value.shape}."
            )
        if value.dtype.kind not in "fiu":
            raise DtypeError(f"{who}: expected a gradient of real numbers, got dtype {value.dtype}. Try a float dtype.")
        if self.accumulate:
            self.out[...] += value
        else:
            self.out[...] = value


class Call:
    """One pass through one layer. Those of the parts belong to the pass of their container.

    `training` and `record` are those of the pass. What forward keeps, `call.keep(X=X)`, backward reads as `call.X`.
    There `into` says where a parameter's gradient goes, and `wants_input` whether gX is of use; a layer may return it
    in any case.
    """

    batch: int | None = None  # the samples of the forward once it is done; None where no backward may follow
    accumulate = False
    wants_input = wants_parameters = True
    keeps = False  # whether the record stays for another backward
    X: Any = None  # what most layers keep
    Y: Any = None
    _called: frozenset = frozenset()

    def __init__(self, training: bool = False, record: bool = True, trusted: bool = True):
        self.training = training
        self.record = record  # whether a backward may follow; if not, what is kept goes with the pass
        self.trusted = trusted  # whether what the layer passes on to its parts needs no check: it is of nnmat itself

    def keep(self, X=None, Y=None, **others) -> None:
        """Keep arrays or numbers for backward, which reads them as attributes of its call.

        Raises ConfigError for a name that the call has itself.
        """
        if X is not None:
            self.X = X
        if Y is not None:
            self.Y = Y
        for name, value in others.items():
            if name in _OWN:
                raise ConfigError(f"call.keep: a call has {name} of its own. Keep it under another name.")
            setattr(self, name, value)

    def is_first_of(self, part) -> bool:
        """Whether a part is called for the first time in this forward of its container; it has one record only."""
        first = part not in self._called
        self._called |= {part}
        return first

    def into(self, parameter: Parameter | None) -> Destination | None:
        """Where to write the gradient of `parameter`, and whether to add it there.

        None if it is not wanted, or there is no such parameter.
        """
        return Destination(parameter.grad, self.accumulate) if self.wants_parameters and parameter is not None else None


_OWN = frozenset({*dir(Call), *vars(Call())} - {"X", "Y"})


class ForwardMethod(Protocol):
    """A layer's `forward` as callers have it."""

    def __call__(self, X: Inputs, training: bool | Call = False, record: bool | None = None) -> np.ndarray:
        """Y for a batch X."""


class BackwardMethod(Protocol):
    """A layer's `backward` as callers have it."""

    def __call__(
        self,
        G: np.ndarray,
        accumulate: bool | Call = False,
        parameters: bool = True,
        input_gradient: bool = True,
        keep: bool = False,
    ) -> Any:
        """gX for the upstream gradient G: an array, a tuple for several inputs, None if it is not wanted."""


def forward_equations(method: Callable[..., Any]) -> ForwardMethod:
    """Mark a `forward(self, X, call)` as equations, whose callers have other arguments: for type checkers only.

    The base class puts its checks round the equations of every class, marked or not.
    """
    return cast(ForwardMethod, method)


def backward_equations(method: Callable[..., Any]) -> BackwardMethod:
    """The same for `backward(self, G, call)`."""
    return cast(BackwardMethod, method)


class LossCall:
    """One pass through one loss, given its `sample_weight`. Forward sets the gradient G and the divisor D."""

    def __init__(self):
        self.kept = False  # whether there is more than these attributes
        self.begin(None)

    def begin(self, sample_weight: np.ndarray | None) -> None:
        """Start a forward: what the one before has kept is gone."""
        if self.kept:  # else the dict is not looked at: once it is, its attributes are slower
            self.__dict__.clear()
            self.kept = False
        self.sample_weight = sample_weight
        self.G: Any = None
        self.divisor: float | None = None
        self.cotangent: Any = None  # of the values, in the backward of a loss with reduction "none"
        self.shape: tuple[int, ...] = ()  # of the values
        self.done = False  # whether a forward came to its end, so that backward may follow

    def keep(self, **kept) -> None:
        """Keep what a backward of the loss's own needs, which reads it as attributes of its call."""
        if not kept.keys().isdisjoint(_OWN_OF_LOSSES):
            raise ConfigError(f"call.keep: {', '.join(sorted(kept.keys() & _OWN_OF_LOSSES))} is the call's own.")
        self.kept = True
        self.__dict__.update(kept)


class LossMethod(Protocol):
    """A loss's `forward` as callers have it."""

    def __call__(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | LossCall | None = None) -> Any:
        """The loss of outputs H for targets y: a float, or an array for the reduction "none"."""


def loss_equations(method: Callable[..., Any]) -> LossMethod:
    """Mark a `forward(self, H, y, call)` of a loss as equations: for type checkers only."""
    return cast(LossMethod, method)


_OWN_OF_LOSSES = frozenset({*dir(LossCall), *vars(LossCall())})
