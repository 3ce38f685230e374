"""A step as a program: the launches that a tape has seen, with what changes from step to step left open.

      tape                        program
      matmul(X, W, H)             block 0    X's address comes from the step's inputs
      loss(H, y, G) -> value      block 1    y's address likewise; its result is wanted, and must be finite
      sgd(theta, g, lr)           block 2    lr is a slot

The arrays of all other arguments stay where they are, and are kept alive. A number that one launch has given and a
later one takes is passed on: it is known by being the same object.
"""

import functools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types

from ..codegen.function_pointer import entry_point
from ..runtime.launch import ParallelKernel
from .block import Block
from .entries import Entry
from .listing import History, Listing, Row, flops, operation_text, size_of, traffic
from .runner import COUNT, FINISHED, FINITE, NEGATIVE, TRUE, run


class Slot:
    """A number that a program takes anew for each step; what Python computes from it would be a constant."""

    name: str


class FloatSlot(Slot, float):
    """A float of this kind, such as a learning rate. It cannot be computed with."""

    def __new__(cls, name: str, value: float):
        slot = super().__new__(cls, value)
        slot.name = name
        return slot

    def _refuse(self, *others):
        raise TypeError(f"the slot {self.name!r} of a program cannot be computed with in Python: give it to a kernel")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse  # type: ignore[assignment]
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = __abs__ = _refuse  # type: ignore[assignment]


class CountSlot(Slot, int):
    """A number of steps done; the one after it is a slot too."""

    def __new__(cls, name: str, value: int):
        slot = super().__new__(cls, value)
        slot.name = name
        return slot

    def __add__(self, other):
        return CountSlot(self.name, int(self) + int(other))


class Program:
    """Launches that run without Python.

    `launches`: (kernel, arguments, result) of a tape. `inputs`: arrays by name, whose place changes from step to step.
    `results`: numbers that launches gave, by name, wanted after each step; those named in `finite` must be so for a
    step to go on. `counts`: launches whose integer results are wanted besides, and must not be negative. `saved`:
    arrays that are copied before each step, and are as they were if one is stopped. `slots`: those that some kernel
    must take. A launch that gives (a number, a row) refuses that row unless it is negative, one that gives False cannot
    do its work; either stops the step.
    Raises ValueError (a result that no launch gave, or of which nobody has said what it means; a slot that no kernel
    takes), TypeError (an argument of a kind that has no words).
    """

    def __init__(
        self,
        launches: Sequence[Any],
        inputs: dict[str, np.ndarray],
        results: dict[str, float],
        finite: Sequence[str] = (),
        counts: Sequence[int] = (),
        saved: Sequence[np.ndarray] = (),
        slots: Sequence[str] = (),
    ):
        self.blocks = [Block(kernel, arguments) for kernel, arguments, _ in launches]
        self.outputs: list[np.ndarray] = []
        self.history: History = []  # of its operations, from the recording through the rules
        self.bytes = 0  # of its own memory
        self.done = 0  # steps
        self.written: list[np.ndarray] = []  # given arrays that it writes to
        self.groups: list[tuple[int, int, Entry | None]] = []  # the launches of each entry
        self._ticks = np.empty(0, np.int64)  # of each launch and of all calls, if they are counted
        self._steps, self._seconds = 0, 0.0  # that they were counted in
        self._given = [result for _, _, result in launches]  # known by their identity: kept alive
        self._columns: list[tuple[str, int]] = []  # of a step's inputs: an array and an offset in it, or a slot and 0
        self.saved, self.before = list(saved), [A.copy() for A in saved]
        places = {name: self._place_of(name, value) for name, value in results.items()}
        links: list[tuple[int, int]] = []
        first_link = [0]
        for e, block in enumerate(self.blocks):
            links += self._links(e, block, inputs)
            first_link.append(len(links))
        checks = [(e, FINITE, place) for name, (e, place) in places.items() if name in finite]
        checks += [check for e, block in enumerate(self.blocks) if e not in counts for check in _refusals(e, block)]
        checks += [(e, COUNT, self.blocks[e].result_place(0)) for e in counts]
        if missing := [name for name in slots if (name, 0) not in self._columns]:
            raise ValueError(f"{', '.join(missing)} reaches no kernel: Python computes with it")
        self.results = list(results)  # the names of the columns that `run` gives; behind them the counts
        wanted = [place for _, place in places.values()] + [self.blocks[e].result_place(0) for e in counts]
        saved_words = [(A.ctypes.data, B.ctypes.data, A.nbytes) for A, B in zip(self.saved, self.before, strict=True)]
        self._checks = _table(sorted(checks), 3)
        self._wanted = np.array(wanted, np.int64)
        self._arguments = (
            np.array([block.words.ctypes.data for block in self.blocks], np.int64),
            _table(links, 2),
            np.array(first_link, np.int64),
            self._checks,
            _table(saved_words, 3),
        )

    def _place_of(self, name: str, value) -> tuple[int, int]:
        """The launch that gave a number, and the address where the program finds it."""
        for e, given in enumerate(self._given):
            for i, part in enumerate(given if isinstance(given, tuple) else (given,)):
                if part is value:
                    return e, self.blocks[e].result_place(i)
        raise ValueError(f"the result {name!r} comes from no kernel, but from Python")

    def _links(self, e: int, block: Block, inputs: dict[str, np.ndarray]) -> list[tuple[int, int]]:
        """What is copied into the words of a block before it runs."""
        links = []
        for place, argument in block.places:
            if isinstance(argument, Slot):
                links.append((self._column(argument.name, 0), block.place(place)))
            elif isinstance(argument, np.ndarray):
                for name, A in inputs.items():
                    offset = argument.ctypes.data - A.ctypes.data
                    if argument.size and 0 <= offset < A.nbytes:
                        links.append((self._column(name, offset), block.place(place + Block.DATA)))
            elif isinstance(argument, float):
                for earlier in range(e):
                    if argument is self._given[earlier]:
                        links.append((self.blocks[earlier].result_place(0), block.place(place)))
        return links

    def _column(self, name: str, offset: int) -> int:
        if (name, offset) not in self._columns:
            self._columns.append((name, offset))
        return self._columns.index((name, offset))

    def profile(self) -> None:
        """From here on measure the time of every launch: it takes a few nanoseconds each."""
        none = np.empty((0, len(self._columns)), np.int64), np.empty((0, len(self._wanted)), np.int64)
        self._execute(*none)  # loads the code that runs programs: that is no time of a step
        self._ticks = np.zeros(len(self.blocks) + 1, np.int64)
        self._steps, self._seconds = 0, 0.0

    def listing(self) -> Listing:
        """What it does, entry by entry, with the measured times if it was told to `profile`."""
        sources = self._arguments[1][:, 0].tolist()
        names = [name for name, _ in self._columns]
        first_link = self._arguments[2]
        rows = []
        groups = self.groups or [(e, e + 1, None) for e in range(len(self.blocks))]
        tick = self._seconds / self._ticks[-1] if self._ticks[-1:].any() else 0.0
        for first, last, entry in groups:
            blocks = self.blocks[first:last]
            opened = sources[first_link[first] : first_link[last]]
            arrays = [A for block in blocks for _, A in block.places if isinstance(A, np.ndarray) and A.size]
            if entry is not None:
                arrays = list(entry.arrays().values())
            rows.append(
                Row(
                    "" if entry is None else entry.place,
                    "" if entry is None else operation_text(entry),
                    tuple(dict.fromkeys(block.name for block in blocks)),
                    tuple(A.shape for A in arrays),
                    tuple(dict.fromkeys(names[s] if s < len(names) else "a result" for s in opened)),
                    0 if entry is None else flops(entry),
                    size_of(arrays) if entry is None else traffic(entry),
                    float(self._ticks[first:last].sum() * tick / self._steps) if tick else None,
                )
            )
        return Listing(rows, self.history, self.bytes, self._steps, self._seconds)

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing()._repr_html_()

    def run(self, steps: int, values: dict[str, Any]) -> tuple[int, np.ndarray]:
        """Run some steps: how many were done, and their results (steps, R) as words of 64 bits.

        `values`: for each input the addresses of its arrays, which the caller keeps alive, one for each step; for each
        slot its numbers. Results that are floats are the bits of float64. Fewer steps: a check stopped the next one.
        """
        table = np.empty((steps, len(self._columns)), np.int64)
        for c, (name, offset) in enumerate(self._columns):
            column = np.array(values[name])
            table[:, c] = column.view(np.int64) if column.dtype.kind == "f" else column
            if offset:
                table[:, c] += offset
        results = np.zeros((steps, len(self._wanted)), np.int64)
        return self._execute(table, results), results

    def _execute(self, table: np.ndarray, results: np.ndarray) -> int:
        if not self._ticks.size:
            done, check = _runner()(*self._arguments, table, self._wanted, results, self._ticks)
        else:
            started = time.perf_counter()
            done, check = _runner()(*self._arguments, table, self._wanted, results, self._ticks)
            self._steps, self._seconds = self._steps + done, self._seconds + time.perf_counter() - started
        self.done += done
        if check != FINISHED:  # also where a kernel has raised an exception: by hand it will again
            for A, was in zip(self.saved, self.before, strict=True):
                A[...] = was
        return done


class SingleStep:
    """Runs one step of a program at a time, with nothing to be made anew for it."""

    def __init__(self, program: Program):
        self._program = program
        columns = program._columns
        self._table = np.zeros((1, len(columns)), np.int64)
        self._results = np.zeros((1, len(program._wanted)), np.int64)
        self._words, self._floats = self._table[0], self._table[0].view(np.float64)
        self.results = self._results[0]  # after a step, words of 64 bits, in the order of `program.results`
        self._places: dict[str, list[tuple[int, int]]] = {}
        for c, (name, offset) in enumerate(columns):
            self._places.setdefault(name, []).append((c, offset))

    def set_address(self, name: str, address: int) -> None:
        """Where an input is."""
        for c, offset in self._places.get(name, ()):
            self._words[c] = address + offset

    def set_count(self, name: str, number: int) -> None:
        """The number of a step."""
        for c, _ in self._places.get(name, ()):
            self._words[c] = number

    def set_float(self, name: str, number: float) -> None:
        """A learning rate."""
        for c, _ in self._places.get(name, ()):
            self._floats[c] = number

    def run(self) -> bool:
        """Whether the step was done."""
        return self._program._execute(self._table, self._results) == 1


def _refusals(e: int, block: Block) -> list[tuple[int, int, int]]:
    if isinstance(block.result_kind, types.Boolean):
        return [(e, TRUE, block.result_place(0))]
    if isinstance(block.result_kind, types.BaseTuple):
        return [(e, NEGATIVE, block.result_place(1))]
    if isinstance(block.result_kind, types.Integer):
        raise ValueError(f"the kernel {block.name} gives a number of which nobody has said what it means")
    return []


@functools.cache
def _runner() -> Any:
    # Its kernels may be parallel: it is launched as one of them, which starts the threads, and takes turns if it must.
    words, table = types.int64[::1], types.int64[:, ::1]
    return ParallelKernel(entry_point(run, words, table, words, table, table, table, words, table, words))


def _table(rows, width: int) -> np.ndarray:
    return np.array(rows, np.int64).reshape(len(rows), width)
