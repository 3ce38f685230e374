"""A loss given as an expression: its gradient is derived."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.losses.targets import (
    as_array_of_targets,
    as_labels,
    as_rows,
    as_targets,
    label_remedy,
    label_rows,
    target_rows,
)

from ..calls import loss_equations
from ..checks import flag
from ..errors import ConfigError, DtypeError, ShapeError
from ..expressions.names import BATCH
from .base import Loss, output_rows

WIDTH = "M"  # of outputs and targets
SHAPES = {"H": (BATCH, WIDTH), "Y": (BATCH, WIDTH)}


class ExpressionLoss(Loss):
    """A scalar function of outputs H and targets Y, in the language of `nnmat.calculus`.

    Forward
        value = f(H, Y)
    Backward, derived from f and compared with difference quotients
        G = ∇_H f
    Shapes: in the expression H and Y are (B, M), the rows of all leading axes below one another; float32 or float64.
        y of H's shape; or, with `labels`, integers of shape (...), of which Y has a row of zeros and a one each.
    Errors: ConfigError (names, sizes, sample weights), ParseError, NotDerivable, LabelError, ShapeError, DtypeError.
    Reference: docs/calculus.md; `loss.derivation` has the derivation, step by step.

        ExpressionLoss("frobenius(H - Y)**2 / (2 * dim(B))")
        ExpressionLoss("-inner(Y, log_softmax_rows(H)) / dim(B)", labels=True)

    Write a mean over the rows, for the Trainer takes the value of a batch as one: dim(B) is their number. Weights of
    samples are not known to an expression.
    """

    recordable = True

    def __init__(self, expression: str, *, labels: bool = False, sizes: Mapping[str, int] | None = None):
        from ..expressions.derived import Derived  # 0.2 s: only who has an expression loads the calculus

        super().__init__()
        who = type(self).__name__
        self.labels = flag(who, "labels", labels)
        self._derived = Derived(who, expression, SHAPES, ["H"], {} if sizes is None else sizes)
        if not self._derived.f.is_scalar:
            raise ShapeError(
                f"{who}: expected a scalar expression, got one of shape "
                f"({', '.join(map(str, self._derived.f.shape))}). Take a mean, such as sum(...) / dim({BATCH})."
            )
        if not self._derived.derivations:
            raise ConfigError(f"{who}: expected an expression with H, the outputs, in it, got {expression!r:.80}.")
        self._derived.check_sizes((BATCH, WIDTH))
        self._plan(2, np.dtype(np.float64), 2)  # refuses what has no kernel

    @property
    def derivation(self) -> Any:
        """How the gradient by H was found."""
        return self._derived.derivations["H"]

    @loss_equations
    def forward(self, H, y, call):
        who = type(self).__name__
        if call.sample_weight is not None:
            raise ConfigError(f"{who}: expected no sample_weight: an expression has no place for it.")
        rows, shape = as_rows(who, H), _shape(H)
        y = as_array_of_targets(who, y)
        if self.labels:
            Y = k.one_hot(label_rows(who, _integers(who, y, shape), shape, None), rows.shape[1], rows.dtype, who=who)
        else:
            Y = target_rows(who, y, shape, rows.dtype)
        call.divisor = float(len(rows))
        if not len(rows):
            call.divisor, call.G = 0.0, np.empty(shape, rows.dtype)
            return 0.0
        plan = self._plan(len(rows), rows.dtype, rows.shape[1])
        arrays = {v: {"H": rows, "Y": Y}[name] for name, v in plan.symbols.items()}
        value = plan.run(0, arrays)[""]
        call.G = plan.run(1, arrays)["H"].reshape(shape)
        return k.first_number(value)

    def _plan(self, batch: int, dtype, width: int) -> Any:
        return self._derived.plan(batch, dtype, (("H",),), **{WIDTH: width})

    def check_targets(self, y, output_shape):
        who = type(self).__name__
        y = as_array_of_targets(who, y)
        shape = output_rows(who, y, output_shape)
        if self.labels:
            as_labels(who, _integers(who, y, shape), shape, None)
        else:
            as_targets(who, y, shape, np.dtype(np.float64))

    def constant_arrays(self):
        return self._derived.constant_arrays()

    def config(self):
        return {"expression": self._derived.text, "labels": self.labels, "sizes": dict(self._derived.sizes)}


def _integers(who: str, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if y.dtype.kind == "f":
        raise DtypeError(f"{who}: expected integer labels y, got {y.dtype}. {label_remedy(y, shape)}")
    return y


def _shape(H) -> tuple[int, ...]:
    return np.shape(H)


def loss_from_expression(f: Any, *, labels: bool = False, sizes: Mapping[str, int] | None = None) -> ExpressionLoss:
    """The loss of an expression of `nnmat.calculus`, or of its text; the other arguments are those of
    `ExpressionLoss`. What is declared of H and Y, such as sums_to_one, is not used: the gradient holds for any."""
    from ..expressions.derived import text_of

    return ExpressionLoss(text_of("loss_from_expression", f, SHAPES), labels=labels, sizes=sizes)
