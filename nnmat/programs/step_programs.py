"""A training step as a program: recorded once from the equations as they run, then run without Python.

The first step of a situation (shapes of the batch, settings of the parts) runs by hand; the second is recorded; the
third and fourth run both ways, with other rows, step numbers, rates and masks, and every parameter, gradient, buffer
and result must have the same bits. From then on the program runs. What Python computes beside the kernels would be a
constant of the program: so it is found.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.program import CountSlot, FloatSlot, Program, compiled
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.launch import Recorder

from ..errors import StateError
from ..layers import observing
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer

PROGRAMS = 16  # situations that a step keeps a program for; the oldest makes room
CHECKED = 2  # steps that run both ways before a program is trusted
Measured = dict[str, tuple[float, float]]  # metrics: each mean and its weight


class Gather:
    """Where the rows of a batch come from: X[rows] and y[rows]."""

    def __init__(self, X: np.ndarray, y: np.ndarray):
        self.X, self.y = X, y


class Batch(NamedTuple):
    """Arrays as the kernels take them: contiguous, X and floats of the model's dtype.

    With `source` X and y are filled from there by the step itself, with `rows`.
    """

    X: Any  # an array, or a tuple of them
    y: np.ndarray
    weight: np.ndarray | None = None
    source: Gather | None = None
    rows: np.ndarray | None = None

    def fill(self) -> None:
        """X and y from the source."""
        if self.source is not None and self.rows is not None:
            k.gather(self.source.X, self.rows, self.X)
            k.gather(self.source.y, self.rows, self.y)

    def inputs(self) -> dict[str, np.ndarray]:
        """What is another array at each step."""
        if self.rows is not None:
            return {"rows": self.rows}
        return {"X": self.X, "y": self.y} | ({} if self.weight is None else {"weight": self.weight})


class Steps(NamedTuple):
    """What some steps tell of themselves."""

    values: list[float]  # the losses
    norms: list[float]  # of the gradients
    divisor: float  # D of the loss
    learning_rate: float  # of the last step
    H: np.ndarray  # the model's outputs in the last step, until the next
    measured: list[Measured]  # by hand
    right: list[int]  # rows that a kernel counted as right, if accuracy was asked for


Equations = Callable[[Batch, float], Steps]


class _Situation:
    """Steps with batches of one shape under the same settings."""

    def __init__(self, key: tuple) -> None:
        self.key = key
        self.by_hand = 0  # steps so far
        self.checked = 0
        self.program: Program | None = None
        self.refused = ""  # why there will be no program
        self.recorded: Steps | None = None
        self.counts = False  # whether the program counts right rows


class StepPrograms:
    """The programs of a step, one for each situation; `equations` is the step by hand, which they are recorded from."""

    def __init__(self, model: Layer, loss: Loss, optimizer: Optimizer, equations: Equations):
        self.model, self.loss, self.optimizer, self.equations = model, loss, optimizer, equations
        self._situations: list[_Situation] = []  # that of the last batch at the end
        self._last_batch: Batch | None = None
        self._buffers = list(model.buffers().values())
        self._layers = model.modules()
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
        if self.refused or self.optimizer.steps == 0 or observing.blocks:  # who observes sees layers run by hand
            return False
        return self._situation(batch).checked >= CHECKED

    def program(self, batch: Batch) -> Program | None:
        """The program for such batches, if there is one; `print` shows its launches."""
        return None if self.refused else self._situation(batch).program

    def counts(self, batch: Batch) -> bool:
        """Whether the program counts the rows that are right."""
        return self._situation(batch).counts

    def step(self, batch: Batch) -> Steps:
        """One step by hand, as the equations say; on the way the program is recorded or checked."""
        if self.refused or observing.blocks:
            return self.equations(batch, self.optimizer.lr)
        situation = self._situation(batch)
        situation.by_hand += 1
        # The first step of all may differ: momentum starts with it.
        if situation.refused or situation.by_hand == 1 or self.optimizer.steps == 0:
            return self.equations(batch, self.optimizer.lr)
        if situation.program is None:
            return self._record(situation, batch)
        return self._compare(situation, batch)

    def run(self, batch: Batch, places: Mapping[str, Sequence[int]], rates: list[float] | None = None) -> Steps:
        """Steps on batches like this one, for which a program is `ready`; fewer than asked for if one was stopped.

        `places`: for each of the batch's inputs its address at each step. The step after the last one that was done is
        to be done by hand, and then raises the error: nothing of it has been done, and buffers are as before it.
        """
        situation, optimizer = self._situation(batch), self.optimizer
        program, recorded = situation.program, situation.recorded
        assert program is not None and recorded is not None  # noqa: PT018
        first, count = optimizer.steps, len(next(iter(places.values())))
        if rates is None:
            rates = optimizer.rates(count)
        if len(rates) < count:  # the schedule ends in an error, which is raised at its step
            places, count = {name: at[: len(rates)] for name, at in places.items()}, len(rates)
        done, results = program.run(count, {**places, "lr": rates, "steps": np.arange(first + 1, first + count + 1)})
        optimizer.steps = first + done
        self._forget_passes()
        values, norms = results[:done, :2].T.copy().view(np.float64).tolist()
        right = results[:done, 2].tolist() if situation.counts else []
        rate = rates[done - 1] if done else recorded.learning_rate
        return Steps(values, norms, recorded.divisor, rate, recorded.H, [], right)

    def _forget_passes(self) -> None:
        """What layers and the loss have kept of a pass by hand is not of the last step: no backward may follow."""
        for layer in self._layers:
            layer.drop_record()
        self.loss.drop_record()

    def _record(self, situation: _Situation, batch: Batch) -> Steps:
        optimizer = self.optimizer
        steps, lr = optimizer.steps, optimizer.lr
        optimizer.steps = CountSlot("steps", steps)
        try:
            with Recorder() as recorder:
                result = self.equations(batch, FloatSlot("lr", lr))
        finally:
            optimizer.steps = int(optimizer.steps)
        results = {"value": result.values[0], "norm": result.norms[0]}
        done = recorder.operations
        try:
            if recorder.refused:
                raise ValueError(recorder.refused)
            program = compiled(done, batch.inputs(), results, tuple(results), self._buffers, ["lr"], [result.H])
        except (TypeError, ValueError) as error:
            situation.refused = str(error)
        else:
            situation.program, situation.counts = program, any(o.name == "count_correct" for o in done)
            situation.recorded = result._replace(learning_rate=lr, H=program.outputs[0])
        return result._replace(learning_rate=lr)

    def _compare(self, situation: _Situation, batch: Batch) -> Steps:
        """The step by hand, and again from the same state by the program."""
        before, steps, lr = self._copies(), self.optimizer.steps, self.optimizer.lr
        by_hand = self.equations(batch, lr)
        outputs, after = by_hand.H.copy(), self._copies()
        self._restore(before)
        self.optimizer.steps = steps
        by_program = self.run(batch, {name: [A.ctypes.data] for name, A in batch.inputs().items()}, [lr])
        names = ["parameters", "gradients", *self.optimizer.state_vectors(), *self.model.buffers()]
        wrong = [n for n, A, B in zip(names, self._state(), after, strict=True) if A.tobytes() != B.tobytes()]
        if by_program[:4] != by_hand[:4]:
            wrong.append("results")
        if by_program.H.tobytes() != outputs.tobytes():
            wrong.append("outputs")
        if wrong:
            self._restore(after)
            self.optimizer.steps = steps + 1
            situation.refused = "the program gave other bits than the equations"
            what = f"compiled step: the program gave other {', '.join(wrong)} than the equations."
            if not all(_is_own(part) for part in (*self.model.modules(), self.loss, self.optimizer)):
                raise StateError(
                    f"{what} A layer, loss or optimizer computes something in Python: set its class's "
                    "recordable = False, or compiled=False."
                )
            warnings.warn(
                f"{what} Such steps run by hand from here on. Please report it.", RuntimeWarning, stacklevel=2
            )
            return by_hand
        situation.checked += 1
        return by_hand._replace(H=by_program.H)

    def forget(self) -> None:
        """All programs, and the arrays that they hold."""
        self._situations, self._last_batch = [], None

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
        o, X, y, w = self.optimizer, batch.X, batch.y, batch.weight
        # Programs know arrays by their places: the data that batches are gathered from is one of them.
        shared = batch.source is None and np.may_share_memory(X, y)
        key = (
            X.shape, X.dtype, y.shape, y.dtype, None if w is None else w.shape, shared, self.model.parameters_version,
            o.clip_norm, o.weight_decay, o.settings(), self.loss.config(), batch.source,
            [layer.config() for layer in self._layers if not layer.children()],
        )  # fmt: skip
        found = next((s for s in reversed(self._situations) if s.key == key), None)
        if found is None:
            found = _Situation(key)
            if w is not None:
                found.refused = "sample weights are added up with NumPy"
            elif shared:
                found.refused = "X and y share memory"
            self._situations = self._situations[1 - PROGRAMS :]
        elif found is not self._situations[-1]:
            self._situations.remove(found)
        if not self._situations or found is not self._situations[-1]:
            self._situations.append(found)
        self._last_batch = batch
        return found

    def __getstate__(self):
        # A copy or a pickle records anew: programs point to the arrays of this one.
        return {
            **self.__dict__,
            "_situations": [],
            "_last_batch": None,
            "_buffers": list(self.model.buffers().values()),
            "_layers": self.model.modules(),
        }


def target_dtype(loss: Loss, y: np.ndarray, dtype: np.dtype) -> np.dtype:
    """What targets are cast to: labels to int64, numbers to the model's dtype; for a loss of one's own they stay."""
    if y.dtype.kind == "f":
        return dtype
    if y.dtype.kind in "iu" and loss.labels:
        return np.dtype(np.int64)
    return dtype if _is_own(loss) and not loss.labels and y.dtype.kind in "iub" else y.dtype


def _records(part) -> bool:
    """Whether the passes of a layer, a loss or an optimizer consist of kernels: what a class itself says."""
    cls = type(part)
    if _is_own(part):
        return part.recordable
    return cls.__dict__.get("recordable", False) is True  # not what it inherits: it may do something else


def _is_own(part) -> bool:
    return f"{type(part).__module__}.".startswith("nnmat.")
