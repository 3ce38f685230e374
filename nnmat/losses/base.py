"""The contract of a loss."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels.runtime.launch import part_of_a_step

from ..calls import LossCall
from ..checks import as_method, equations, renamed_methods, takes
from ..errors import ConfigError, ShapeError, StateError
from ..habits import arguments_checked, check_arguments

_RENAMED = {"_evaluate": "forward(self, H, y, call) and backward(self, call)"}


class Loss(abc.ABC):
    """The mean of a loss over the rows of a batch.

        value = (1/D) Σ_b s_b loss(h_b, y_b)        G = ∇_H value        D = Σ_b s_b

    H (..., M) is taken as rows of M numbers, its leading axes flattened. s_b is the row's weight (1 unless sample or
    class weights are given, 0 for an ignored row), and `divisor` is D of the last forward: the mean over several
    batches is Σ D value / Σ D. A loss of one's own implements `forward(self, H, y, call)`; callers have other
    arguments, those below.
    """

    targets = True  # whether it compares outputs with targets; if not, there is no y
    labels = False  # whether integer targets are labels, and not numbers
    recordable = False  # whether its passes consist of kernels alone, so that a program can do without Python

    @arguments_checked
    def __init__(self) -> None:
        self.divisor = 0.0
        self._call = LossCall()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        renamed_methods(cls, _RENAMED)
        check_arguments(cls)
        if written := takes(cls, Loss, "forward", "H", "y", "call"):
            cls.forward = _whole_forward(written)  # type: ignore[method-assign]
        if written := takes(cls, Loss, "backward", "call"):
            cls.backward = _whole_backward(written)  # type: ignore[method-assign]

    @abc.abstractmethod
    @equations
    def forward(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | LossCall | None = None) -> float:
        """The mean loss of outputs H (..., M) for targets y; `sample_weight` has the shape of H without its last axis.

        Weights may also have the first axes only, such as (B,) for H (B, T, M): they then hold for all rows of a
        sample. With a divisor of 0 (no row, or all weights 0) the value is 0.0 and the gradient zero. Only a loss of
        the outputs alone (`targets` is False) goes without y.

        A class defines it as `forward(self, H, y, call)`: it checks H, y and `call.sample_weight`, sets `call.G` and
        `call.divisor`, and returns the value. A loss made of losses calls theirs with its call.
        """

    def __call__(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The same as `forward`."""
        return self.forward(H, y, sample_weight)

    @equations
    def backward(self, call: LossCall | None = None) -> np.ndarray:
        """G, the gradient of the last forward's value with respect to H, of H's shape and dtype.

        The array is the loss's own until its next forward: every backward gives the same one, so copy it before you
        write to it.
        A class may define it as `backward(self, call)`, if its forward keeps something else than G (`call.keep`).
        """
        G = self._call.G
        if G is None or not self._call.done:
            self._refuse_backward()
        return G

    def drop_record(self) -> None:
        """No backward may follow a forward before."""
        self._call.done = False

    def _refuse_backward(self) -> None:
        if self._call.done:
            raise ConfigError(
                f"{type(self).__name__}: expected forward to set call.G, the gradient, or a backward(self, call)."
            )
        raise StateError(f"{type(self).__name__}: backward needs the gradient of a forward. Call forward(H, y) first.")

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """Raise a typed error if y (n, ...) cannot be the targets of outputs (n, *output_shape).

        The Trainer calls it once for all data, so that a wrong label is found before the first step.
        """
        output_rows(type(self).__name__, y, output_shape)

    def config(self) -> dict:
        """The constructor's arguments, as JSON-able values."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


def output_rows(who: str, y: np.ndarray, output_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape (n, *output_shape) of all outputs for targets y, for which the loss needs at least one output axis."""
    if not output_shape or y.ndim == 0:
        raise ShapeError(
            f"{who}: expected outputs of shape (n, ..., M) and targets of n rows, got outputs "
            f"{('n', *output_shape)} and targets {y.shape}. The model's last layer must give M numbers per row."
        )
    return (len(y), *output_shape)


def _whole_forward(written: Callable) -> Callable:
    """`Loss.forward` for a class with these equations."""

    @as_method(Loss.forward, written)
    def forward(self, H, y=None, sample_weight=None):
        call = self._call
        if sample_weight is not None and isinstance(sample_weight, LossCall):  # from a loss made of losses
            if sample_weight is call:  # or from a derived class: super().forward(H, y, call)
                return written(self, H, y, call)
            sample_weight = sample_weight.sample_weight
        call.begin(sample_weight)
        value = part_of_a_step(self, written, self, H, y, call)
        if call.divisor is None:
            raise ConfigError(
                f"{type(self).__name__}: expected forward to set call.divisor, the D of its mean. Without weights it "
                "is the number of rows: call.divisor = float(len(y))."
            )
        self.divisor, call.done = call.divisor, True
        return value

    return forward


def _whole_backward(written: Callable) -> Callable:
    """`Loss.backward` for a class with these equations."""

    @as_method(Loss.backward, written)
    def backward(self, call=None):
        if not self._call.done:
            self._refuse_backward()
        return written(self, self._call)

    return backward
