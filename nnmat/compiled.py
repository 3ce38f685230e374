"""A training step as a program: recorded once from the equations as they run, then run without Python.

The first step of a situation (shapes of the batch, settings) runs by hand; the second one is recorded; the third and
fourth run both ways, and every parameter, gradient, buffer and result must have the same bits. From then on the
program runs. What Python computes beside the kernels would be a constant of the program, and is found by that.
"""

from typing import NamedTuple

import numpy as np

from nnmat_kernels.programs.program import CountSlot, FloatSlot, Program
from nnmat_kernels.runtime.launch import Tape

from .errors import StateError

PROGRAMS = 16  # situations that a step keeps a program for
_CHECKED = 2  # steps that run both ways before a program is trusted


class StepResult(NamedTuple):
    """What a step gives beside the update."""

    value: float  # the loss
    norm: float  # of the gradient


class _Situation:
    """A step for batches of one shape under the same settings."""

    def __init__(self):
        self.steps = 0
        self.program: Program | None = None
        self.batch: tuple = ()  # the recorded one


class CompiledStep:
    """A training step of a model, a loss and an optimizer, as a function of the batch: value = step(X, y).

    Forward, loss, backward and update, as by hand and with the same bits. X (B, ...) of the model's dtype, y as the
    loss takes it, and `sample_weight` or None. Raises StateError if a program turns out to give other bits than the
    equations; the errors of the model and the loss as by hand.
    """

    def __init__(self, model, loss, optimizer):
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self._situations: dict[tuple, _Situation] = {}
        self._buffers = list(model.buffers().values())

    def __call__(self, X, y, sample_weight=None) -> float:
        return self.run(X, y, sample_weight).value

    def run(self, X, y, weight=None) -> StepResult:
        """One step for checked arrays."""
        situation = self._situation(X, y, weight)
        if situation.program is not None and situation.steps >= _CHECKED:
            return self._by_program(situation, X, y, weight)
        if self.optimizer.steps == 0 or (situation.steps == 0 and situation.program is None and not situation.batch):
            situation.batch = (X, y, weight)
            return self._by_hand(X, y, weight)
        if situation.program is None:
            return self._record(situation, X, y, weight)
        situation.steps += 1
        return self._compare(situation, X, y, weight)

    def _situation(self, X, y, weight) -> _Situation:
        o = self.optimizer
        key = (
            X.shape, y.shape, y.dtype, None if weight is None else weight.shape, self.model.parameters_version,
            *o.settings().values(), o.clip_norm, *self.loss.config().values(),
        )  # fmt: skip
        key = tuple(tuple(part) if isinstance(part, list) else part for part in key)
        found = self._situations.get(key)
        if found is None:
            if len(self._situations) >= PROGRAMS:
                del self._situations[next(iter(self._situations))]
            found = self._situations[key] = _Situation()
        return found

    def _by_hand(self, X, y, weight, lr: float | None = None) -> StepResult:
        model, loss, optimizer = self.model, self.loss, self.optimizer
        value = loss.forward(model.forward_lent(X), y, weight)
        model.backward(loss.backward(), input_gradient=False)
        norm = optimizer.gradient_norm()
        optimizer.apply(optimizer.lr if lr is None else lr, norm)
        return StepResult(value, norm)

    def _record(self, situation: _Situation, X, y, weight) -> StepResult:
        optimizer = self.optimizer
        steps = optimizer.steps
        optimizer.steps = CountSlot("steps", steps)
        try:
            with Tape() as tape:
                result = self._by_hand(X, y, weight, FloatSlot("lr", optimizer.lr))
        finally:
            optimizer.steps = steps
        optimizer.steps = steps + 1
        inputs = {"X": X, "y": y} if weight is None else {"X": X, "y": y, "weight": weight}
        results = {"value": result.value, "norm": result.norm}
        situation.program = Program(tape.launches, inputs, results, finite=("value", "norm"))
        return result

    def _by_program(self, situation: _Situation, X, y, weight) -> StepResult:
        optimizer, program = self.optimizer, situation.program
        values = {"X": X, "y": y, "weight": weight, "lr": optimizer.lr, "steps": optimizer.steps + 1}
        done, _, results = program.run(np.array([program.row(values)], np.int64))
        if done == 0:
            raise StateError("the step was stopped")
        optimizer.steps += 1
        return StepResult(*results[0].tolist())

    def _compare(self, situation: _Situation, X, y, weight) -> StepResult:
        """The step by hand, then again from the same state by the program."""
        before = [A.copy() for A in self._state()]
        steps = self.optimizer.steps
        by_hand = self._by_hand(X, y, weight)
        after = [A.copy() for A in self._state()]
        for A, was in zip(self._state(), before, strict=True):
            A[...] = was
        self.optimizer.steps = steps
        by_program = self._by_program(situation, X, y, weight)
        for i, (A, B) in enumerate(zip(self._state(), after, strict=True)):
            if not np.array_equal(A, B, equal_nan=True):
                raise StateError(f"compiled step: array {i} has other bits than by hand.")
        if by_hand != by_program:
            raise StateError(f"compiled step: expected {by_hand} as by hand, got {by_program}.")
        return by_program

    def _state(self) -> list[np.ndarray]:
        store = self.model.store
        return [store.values, store.gradients, *self.optimizer._vectors.values(), *self._buffers]
