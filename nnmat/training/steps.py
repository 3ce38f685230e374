"""The steps of an epoch: by hand, as the equations say, or many at a time as a program."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnmat_kernels.programs.listing import Listing
from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.launch import unrecorded

from .. import metrics as _metrics
from ..datasets import ArrayBatches
from ..programs.recording import target_dtype
from ..programs.step_programs import Batch, Gather, Measured, StepPrograms, Steps
from .callbacks.base import next_look
from .data import WHOLE, batches, cast_batch, several_inputs
from .nonfinite import raise_for_gradient, raise_for_loss

TOGETHER = 0.1  # seconds of steps in one call: so long a signal waits, and progress stands still
MOST = 4096  # steps in one call
WORTH = 30  # steps from which on programs are worth being made


class TrainingSteps:
    """Makes the steps of a Trainer."""

    def __init__(self, trainer):
        self.trainer = trainer
        self._programs = self._new_programs()
        self._state: Any = None  # of the run, which errors name
        self._buffers = list(trainer.model.buffers().values())
        self._together = 1  # steps that take TOGETHER seconds
        self._source: Gather | None = None  # of the run, if batches are gathered from it by programs
        self._arrays: dict[int, Batch] = {}  # of each number of rows
        self._compiles: bool | None = None  # whether this run makes programs; known in its first epoch
        self.listing: Listing | None = None  # of the program that made the last steps, once a run is over
        self._said = False  # whether a run was told why its steps run by hand

    @property
    def programs(self) -> StepPrograms:
        """Those of the trainer's present loss and optimizer, which may be replaced."""
        found, trainer = self._programs, self.trainer
        if found.loss is not trainer.loss or found.optimizer is not trainer.optimizer:
            found = self._programs = self._new_programs()
        return found

    def _new_programs(self) -> StepPrograms:
        trainer = self.trainer
        return StepPrograms(trainer.model, trainer.loss, trainer.optimizer, self.equations, trainer.profile)

    def said_once(self) -> str:
        """Why steps run by hand although they should not, the first time that one asks; else nothing."""
        reason = self.programs.first_refusal if self.trainer.compiled and not self._said else ""
        self._said = self._said or bool(reason)
        return reason

    def end_run(self) -> None:
        """Forget the data of a run, and the programs that know its place."""
        self._source, self._arrays, self._compiles, self._together = None, {}, None, 1
        self.listing = self.programs.listing() or self.listing
        self.programs.forget()

    def of_epoch(self, run, interruption) -> Iterator[tuple[int, Steps]]:
        """The steps of an epoch from the present position on, some at a time: the rows of a batch, and what they gave.

        The caller counts them before it asks for the next ones.
        """
        self._state = run.state
        if self._compiles is None:
            self._compiles = self.trainer.compiled and run.steps_left() >= WORTH
        source = self._gather_from(run) if self._compiles and not self.programs.refused else None
        if source is not None:
            yield from self._gathered(run, interruption, source)
            return
        for X, y, *weight in batches("fit", self.trainer.model, run.source, run.rng, start=run.state.batches):
            if interruption.pressed or run.state.step >= run.last_step:
                return
            batch = self._batch(X, y, weight[0] if weight else None)
            yield len(batch.y), self._step(batch)

    def _gathered(self, run, interruption, source: Gather) -> Iterator[tuple[int, Steps]]:
        """The steps of an epoch whose batches the program itself takes from the data."""
        state, B, n = run.state, run.source.batch_size, len(source.y)
        order, first = run.source.order(run.rng), state.batches * run.source.batch_size
        place = order.ctypes.data
        while first < n and not interruption.pressed and state.step < run.last_step:
            size = min(B, n - first)
            batch = self._filled(source, size)._replace(rows=order[first : first + size])
            found = None
            if self.programs.ready(batch):
                left = (n - first) // B if size == B else 1
                look = next_look(run.callbacks, state.step)
                most = MOST if look is None else look - state.step
                count = int(min(left, most, run.last_step - state.step))
                if not self._counted(batch):
                    count = 1
                count = min(count, self._together)
                started = time.perf_counter()
                found = self.programs.run(
                    batch, {"rows": range(place + 8 * first, place + 8 * (first + count * B), 8 * B)}
                )
                if done := len(found.values):
                    self._together = max(1, int(TOGETHER * done / (time.perf_counter() - started)))
                    first += done * B
                    yield size, self._measured(batch, found)
                if done == count:
                    continue
                batch = batch._replace(rows=order[first : first + size])
            yield size, self._step(batch)  # raises what stopped the program, if one did
            first += size

    def _gather_from(self, run) -> Gather | None:
        """The arrays of a source, if they are as the kernels take them, and every row of them was looked at."""
        if self._source is not None:
            return self._source
        source = run.source
        if type(source) is not ArrayBatches or not source.shuffle or several_inputs(self.trainer.model):
            return None
        X, y, *weights = source.arrays
        dtype = self.trainer.model.dtype
        if y.dtype.kind in "iub":
            y = y.astype(target_dtype(self.trainer.loss, y, dtype), copy=False)
        if (of_inputs := self.trainer.model.input_dtype) != dtype and X.dtype.kind in "iu":  # tokens
            X = X.astype(of_inputs, copy=False)
        for A, kinds in ((X, (of_inputs,)), (y, (dtype, np.dtype(np.int64)))):
            if A.dtype not in kinds or not A.flags.carray or A.nbytes > WHOLE:
                return None
        weight = weights[0].astype(dtype, copy=False) if weights else None
        self._source = Gather(X, y, weight)
        return self._source

    def _filled(self, source: Gather, size: int) -> Batch:
        """A batch of some rows, in arrays that stay."""
        if size not in self._arrays:
            shapes = (size, *source.X.shape[1:]), (size, *source.y.shape[1:])
            arrays = np.empty(shapes[0], source.X.dtype), np.empty(shapes[1], source.y.dtype)
            weight = None if source.weight is None else np.empty((size, *source.weight.shape[1:]), source.weight.dtype)
            self._arrays[size] = Batch(*arrays, weight, source)
        return self._arrays[size]

    def _counted(self, batch: Batch) -> bool:
        """Whether all metrics are measured within the program."""
        metrics = self.trainer.metrics.values()
        return not metrics or (set(metrics) == {_metrics.accuracy} and self.programs.counts(batch))

    def _batch(self, X, y, weight) -> Batch:
        X, y, weight = cast_batch("fit", self.trainer.model, X, y, weight)
        y = y.astype(target_dtype(self.trainer.loss, y, self.trainer.model.dtype), copy=False)
        X = tuple(map(canonical, X)) if type(X) is tuple else canonical(X)
        return Batch(X, canonical(y), None if weight is None else canonical(weight))

    def _step(self, batch: Batch) -> Steps:
        if not self._compiles:
            return self.equations(batch, self.trainer.optimizer.lr)
        if batch.source is None and self.programs.ready(batch):
            found = self.programs.run(batch, batch.places())
            if found.values:
                return self._measured(batch, found)
        return self.programs.step(batch)

    def _measured(self, batch: Batch, steps: Steps) -> Steps:
        """Steps of a program with their figures; other metrics than the accuracy are those of the last one."""
        rows = len(batch.y)
        measured: list[Measured] = [{} for _ in steps.values]
        for name, metric in self.trainer.metrics.items():
            if metric is _metrics.accuracy and steps.right:
                for own, right in zip(measured, steps.right, strict=True):
                    own[name] = (right / rows, float(rows))
            else:
                measured[-1][name] = _metrics.measure(name, metric, steps.H, batch.y.copy())
        return steps._replace(measured=measured)

    def equations(self, batch: Batch, lr: float) -> Steps:
        """One minibatch by hand: forward, loss, backward, update."""
        trainer = self.trainer
        model, loss, optimizer = trainer.model, trainer.loss, trainer.optimizer
        batch.fill()
        X, y, weight = batch.X, batch.y, batch.weight
        before = [A.copy() for A in self._buffers]  # to repeat the batch with the same dropout masks if it goes wrong
        H = model.forward(X, training=True)
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
                    measured[name] = _metrics.measure(name, metric, H, y.copy() if batch.source else y)
        model.backward(loss.backward(), input_gradient=False)
        norm = optimizer.gradient_norm()
        if not math.isfinite(norm):
            self._restore_buffers(before)
            raise_for_gradient(trainer, X, y, weight, self._state)
        optimizer.apply(lr, norm)
        return Steps([value], [norm], [loss.divisor], lr, H, [measured], [])

    def _restore_buffers(self, before: list[np.ndarray]) -> None:
        for A, was in zip(self._buffers, before, strict=True):
            A[...] = was

    def __getstate__(self):
        return {
            **self.__dict__,
            "_source": None,
            "_arrays": {},
            "_buffers": list(self.trainer.model.buffers().values()),
        }
