"""The steps of an epoch: by hand, as the equations say, or many at a time as a program."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.launch import unrecorded

from .. import metrics as _metrics
from ..datasets import ArrayBatches
from ..programs.step_programs import Batch, StepPrograms, StepResult
from .callbacks import Callback
from .data import batches, cast_batch
from .nonfinite import raise_for_gradient, raise_for_loss

TOGETHER = 0.1  # seconds of steps in one call: so long a signal waits, and progress stands still
MOST = 512  # steps in one call
MOST_BYTES = 32 << 20  # of their batches


class TrainingSteps:
    """Makes the steps of a Trainer."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.programs = StepPrograms(trainer.model, trainer.loss, trainer.optimizer, self.equations)
        self._state: Any = None  # of the run, which errors name
        self._buffers = list(trainer.model.buffers().values())
        self._together = 1
        self._said = False  # whether a run was told why its steps run by hand

    def said_once(self) -> str:
        """Why steps run by hand although they should not, the first time that one asks; else nothing."""
        reason = self.programs.refused if self.trainer.compiled and not self._said else ""
        self._said = True
        return reason

    def of_epoch(self, run, interruption) -> Iterator[tuple[Batch, StepResult]]:
        """The batches of an epoch from the present position on, each with what its step gave.

        The caller counts each step before it asks for the next one.
        """
        state = self._state = run.state
        waiting: list[Batch] = []
        may_wait = self._may_wait(run)
        for X, y, *weight in batches("fit", run.source, run.rng, start=state.batches):
            if interruption.pressed or state.step + len(waiting) >= run.last_step:
                break
            batch = self._batch(X, y, weight[0] if weight else None)
            if waiting and batch.X.shape != waiting[0].X.shape:
                yield from self._by_program(waiting)
                waiting = []
            if not (self.trainer.compiled and self.programs.ready(batch)):
                yield batch, self._step(batch)
                continue
            waiting.append(batch)
            if len(waiting) >= (self._together if may_wait and self._counted(batch) else 1):
                yield from self._by_program(waiting)
                waiting = []
        if not interruption.pressed:
            yield from self._by_program(waiting)

    def _may_wait(self, run) -> bool:
        """Whether nobody wants to look at every step."""
        watched = any(type(c).on_step_end is not Callback.on_step_end for c in run.callbacks)
        return isinstance(run.source, ArrayBatches) and not watched

    def _counted(self, batch: Batch) -> bool:
        """Whether all metrics are measured within the program."""
        metrics = self.trainer.metrics.values()
        return not metrics or (set(metrics) == {_metrics.accuracy} and self.programs.counts(batch))

    def _batch(self, X, y, weight) -> Batch:
        X, y, weight = cast_batch("fit", self.trainer.model.dtype, X, y, weight)
        if y.dtype.kind in "iu":
            y = y.astype(np.int64, copy=False)
        return Batch(X if type(X) is tuple else canonical(X), canonical(y), weight)

    def _by_program(self, waiting: list[Batch]) -> Iterator[tuple[Batch, StepResult]]:
        while waiting:
            started = time.perf_counter()
            results = self.programs.run(waiting)
            if results:
                size = sum(A.nbytes for A in waiting[0] if A is not None)
                wanted = TOGETHER * len(results) / (time.perf_counter() - started)
                self._together = max(1, min(MOST, int(wanted), MOST_BYTES // max(size, 1)))
            for batch, result in zip(waiting, results, strict=False):
                yield batch, self._measured(batch, result)
            if len(results) == len(waiting):
                return
            batch, waiting = waiting[len(results)], waiting[len(results) + 1 :]
            yield batch, self._step(batch)  # raises what stopped the program

    def _measured(self, batch: Batch, result: StepResult) -> StepResult:
        """The figures of a step that a program made; the outputs are those of the last one."""
        rows = len(batch.y)
        measured = {}
        for name, metric in self.trainer.metrics.items():
            if metric is _metrics.accuracy and result.right >= 0:
                measured[name] = (result.right / rows, float(rows))
            else:
                measured[name] = _metrics.measure(name, metric, result.H, batch.y)
        return result._replace(measured=measured)

    def _step(self, batch: Batch) -> StepResult:
        if self.trainer.compiled:
            return self.programs.step(batch)
        return self.equations(batch, self.trainer.optimizer.lr)

    def equations(self, batch: Batch, lr: float) -> StepResult:
        """One minibatch by hand: forward, loss, backward, update."""
        trainer = self.trainer
        model, loss, optimizer = trainer.model, trainer.loss, trainer.optimizer
        X, y, weight = batch
        before = [A.copy() for A in self._buffers]  # to repeat the batch with the same dropout masks if it goes wrong
        H = model.forward_lent(X)  # H is done with before the next step
        value = loss.forward(H, y, weight)
        if not math.isfinite(value):
            self._restore_buffers(before)
            raise_for_loss(trainer, X, y, weight, H, value, self._state)
        measured = {}
        for name, metric in trainer.metrics.items():
            if metric is _metrics.accuracy:
                measured[name] = _metrics.measure(name, metric, H, y)
            else:
                with unrecorded():
                    measured[name] = _metrics.measure(name, metric, H, y)
        model.backward(loss.backward(), input_gradient=False)
        norm = optimizer.gradient_norm()
        if not math.isfinite(norm):
            self._restore_buffers(before)
            raise_for_gradient(trainer, X, y, weight, self._state)
        optimizer.apply(lr, norm)
        return StepResult(value, loss.divisor, norm, lr, H, measured)

    def _restore_buffers(self, before: list[np.ndarray]) -> None:
        for A, was in zip(self._buffers, before, strict=True):
            A[...] = was
