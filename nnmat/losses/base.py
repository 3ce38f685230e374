"""The contract of a loss."""

import abc

import numpy as np

from ..errors import ShapeError, StateError


class Loss(abc.ABC):
    """The mean of a loss over the rows of a batch.

        value = (1/D) Σ_b s_b loss(h_b, y_b)        G = ∇_H value        D = Σ_b s_b

    H (..., M) is taken as rows of M numbers, its leading axes flattened. s_b is the row's weight (1 unless sample or
    class weights are given, 0 for an ignored row), and `divisor` is D of the last forward: the mean over several
    batches is Σ D value / Σ D. A loss of one's own implements `_evaluate`.
    """

    def __init__(self):
        self.divisor = 0.0
        self._gradient: np.ndarray | None = None

    @abc.abstractmethod
    def _evaluate(
        self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None
    ) -> tuple[float, np.ndarray, float]:
        """Check the arguments; return the value, the gradient with respect to H in a fresh array, and the divisor."""

    def forward(self, H: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The mean loss of outputs H (..., M) for targets y; `sample_weight` has the shape of H without its last axis.

        Weights may also have the first axes only, such as (B,) for H (B, T, M): they then hold for all rows of a
        sample. With a divisor of 0 (no row, or all weights 0) the value is 0.0 and the gradient zero.
        """
        self._gradient = None
        value, self._gradient, self.divisor = self._evaluate(H, y, sample_weight)
        return value

    def backward(self) -> np.ndarray:
        """G, the gradient of the last forward's value with respect to H, of H's shape and dtype."""
        if self._gradient is None:
            raise StateError(
                f"{type(self).__name__}: backward needs the gradient of a forward. Call forward(H, y) first."
            )
        return self._gradient

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
