"""A training step as a program: recorded once from the equations as they run, then run without Python.

The first step of a situation (shapes of the batch, settings of the parts) runs by hand; the second is recorded; the
third and fourth run both ways, with other rows, step numbers, rates and masks, and every parameter, gradient, buffer
and result must have the same bits. From then on the program runs. What Python computes beside the kernels would be a
constant of the program: so it is found.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from nnmat_kernels.losses.count_correct import count_correct
from nnmat_kernels.programs.program import CountSlot, FloatSlot, Program
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.launch import Tape

from ..errors import StateError
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer

PROGRAMS = 16  # situations that a step keeps a program for; the oldest makes room
CHECKED = 2  # steps that run both ways before a program is trusted


class StepResult(NamedTuple):
    """What a step tells of itself."""

    value: float  # the loss
    divisor: float  # D of the loss
    norm: float  # of the gradient
    learning_rate: float
    H: np.ndarray  # the model's outputs, until the next step
    measured: Mapping[str, tuple[float, float]] = MappingProxyType({})  # metrics: each mean and its weight
    right: int = -1  # rows that a kernel counted as right, if accuracy was asked for


class Batch(NamedTuple):
    """Arrays as the kernels take them: contiguous, X and floats of the model's dtype."""

    X: Any  # an array, or a tuple of them
    y: np.ndarray
    weight: np.ndarray | None = None


Equations = Callable[[Batch, float], StepResult]


class _Situation:
    """Steps with batches of one shape under the same settings."""

    def __init__(self, key: tuple) -> None:
        self.key = key
        self.by_hand = 0  # steps so far
        self.checked = 0
        self.program: Program | None = None
        self.refused = ""  # why there will be no program
        self.recorded: StepResult | None = None
        self.counts = False  # whether the program counts right rows


class StepPrograms:
    """The programs of a step, one for each situation; `equations` is the step by hand, which they are recorded from."""

    def __init__(self, model: Layer, loss: Loss, optimizer: Optimizer, equations: Equations):
        self.model, self.loss, self.optimizer, self.equations = model, loss, optimizer, equations
        self._situations: list[_Situation] = []  # that of the last batch at the end
        self._last_batch: Batch | None = None
        self._buffers = list(model.buffers().values())
        self.refused = self._refusal()

    def _refusal(self) -> str:
        """Why steps cannot be compiled, or nothing."""
        if settings.DISABLE_JIT:
            return "NUMBA_DISABLE_JIT is set"
        if self.model.input_shape and isinstance(self.model.input_shape[0], tuple):
            return "the model has several inputs"
        for part in (*self.model.modules(), self.loss, self.optimizer):
            if not _records(part):
                name = part.who if isinstance(part, Layer) else type(part).__name__
                return f"{name} computes in Python (recordable is False)"
        return ""

    def why_not(self, batch: Batch) -> str:
        """Why a step on such a batch runs by hand, or nothing."""
        return self.refused or self._situation(batch).refused

    def ready(self, batch: Batch) -> bool:
        """Whether a program that was checked runs steps on such batches."""
        return not self.refused and self._situation(batch).checked >= CHECKED

    def counts(self, batch: Batch) -> bool:
        """Whether the program counts the rows that are right."""
        return self._situation(batch).counts

    def step(self, batch: Batch) -> StepResult:
        """One step by hand, as the equations say; on the way the program is recorded or checked."""
        if self.refused:
            return self.equations(batch, self.optimizer.lr)
        situation = self._situation(batch)
        situation.by_hand += 1
        # The first step of all may differ: momentum starts with it.
        if situation.refused or situation.by_hand == 1 or self.optimizer.steps == 0:
            return self.equations(batch, self.optimizer.lr)
        if situation.program is None:
            return self._record(situation, batch)
        return self._compare(situation, batch)

    def run(self, batches: Sequence[Batch]) -> list[StepResult]:
        """Steps on batches that a program is `ready` for, all of one situation; fewer results if one was stopped.

        The step after those is to be done by hand, and then raises the error: nothing of it has been done but what
        moves buffers, and they are as they were before it.
        """
        situation, optimizer = self._situation(batches[0]), self.optimizer
        program, recorded = situation.program, situation.recorded
        assert program is not None and recorded is not None  # noqa: PT018
        first = optimizer.steps
        rates = []
        for i in range(len(batches)):
            optimizer.steps = first + i
            rates.append(optimizer.lr)
        optimizer.steps = first
        rows = [
            program.row({"X": b.X, "y": b.y, "weight": b.weight, "lr": lr, "steps": first + i + 1})
            for i, (b, lr) in enumerate(zip(batches, rates, strict=True))
        ]
        done, results = program.run(rows)
        optimizer.steps = first + done
        found = []
        for words, lr in zip(results[:done], rates, strict=False):
            value, norm = words[:2].view(np.float64).tolist()
            right = int(words[2]) if situation.counts else -1
            found.append(recorded._replace(value=value, norm=norm, learning_rate=lr, right=right))
        return found

    def _record(self, situation: _Situation, batch: Batch) -> StepResult:
        optimizer = self.optimizer
        steps, lr = optimizer.steps, optimizer.lr
        optimizer.steps = CountSlot("steps", steps)
        try:
            with Tape() as tape:
                result = self.equations(batch, FloatSlot("lr", lr))
        finally:
            optimizer.steps = int(optimizer.steps)
        inputs = {"X": batch.X, "y": batch.y} | ({} if batch.weight is None else {"weight": batch.weight})
        results: dict[str, Any] = {"value": result.value, "norm": result.norm}
        counts = [e for e, (kernel, _, _) in enumerate(tape.launches) if kernel is count_correct]
        try:
            program = Program(tape.launches, inputs, results, tuple(results), counts[:1], self._buffers)
        except (TypeError, ValueError) as error:
            situation.refused = str(error)
        else:
            situation.program, situation.counts = program, bool(counts)
            situation.recorded = result._replace(learning_rate=lr)
        return result

    def _compare(self, situation: _Situation, batch: Batch) -> StepResult:
        """The step by hand, and again from the same state by the program."""
        before, steps = self._copies(), self.optimizer.steps
        by_hand = self.equations(batch, self.optimizer.lr)
        outputs, after = by_hand.H.copy(), self._copies()
        self._restore(before)
        self.optimizer.steps = steps
        (by_program,) = self.run([batch]) or (None,)
        names = ["parameters", "gradients", *self.optimizer.state_vectors(), *self.model.buffers()]
        wrong = [n for n, A, B in zip(names, self._state(), after, strict=True) if A.tobytes() != B.tobytes()]
        if by_program is None or by_program[:4] != by_hand[:4]:
            wrong.append("results")
        elif by_program.H.tobytes() != outputs.tobytes():
            wrong.append("outputs")
        if wrong:
            self._restore(after)
            self.optimizer.steps = steps + 1
            raise StateError(
                f"compiled step: the program gave other {', '.join(wrong)} than the equations. A layer, loss or "
                "optimizer computes something in Python: set its class's recordable = False, or compiled=False."
            )
        situation.checked += 1
        return by_hand._replace(H=situation.recorded.H)  # type: ignore[union-attr]

    def _state(self) -> list[np.ndarray]:
        store = self.model.store
        return [store.values, store.gradients, *self.optimizer.state_vectors().values(), *self._buffers]

    def _copies(self) -> list[np.ndarray]:
        return [A.copy() for A in self._state()]

    def _restore(self, copies: list[np.ndarray]) -> None:
        for A, was in zip(self._state(), copies, strict=True):
            A[...] = was

    def _situation(self, batch: Batch) -> _Situation:
        if batch is self._last_batch:
            return self._situations[-1]
        o, (X, y, w) = self.optimizer, batch
        key = (
            X.shape, y.shape, y.dtype, None if w is None else w.shape, self.model.parameters_version,
            o.clip_norm, o.weight_decay, o.settings(), self.loss.config(),
        )  # fmt: skip
        found = next((s for s in reversed(self._situations) if s.key == key), None)
        if found is None:
            found = _Situation(key)
            found.refused = "" if w is None else "sample weights are added up with NumPy"
            self._situations = self._situations[1 - PROGRAMS :]
        elif found is not self._situations[-1]:
            self._situations.remove(found)
        if not self._situations or found is not self._situations[-1]:
            self._situations.append(found)
        self._last_batch = batch
        return found


def _records(part) -> bool:
    """Whether the passes of a layer, a loss or an optimizer consist of kernels: what a class itself says."""
    cls = type(part)
    if f"{cls.__module__}.".startswith("nnmat."):
        return part.recordable
    return cls.__dict__.get("recordable", False) is True  # not what it inherits: it may do something else
