"""The operations of a recorded step as a list that can be improved: who makes an array, who reads it, what may move.

An array that an operation has made for its result is *made*: nobody else can know of it, so it may lie elsewhere, or
not be made at all. Every other array (parameters, gradients, a batch, buffers) is *given* and stays where it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runtime.launch import Operation, Tape


class Entry:
    """One operation of a step: its driver, and all its arguments, those included that the driver has made."""

    def __init__(self, operation: Operation):
        self.driver, self.result = operation.driver, operation.result
        self.arguments: dict[str, Any] = {**operation.arguments, **operation.made}
        self.made: set[str] = set(operation.made)
        self.place = operation.place
        self.before: list[str] = []  # names of the operations that are part of it now, before its own
        self.fused: list[str] = []  # and behind
        self.name = operation.name

    def lower(self, lowered: Any) -> None:
        """Do it once more, with the launches noted."""
        with Tape() as tape:
            lowered.note(self.result, self.driver(**lowered.passed_on(self)))
        lowered.launches += tape.launches

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays among the arguments, by name; those in a list with a number behind."""
        found: dict[str, np.ndarray] = {}
        for name, argument in self.arguments.items():
            if isinstance(argument, np.ndarray):
                found[name] = argument
            elif isinstance(argument, list | tuple):
                found |= {f"{name}{i}": A for i, A in enumerate(argument) if isinstance(A, np.ndarray)}
        return found

    def reads(self) -> list[np.ndarray]:
        """The arrays whose contents count: all but those that it has made."""
        return [A for name, A in self.arrays().items() if name not in self.made]

    def written(self) -> list[np.ndarray]:
        """The arrays that it writes to."""
        return [A for name, A in self.arrays().items() if name in self.driver.writes]


class Entries:
    """The list; `pinned` are arrays that somebody reads after the step."""

    def __init__(self, operations: Sequence[Operation], pinned: Sequence[np.ndarray] = ()):
        self.list = [Entry(operation) for operation in operations]
        self.pinned = list(pinned)
        owners = [_owner(e.arguments[name]) for e in self.list for name in e.made]
        self.made = {id(A): A for A in owners}
        self._reading: dict[int, list[Entry]] | None = None  # of each made array, by its id, who reads it
        self.kept_alive = list(operations)  # so that no other array comes to lie where one of these was

    def root(self, A: np.ndarray) -> np.ndarray | None:
        """The made array in whose memory A lies."""
        owner = _owner(A)
        return owner if id(owner) in self.made else None

    def is_whole(self, A: np.ndarray, B: np.ndarray) -> bool:
        """Whether A and B are the same numbers in the same places, whatever their axes."""
        return A.ctypes.data == B.ctypes.data and A.size == B.size and A.dtype == B.dtype

    def readers(self, made: np.ndarray) -> list[Entry]:
        """The entries that read from a made array."""
        if self._reading is None:
            self._reading = {}
            for e in self.list:
                for root in {id(r): r for A in e.reads() if (r := self.root(A)) is not None}:
                    self._reading.setdefault(root, []).append(e)
        return self._reading.get(id(made), [])

    def remove(self, entry: Entry) -> None:
        """Take an entry off the list."""
        self.list = [e for e in self.list if e is not entry]
        for A in entry.reads():
            if self._reading is not None and (root := self.root(A)) is not None:
                self._reading[id(root)] = [e for e in self._reading.get(id(root), []) if e is not entry]

    def reads_too(self, entry: Entry, A: np.ndarray) -> None:
        """An entry reads this array from now on."""
        if self._reading is not None and (root := self.root(A)) is not None:
            self._reading.setdefault(id(root), []).append(entry)

    def maker(self, A: np.ndarray) -> tuple[Entry, str] | None:
        """The entry that has made A as a whole, and as which argument."""
        for e in self.list:
            for name in e.made:
                if self.is_whole(e.arguments[name], A):
                    return e, name
        return None

    def is_pinned(self, A: np.ndarray) -> bool:
        """Whether somebody reads it after the step."""
        return any(_owner(B) is _owner(A) for B in self.pinned)

    def only_reader(self, A: np.ndarray) -> Entry | None:
        """The one entry that reads a made array, if nobody else wants it."""
        if any(self.root(B) is A for B in self.pinned):
            return None
        readers = self.readers(A)
        return readers[0] if len(readers) == 1 else None

    def replace(self, old: np.ndarray, new: np.ndarray) -> None:
        """Whoever reads a made array reads the other one, of as many numbers, instead."""
        self._reading = None

        def instead(A):
            is_old = isinstance(A, np.ndarray) and self.root(A) is old
            return _same_view(A, old, new) if is_old else A

        for e in self.list:
            for name, A in e.arguments.items():
                if name not in e.made:
                    e.arguments[name] = type(A)(map(instead, A)) if isinstance(A, list | tuple) else instead(A)
        self.pinned = [_same_view(A, old, new) if self.root(A) is old else A for A in self.pinned]


def _same_view(A: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """What A is of `old`, of `new`."""
    return moved(A, A.ctypes.data - old.ctypes.data, new)


def moved(A: np.ndarray, offset: int, memory: np.ndarray) -> np.ndarray:
    """An array like A, so many bytes behind the beginning of contiguous memory."""
    return np.ndarray(A.shape, A.dtype, memory.reshape(-1).view(np.uint8), offset, A.strides)


def _owner(A: Any) -> Any:
    """The array that has the memory of A."""
    while isinstance(A.base, np.ndarray):
        A = A.base
    return A
