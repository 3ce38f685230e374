"""A training step as a program: recorded once from the equations as they run, then run without Python.

The first step of a situation (shapes of the batch, settings of the parts) runs by hand; the second is recorded; the
third and fourth run both ways, with other rows, step numbers, rates and masks, and every parameter, gradient, buffer
and result must have the same bits. From then on the program runs. What Python computes beside the kernels would be a
constant of the program: so it is found.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.compilation import compiled
from nnmat_kernels.programs.listing import Listing
from nnmat_kernels.programs.program import CountSlot, FloatSlot, Program
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.launch import Recorder

from ..errors import StateError
from ..layers import observing
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from .recording import CHECKED, FIRST_ONES, PROGRAMS, WORTH_A_PROGRAM, Comparison, Parts, share_memory, stranger
from .repeated_call import RepeatedCall

Measured = dict[str, tuple[float, float]]  # metrics: each mean and its weight


class Gather:
    """Where the rows of a batch come from: X[rows], y[rows], and weight[rows] if there is one."""

    def __init__(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None):
        self.X, self.y, self.weight = X, y, weight


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
            if self.weight is not None:
                k.gather(self.source.weight, self.rows, self.weight)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        several = {f"X{i}": A for i, A in enumerate(self.X)} if type(self.X) is tuple else {"X": self.X}
        return several | {"y": self.y} | ({} if self.weight is None else {"weight": self.weight})

    def inputs(self) -> dict[str, np.ndarray]:
        """What is another array at each step."""
        return self.arrays() if self.rows is None else {"rows": self.rows}

    def places(self) -> dict[str, list[int]]:
        """Where the inputs of this one step are."""
        return {name: [A.ctypes.data] for name, A in self.inputs().items()}


class Steps(NamedTuple):
    """What some steps tell of themselves."""

    values: list[float]  # the losses
    norms: list[float]  # of the gradients
    divisors: list[float]  # D of each loss
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

    def __init__(self, model: Layer, loss: Loss, optimizer: Optimizer, equations: Equations, profile=False):
        self.model, self.loss, self.optimizer, self.equations = model, loss, optimizer, equations
        self._situations: list[_Situation] = []  # that of the last batch at the end
        self._last_batch: Batch | None = None
        self._unused = 0  # programs that made room for others after a few steps
        self.parts = Parts([model, loss, optimizer])
        self._buffers = list(model.buffers().values())
        self.profile = profile  # whether programs measure their entries
        self.refused = "NUMBA_DISABLE_JIT is set" if settings.DISABLE_JIT else self.parts.refusal()

    def why_not(self, batch: Batch) -> str:
        """Why a step on such a batch runs by hand, or nothing."""
        situation = self._situation(batch)
        return self.refused or situation.refused or ("" if situation.checked >= CHECKED else FIRST_ONES)

    @property
    def first_refusal(self) -> str:
        """Why any steps so far run by hand, beside the first ones of each kind, or nothing."""
        return self.refused or next((s.refused for s in self._situations if s.refused), "")

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
        self.parts.forget_passes()
        numbers = results[:done].T.copy().view(np.float64).tolist()
        found = dict(zip(program.results, numbers, strict=False))
        divisors = found.get("divisor", recorded.divisors * done)
        if done:
            self.loss.divisor = divisors[-1]
        right = results[:done, -1].tolist() if situation.counts else []
        rate = rates[done - 1] if done else recorded.learning_rate
        return Steps(found["value"], found["norm"], divisors, rate, recorded.H, [], right)

    def _record(self, situation: _Situation, batch: Batch) -> Steps:
        optimizer = self.optimizer
        steps, lr = optimizer.steps, optimizer.lr
        optimizer.steps = CountSlot("steps", steps)
        try:
            with Recorder() as recorder:
                result = self.equations(batch, FloatSlot("lr", lr))
        finally:
            optimizer.steps = int(optimizer.steps)
        results = {"value": result.values[0], "norm": result.norms[0], "divisor": result.divisors[0]}
        done, known = recorder.operations, [*self.parts.known(), *batch.inputs().values()]
        if batch.source is not None:
            known += [A for A in vars(batch.source).values() if isinstance(A, np.ndarray)]
        unknown = stranger(done, known)
        if unknown and not recorder.refused and not self.parts.are_own():
            raise StateError(
                f"compiled step: {unknown}. A layer, loss or optimizer computes something in Python: set its class's "
                "recordable = False, or compiled=False."
            )
        try:
            if reason := recorder.refused or unknown:
                raise ValueError(reason)
            program = compiled(
                done,
                batch.inputs(),
                results,
                ("value", "norm"),
                self._buffers,
                ["lr"],
                [result.H],
                constants=["divisor"],
                known=list(self.parts.state().values()),
            )
        except (TypeError, ValueError) as error:
            situation.refused = str(error)
        else:
            if self.profile:
                program.profile()
            situation.program, situation.counts = program, any(o.name == "count_correct" for o in done)
            situation.recorded = result._replace(learning_rate=lr, H=program.outputs[0])
        return result._replace(learning_rate=lr)

    def _compare(self, situation: _Situation, batch: Batch) -> Steps:
        """The step by hand, and again from the same state by the program."""
        assert situation.program is not None
        lr, own = self.optimizer.lr, Comparison(self.parts, situation.program.written)
        by_hand = self.equations(batch, lr)
        outputs = by_hand.H.copy()
        own.back()
        try:
            by_program = self.run(batch, batch.places(), [lr])
        except BaseException:
            own.forward()
            raise
        wrong = own.differences()
        if by_program[:4] != by_hand[:4]:
            wrong.append("results")
        if by_program.H.tobytes() != outputs.tobytes():
            wrong.append("outputs")
        if wrong:
            situation.refused = own.refuse("compiled step", wrong)
            return by_hand
        situation.checked += 1
        return by_hand._replace(H=by_program.H)

    def listing(self) -> Listing | None:
        """What the program of most steps does, and, if it was asked to `profile`, the times."""
        used = [s.program for s in self._situations if s.program is not None and s.checked >= CHECKED]
        return max(used, key=lambda program: program.done).listing() if used else None

    def repeated_call(self, batch: Batch) -> RepeatedCall | None:
        """For more calls with single batches like this one, of one input, for which a program is `ready`."""
        program = self._situation(batch).program
        if program is None or type(batch.X) is tuple or batch.source is not None:
            return None
        return RepeatedCall(program, self.parts, batch.arrays(), [(self.optimizer, "lr", "steps")])

    def forget(self) -> None:
        """All programs, and the arrays that they hold."""
        self._situations, self._last_batch = [], None

    def _situation(self, batch: Batch) -> _Situation:
        if batch is self._last_batch:
            return self._situations[-1]
        arrays = batch.arrays()
        # Programs know arrays by their places: the data that batches are gathered from is one of them.
        shared = batch.source is None and share_memory(list(arrays.values()))
        key = (
            {name: (A.shape, A.dtype) for name, A in arrays.items()}, shared, batch.source, *self.parts.settings(),
        )  # fmt: skip
        found = next((s for s in reversed(self._situations) if s.key == key), None)
        if found is None:
            found = _Situation(key)
            if shared:
                found.refused = "arrays of the batch share memory"
            elif self._unused > PROGRAMS:
                found.refused = "most programs would be made for a few steps"
            if len(self._situations) == PROGRAMS:
                oldest = self._situations.pop(0)
                self._unused += oldest.program is not None and oldest.program.done < WORTH_A_PROGRAM
        elif found is not self._situations[-1]:
            self._situations.remove(found)
        if not self._situations or found is not self._situations[-1]:
            self._situations.append(found)
        self._last_batch = batch
        return found

    def forget_batch(self) -> None:
        """The arrays of the last batch."""
        self._last_batch = None

    def __getstate__(self):
        # A copy or a pickle records anew: programs point to the arrays of this one.
        return {
            **self.__dict__,
            "_situations": [],
            "_last_batch": None,
            "_buffers": list(self.model.buffers().values()),
            "parts": Parts([self.model, self.loss, self.optimizer]),
        }
