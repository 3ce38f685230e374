"""The contract of a loss."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.losses.targets import REDUCTIONS, as_array_of_targets, as_targets
from nnmat_kernels.runtime.arrays import as_array, canonical
from nnmat_kernels.runtime.launch import part_of_a_step

from ..calls import LossCall
from ..checks import as_method, equations, renamed_methods, shown, takes
from ..errors import ConfigError, DtypeError, ShapeError, StateError
from ..habits import arguments_checked, check_arguments

_RENAMED = {"_evaluate": "forward(self, H, y, call) and backward(self, call)"}


class Loss(abc.ABC):
    """The mean of a loss over the rows of a batch; or the sum, or the losses themselves.

        value = (1/D) Σ_b s_b loss(h_b, y_b)        G = ∇_H value        D = Σ_b s_b

    H (..., M) is taken as rows of M numbers, its leading axes flattened. s_b is the row's weight (1 unless sample or
    class weights are given, 0 for an ignored row), and `divisor` is D of the last forward: the mean over several
    batches is Σ D value / Σ D. A loss of one's own implements `forward(self, H, y, call)`; callers have other
    arguments, those below.

    `reduction`: "mean" as above; "sum", with 1 for D and no 1/M where the loss of a row is a mean over its M entries;
    or "none", for which forward returns the losses as an array, and `backward(C)` takes their cotangent C. D of a sum
    is 1, so a Trainer shows the mean of the sums of its batches, a number that grows with the batch size.
    """

    targets = True  # whether it compares outputs with targets; if not, there is no y
    labels = False  # whether integer targets are labels, and not numbers
    recordable = False  # whether its passes consist of kernels alone, so that a program can do without Python

    reduction = "mean"

    @arguments_checked
    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked_reduction(type(self).__name__, reduction)
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
    def forward(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | LossCall | None = None) -> Any:
        """The mean loss of outputs H (..., M) for targets y; `sample_weight` has the shape of H without its last axis.

        Weights may also have the first axes only, such as (B,) for H (B, T, M): they then hold for all rows of a
        sample; and where a loss is a mean over entries, the shape of H. With the reduction "sum" it is the sum, with
        "none" an array of the losses times their weights. With a divisor of 0 (no row, or all weights 0) the value is
        0.0 and the gradient zero. Only a loss of the outputs alone (`targets` is False) goes without y.

        A class defines it as `forward(self, H, y, call)`: it checks H, y and `call.sample_weight`, sets `call.G` and
        `call.divisor`, and returns the value. A loss made of losses calls theirs with its call.
        """

    def __call__(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        """The same as `forward`."""
        return self.forward(H, y, sample_weight)

    @equations
    def backward(self, cotangent: np.ndarray | LossCall | None = None) -> np.ndarray:
        """G, the gradient of the last forward's value with respect to H, of H's shape and dtype.

        With the reduction "none" there are many values L, and G is the gradient of ⟨C, L⟩ for their `cotangent` C, an
        array of L's shape and dtype; else there is no cotangent. The array is the loss's own until its next forward:
        every backward gives the same one, so copy it before you write to it.
        A class may define it as `backward(self, call)`, if its forward keeps something else than G (`call.keep`).
        """
        G = self._call.G
        if G is None or not self._call.done:
            self._refuse_backward()
        if cotangent is None and self.reduction == "mean":
            return G
        C = self._checked_cotangent(cotangent)
        return G if C is None else self.times_cotangent(G, C)

    def times_cotangent(self, G: np.ndarray, C: np.ndarray) -> np.ndarray:
        """The derivatives G of the losses times their cotangent C: of entries, or of rows."""
        return k.multiply(G, C) if G.shape == C.shape else k.scale_rows(G, C)

    def _checked_cotangent(self, C) -> np.ndarray | None:
        """C as an array for the kernels; None for a loss that is one number."""
        who, none = type(self).__name__, C is None or isinstance(C, LossCall)
        if self.reduction != "none":
            if not none:
                raise ConfigError(
                    f"{who}: expected backward() without a cotangent, for the value is one number. Write "
                    'reduction="none" for values that take one.'
                )
            return None
        shape, G = self._call.shape, self._call.G
        if none:
            raise ConfigError(
                f'{who}: expected backward(C) with the cotangent C of the values, shape {shape}, for reduction="none" '
                'adds nothing up. For the gradient of their sum write reduction="sum".'
            )
        C = as_array(who, "C", C)
        if C.shape != shape:
            raise ShapeError(f"{who}: expected C of shape {shape}, that of the values, got {C.shape}.")
        if G is not None and C.dtype != G.dtype:
            raise DtypeError(f"{who}: expected C of dtype {G.dtype}, got {C.dtype}. Try C.astype(np.{G.dtype}).")
        return canonical(C)

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

    def constant_arrays(self) -> list[np.ndarray]:
        """Arrays beside attributes that passes read and nobody changes."""
        return []

    def target_shape(self, output_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the targets of a sample, where they are numbers, for outputs of this shape."""
        return output_shape

    def config(self) -> dict:
        """The constructor's arguments, as JSON-able values; `reduction` if it is not "mean"."""
        return {} if self.reduction == "mean" else {"reduction": self.reduction}

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


def check_entries(who: str, y: np.ndarray, output_shape: tuple[int, ...], low=None, high=None) -> None:
    """Raise a typed error unless y has a target, from `low` to `high`, for each entry of the outputs."""
    y = as_array_of_targets(who, y, booleans=True)
    as_targets(who, y, output_rows(who, y, output_shape), np.dtype(np.float64), low=low, high=high)


def check_reduced(who: str, loss: Loss) -> None:
    """Raise ConfigError for a loss that is no number, of which a step of training needs one."""
    if loss.reduction == "none":
        raise ConfigError(
            f'{who}: expected a loss that is one number, got {loss!r}. Write reduction="mean" or "sum"; to weigh rows, '
            "give sample_weight."
        )


def _checked_reduction(who: str, reduction) -> str:
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        hint = " The mean is over rows: write reduction='mean'." if reduction == "batchmean" else ""
        known = ", ".join(map(repr, REDUCTIONS))
        raise ConfigError(f"{who}: expected reduction as one of {known}, got {shown(reduction)}.{hint}")
    return reduction


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
        if self.reduction == "none":
            if not isinstance(value, np.ndarray):
                raise ConfigError(
                    f'{type(self).__name__}: expected forward to return an array of losses for reduction="none", got '
                    f"{shown(value)}. If it knows one number only, its constructor takes no reduction."
                )
            call.shape = value.shape
        self.divisor, call.done = call.divisor, True
        return value

    return forward


def _whole_backward(written: Callable) -> Callable:
    """`Loss.backward` for a class with these equations."""

    @as_method(Loss.backward, written)
    def backward(self, cotangent=None):
        if not self._call.done:
            self._refuse_backward()
        if self.reduction == "none":
            self._call.cotangent = self._checked_cotangent(cotangent)
        return written(self, self._call)

    return backward
