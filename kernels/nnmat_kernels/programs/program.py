"""A step as a program: the launches that a tape has seen, with what changes from step to step left open.

      tape                        program
      matmul(X, W, H)             block 0    X's address comes from the step's inputs
      loss(H, y, G) -> value      block 1    y's address likewise; its result is wanted, and must be finite
      sgd(theta, g, lr)           block 2    lr is a slot

The arrays of all other arguments stay where they are, and are kept alive. A number that one launch has given and a
later one takes is passed on: it is known by being the same object.
"""

from typing import Any

import numpy as np

from .block import Block, word_of
from .runner import FINITE, NEGATIVE, run


class Slot:
    """A number that a program takes anew for each step; what Python computes from it would be a constant."""

    name: str


class FloatSlot(Slot, float):
    """A float of this kind, such as a learning rate."""

    def __new__(cls, name: str, value: float):
        slot = super().__new__(cls, value)
        slot.name = name
        return slot

    def _refuse(self, *others):
        raise TypeError(
            f"the slot {self.name!r} of a program cannot be computed with in Python: pass it to a kernel as it is."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse  # type: ignore
    __pow__ = __rpow__ = __neg__ = __abs__ = _refuse  # type: ignore


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
    `results`: numbers that launches gave, by name, wanted after each step. `finite`: those of them without which a step
    does not go on. `refusals`: results that must be negative, such as the row of a wrong label.
    """

    def __init__(
        self,
        launches: list[tuple[Any, tuple, Any]],
        inputs: dict[str, np.ndarray],
        results: dict[str, float],
        finite: tuple[str, ...] = (),
    ):
        self.blocks = [Block(kernel, arguments) for kernel, arguments, _ in launches]
        self._columns: list[tuple[str, int]] = []  # of a step's inputs: an array and an offset, or a slot and 0
        self._given: list[Any] = [result for _, _, result in launches]  # known by their identity: kept alive
        self._results = list(results)
        place_of = {name: self._place_of_result(name, value) for name, value in results.items()}
        links: list[tuple[int, int]] = []
        first_link = [0]
        for e, block in enumerate(self.blocks):
            links += self._links(e, block, inputs)
            first_link.append(len(links))
        columns = len(self._columns)
        # A source is a column of the inputs, or an address; addresses are larger than any number of columns.
        self._links_array = np.array(links, np.int64).reshape(-1, 2)
        self._first_link = np.array(first_link, np.int64)
        self._block_places = np.array([block.words.ctypes.data for block in self.blocks], np.int64)
        checks = [(e, FINITE, place) for name, (e, place) in place_of.items() if name in finite]
        checks += [
            (e, NEGATIVE, block.words.ctypes.data + 8 * (block.result + 1))
            for e, block in enumerate(self.blocks)
            if block.refuses
        ]
        checks.sort()
        self._checks = np.array(checks, np.int64).reshape(-1, 3)
        self._wanted = np.array([place for _, place in place_of.values()], np.int64)
        self._width = columns

    def _place_of_result(self, name: str, value) -> tuple[int, int]:
        for e, given in enumerate(self._given):
            for i, part in enumerate(given if isinstance(given, tuple) else (given,)):
                if part is value:
                    block = self.blocks[e]
                    return e, block.words.ctypes.data + 8 * (block.result + i)
        raise ValueError(f"the result {name!r} comes from no kernel: what Python computes is not part of a program.")

    def _links(self, e: int, block: Block, inputs: dict[str, np.ndarray]) -> list[tuple[int, int]]:
        links = []
        base = block.words.ctypes.data
        for place, argument in block.places:
            if isinstance(argument, Slot):
                links.append((self._column(argument.name, 0), base + 8 * place))
            elif isinstance(argument, np.ndarray):
                for name, A in inputs.items():
                    offset = argument.ctypes.data - A.ctypes.data
                    if argument.size and 0 <= offset < max(A.nbytes, 1):
                        links.append((self._column(name, offset), base + 8 * (place + block.DATA)))
            elif type(argument) is float:
                for earlier in range(e):
                    given = self._given[earlier]
                    if argument is given:
                        source = self.blocks[earlier]
                        links.append((source.words.ctypes.data + 8 * source.result, base + 8 * place))
        return links

    def _column(self, name: str, offset: int) -> int:
        if (name, offset) not in self._columns:
            self._columns.append((name, offset))
        return self._columns.index((name, offset))

    def row(self, values: dict[str, Any]) -> list[int]:
        """The words of one step's inputs: arrays and slots by name."""
        words = []
        for name, offset in self._columns:
            value = values[name]
            words.append(value.ctypes.data + offset if isinstance(value, np.ndarray) else word_of(value))
        return words

    def run(self, rows: np.ndarray) -> tuple[int, int, np.ndarray]:
        """Run a step for each row of words: how many were done, the block that stopped the next (or -1), the results.

        The results (steps, R) are float64, in the order in which they were asked for, of a stopped step too.
        """
        results = np.zeros((len(rows), len(self._wanted)), np.int64)
        done, check = run(
            self._block_places, self._links_array, self._first_link, self._checks, rows, self._wanted, results
        )
        if check == -2:
            raise RuntimeError("a kernel of a compiled program has failed.")
        return done, -1 if check < 0 else int(self._checks[check, 0]), results.view(np.float64)
