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

    # X and Y, which most layers keep, have places of their own, at half the time of the dict that holds all else.
    __slots__ = (
        "X",
        "Y",
        "__dict__",
        "_arrays",
        "accumulate",
        "batch",
        "keeps",
        "others",
        "record",
        "training",
        "trusted",
        "wants_input",
        "wants_parameters",
    )

    def __init__(self, training: bool = False, record: bool = True, trusted: bool = True):
        self.training = training
        self.record = record  # whether a backward may follow; if not, nothing is kept
        self.trusted = trusted  # whether what the layer passes on to its parts needs no check: it is of nnmat itself
        self.batch: int | None = None  # the samples of the recorded forward; None without one
        self.accumulate = False
        self.wants_input = self.wants_parameters = True
        self.keeps = False  # whether the record stays for another backward
        self.X: Any = None
        self.Y: Any = None
        self.others = False  # whether anything else is kept
        self._arrays: dict[str, np.ndarray] = {}

    def keep(self, X=None, Y=None, **others) -> None:
        """Keep arrays or numbers for backward, which reads them as attributes of its call.

        Raises ConfigError for a name that the call has itself.
        """
        if X is not None:
            self.X = X
        if Y is not None:
            self.Y = Y
        if others:
            if not _OWN.isdisjoint(others):
                names = ", ".join(sorted(_OWN.intersection(others)))
                raise ConfigError(f"call.keep: a call has {names} of its own. Keep it under another name.")
            self.__dict__.update(others)
            self.others = True

    def begin(self, training: bool) -> None:
        """Start a recorded forward: what the one before has kept is gone."""
        self.training, self.batch, self.X, self.Y = training, None, None, None
        if self.others:
            self.__dict__, self.others = {}, False

    def is_first_of(self, part) -> bool:
        """Whether a part is called for the first time in this forward of its container; it has one record only."""
        self.others = True  # so that `begin` forgets it
        called = self.__dict__.setdefault(_CALLED, set())
        first = id(part) not in called
        called.add(id(part))
        return first

    def into(self, parameter: Parameter) -> Destination | None:
        """Where to write the gradient of `parameter`, and whether to add it there; None if it is not wanted."""
        return Destination(parameter.grad, self.accumulate) if self.wants_parameters else None

    def array(self, key: str, shape: tuple, dtype) -> np.ndarray:
        """An uninitialised array for a result: that of the pass before, made anew only when it is too small."""
        A = self._arrays.get(key)
        if A is not None and A.shape == shape:  # the usual case
            return A
        whole = A if A is None or A.base is None else A.base
        if whole is None or whole.shape[1:] != shape[1:] or len(whole) < shape[0]:
            whole = np.empty(shape, dtype)
        A = self._arrays[key] = whole if len(whole) == shape[0] else whole[: shape[0]]
        return A


_CALLED = "parts that were called"  # no name that `keep` could be given
_OWN = frozenset(name for name in dir(Call) if name not in ("X", "Y"))


class UnrecordedCall(Call):
    """A forward that no backward follows. It writes nothing and never changes, so all layers and threads share it."""

    __slots__ = ()

    def __init__(self, training: bool, trusted: bool):
        super().__init__(training, False, trusted)

    def keep(self, X=None, Y=None, **others) -> None:
        """Keep nothing."""

    def array(self, key: str, shape: tuple, dtype) -> np.ndarray:
        """A fresh array."""
        return np.empty(shape, dtype)


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
        self.done = False  # whether a forward came to its end, so that backward may follow

    def keep(self, **kept) -> None:
        """Keep what a backward of the loss's own needs, which reads it as attributes of its call."""
        if not kept.keys().isdisjoint(_OWN_OF_LOSSES):
            raise ConfigError(f"call.keep: {', '.join(sorted(kept.keys() & _OWN_OF_LOSSES))} is the call's own.")
        self.kept = True
        self.__dict__.update(kept)


class LossMethod(Protocol):
    """A loss's `forward` as callers have it."""

    def __call__(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | LossCall | None = None) -> float:
        """The mean loss of outputs H for targets y."""


def loss_equations(method: Callable[..., Any]) -> LossMethod:
    """Mark a `forward(self, H, y, call)` of a loss as equations: for type checkers only."""
    return cast(LossMethod, method)


_OWN_OF_LOSSES = frozenset({*dir(LossCall), *vars(LossCall())})
