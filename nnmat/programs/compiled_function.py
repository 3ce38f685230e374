"""A step of one's own, of any number of models, losses and optimizers, run without Python between the kernels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels.programs.compilation import compiled
from nnmat_kernels.programs.program import Program
from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.door import array
from nnmat_kernels.runtime.launch import recorder

from ..errors import ConfigError
from ..layers import observing
from .recording import (
    CHECKED,
    FIRST_ONES,
    PROGRAMS,
    WORTH_A_PROGRAM,
    Comparison,
    Parts,
    StepRecorder,
    Turn,
    share_memory,
    slot_values,
    stranger,
)
from .repeated_call import RepeatedCall


class _Situation:
    """Calls with arrays of some shapes, under the same settings of the parts that the function lets work."""

    def __init__(self, shapes: tuple):
        self.shapes = shapes
        self.parts = Parts([])
        self.settings: tuple | None = None  # of the parts, once these are known
        self.program: Program | None = None
        self.checked = 0
        self.repeated: RepeatedCall | None = None
        self.refused = ""
        self.result: Any = None  # what the function returned when it was recorded
        self.optimizers: list = []  # in the order of their steps

    def returned(self, words: np.ndarray):
        """What the function would have returned, from the results of the program."""
        assert self.program is not None
        found = dict(zip(self.program.results, words.view(np.float64).tolist(), strict=True))
        numbers = iter([found.get(str(i), x) for i, x in enumerate(_leaves(self.result)[0])])
        return _filled(self.result, numbers, iter([A.copy() for A in self.program.outputs]))

    def fits(self, shapes: tuple) -> bool:
        return self.shapes == shapes and (self.settings is None or self.settings == self.parts.settings())


class CompiledFunction:
    """A function of arrays that makes a training step: see `compile_step`."""

    def __init__(self, function: Callable, profile: bool = False):
        self.function, self.profile = function, profile
        self._who = getattr(function, "__name__", "step")
        self._situations: list[_Situation] = []  # the last used at the end
        self._unused = 0  # programs that made room for others after a few calls
        self._turn = Turn()
        self._repeated: _Situation | None = None  # that of the last call

    def __call__(self, *arrays):
        """What the function returns: numbers as floats, arrays as copies."""
        if (outer := recorder()) is not None:
            outer.refused = outer.refused or "a compiled step runs inside it"
        # Who observes sees layers run by hand; and so does one thread what another one is doing as a program.
        if settings.DISABLE_JIT or observing.blocks or outer is not None or not self._turn.take():
            return _plain(self.function(*self._given(arrays)))
        try:
            s = self._repeated
            if s is not None and s.repeated is not None and (words := s.repeated(arrays)) is not None:
                return s.returned(words)
            return self._call(self._given(arrays))
        finally:
            self._turn.give_back()

    def _given(self, arrays: tuple) -> list[np.ndarray]:
        return [canonical(array(self._who, f"argument {i}", A)) for i, A in enumerate(arrays)]

    def _call(self, given: list[np.ndarray]):
        s = self._situation(given)
        if s.refused:
            return _plain(self.function(*given))
        if s.program is None:
            return self._record(s, given)
        if s.checked < CHECKED:
            return self._compare(s, given)
        if any(o.steps == 0 for o in s.parts.optimizers):  # momentum starts with the first step
            return _plain(self.function(*given))
        done, result = self._run(s, given)
        if done and s.repeated is None:
            slots = [(optimizer, f"lr {i}", f"steps {i}") for i, optimizer in enumerate(s.optimizers)]
            arrays = {str(i): A for i, A in enumerate(given)}
            s.repeated = RepeatedCall(s.program, s.parts, arrays, slots)
        self._repeated = s
        return result if done else _plain(self.function(*given))  # which raises what has stopped the program

    def program(self, *arrays) -> Program | None:
        """The program for such arrays, or None before the third call; `print` shows what it does."""
        return self._situation(self._given(arrays)).program

    def why_not(self, *arrays) -> str:
        """Why calls with such arrays run by hand, or an empty text."""
        if settings.DISABLE_JIT:
            return "NUMBA_DISABLE_JIT is set"
        s = self._situation(self._given(arrays))
        return s.refused or ("" if s.checked >= CHECKED else FIRST_ONES)

    def forget(self) -> None:
        """All programs, and the arrays that they hold."""
        self._situations, self._repeated = [], None

    def _situation(self, given: list[np.ndarray]) -> _Situation:
        shapes = tuple((A.shape, A.dtype) for A in given), share_memory(given)
        found = next((s for s in reversed(self._situations) if s.fits(shapes)), None)
        if found is None:
            found = _Situation(shapes)
            if shapes[1]:
                found.refused = "arguments share memory"
            elif self._unused > PROGRAMS:
                found.refused = "most programs would be made for a few calls"
            if len(self._situations) == PROGRAMS:
                oldest = self._situations.pop(0)
                self._unused += oldest.program is not None and oldest.program.done < WORTH_A_PROGRAM
        else:
            self._situations.remove(found)
        self._situations.append(found)
        return found

    def _record(self, s: _Situation, given: list[np.ndarray]):
        """A call by hand: the first one finds the parts, a later one is recorded."""
        with StepRecorder() as own:
            result = self.function(*given)
        known = s.settings is not None
        s.parts = Parts([*s.parts.layers, *s.parts.losses, *s.parts.optimizers, *own.parts])
        s.settings = s.parts.settings()
        s.refused = own.refused or s.parts.refusal()
        # The first step of all may differ: momentum starts with it.
        if s.refused or not known or any(int(o.steps) < 2 for o in s.parts.optimizers):
            return _plain(result)
        s.refused = stranger(own.operations, [*s.parts.known(), *given])
        if share_memory([*given, *s.parts.state().values()]):
            s.refused = "an argument is a part of the model"
        numbers, outputs = _leaves(result)
        if not s.refused:
            try:
                s.program = compiled(
                    own.operations,
                    {str(i): A for i, A in enumerate(given)},
                    {str(i): x for i, x in enumerate(numbers)},
                    saved=None,
                    slots=own.slots(),
                    outputs=outputs,
                    known=list(s.parts.state().values()),
                )
            except (TypeError, ValueError) as error:
                s.refused = str(error)
            else:
                s.result, s.optimizers = result, own.optimizers
                if self.profile:
                    s.program.profile()
        return _plain(result)

    def _run(self, s: _Situation, given: list[np.ndarray]) -> tuple[bool, Any]:
        """Whether the program came to its end, and what the function would have returned."""
        assert s.program is not None
        values = slot_values(s.optimizers, 1)
        if any(len(numbers) == 0 for numbers in values.values()):
            return False, None  # a schedule raises: by hand it will at its step
        done, results = s.program.run(1, {str(i): [A.ctypes.data] for i, A in enumerate(given)} | values)
        if not done:
            return False, None
        for optimizer in s.optimizers:
            optimizer.steps += 1
        if s.program.written:  # else it is no step, but looks at a model
            s.parts.forget_passes()
        return True, s.returned(results[0])

    def _compare(self, s: _Situation, given: list[np.ndarray]):
        """A call by hand, and again from the same state by the program."""
        assert s.program is not None
        own = Comparison(s.parts, s.program.written)
        by_hand = _plain(self.function(*given))
        own.back()
        try:
            done, by_program = self._run(s, given)
        except BaseException:
            own.forward()
            raise
        wrong = own.differences() if done else ["end"]
        if done and not _same(by_hand, by_program):
            wrong.append("results")
        if wrong:
            s.refused = own.refuse(self._who, wrong)
        else:
            s.checked += 1
        return by_hand

    def __getstate__(self):
        # Programs point to the arrays of this one: a copy records anew.
        return {**self.__dict__, "_situations": [], "_turn": Turn(), "_repeated": None}


def _leaves(result) -> tuple[list[float], list[np.ndarray]]:
    """The numbers and the arrays of a result, which may be a tuple, a list or a dict of such."""
    numbers: list[float] = []
    outputs: list[np.ndarray] = []
    if isinstance(result, np.ndarray):
        outputs.append(result)
    elif isinstance(result, tuple | list | dict):
        for part in result.values() if isinstance(result, dict) else result:
            more, others = _leaves(part)
            numbers, outputs = numbers + more, outputs + others
    elif isinstance(result, float):
        numbers.append(result)
    elif result is not None:
        raise ConfigError(
            f"compile_step: expected the function to return floats and arrays, got {result!r}. Return what the losses "
            "give, or nothing."
        )
    return numbers, outputs


def _filled(result, numbers, outputs):
    """The same with other numbers and arrays."""
    if isinstance(result, dict):
        return {key: _filled(part, numbers, outputs) for key, part in result.items()}
    if isinstance(result, tuple | list):
        parts = [_filled(part, numbers, outputs) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return next(outputs) if isinstance(result, np.ndarray) else None if result is None else next(numbers)


def _plain(result):
    numbers, outputs = _leaves(result)
    return _filled(result, iter(map(float, numbers)), iter([A.copy() for A in outputs]))


def _same(result, other) -> bool:
    (numbers, outputs), (others, arrays) = _leaves(result), _leaves(other)
    return np.array(numbers).tobytes() == np.array(others).tobytes() and all(
        A.tobytes() == B.tobytes() for A, B in zip(outputs, arrays, strict=True)
    )
