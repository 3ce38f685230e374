"""From operations to launches: every entry is done once more, with its arrays where they lie from now on."""

from typing import Any

from .entries import Entries, Entry


class Lowered:
    """The launches of a step, and which of them belong to each entry."""

    def __init__(self, entries: Entries):
        self.entries = entries.list
        self.launches: list[tuple[Any, tuple, Any]] = []
        self.firsts: list[int] = []  # the first launch of each entry, and behind the last
        self._results: dict[int, Any] = {}  # of each number that the recording gave, by its id, the one given now
        for e in entries.list:
            self.firsts.append(len(self.launches))
            e.lower(self)
        self.firsts.append(len(self.launches))

    def passed_on(self, e: Entry) -> dict[str, Any]:
        """The arguments of an entry, with the numbers that entries before it give."""
        return {name: self.now(argument) for name, argument in e.arguments.items()}

    def now(self, number):
        """The number that stands for one of the recording."""
        return self._results.get(id(number), number)

    def note(self, before, now) -> None:
        """The results that an entry gave when it was recorded, and gives now."""
        if isinstance(before, tuple) and now is not None:  # it returns nothing where it was given all arrays
            for old, new in zip(before, now, strict=True):
                self.note(old, new)
        elif isinstance(before, float):
            self._results[id(before)] = now

    def gives(self, number) -> bool:
        """Whether a launch gives this number."""
        results = [result for _, _, result in self.launches]
        return any(part is number for r in results for part in (r if isinstance(r, tuple) else (r,)))

    def gives_rows(self, entry: int) -> bool:
        """Whether a launch of this entry gives (a number, a row), the row that it refuses."""
        return any(isinstance(launch[-1], tuple) for launch in self.launches[slice(*self.firsts[entry : entry + 2])])

    def launches_of(self, name: str) -> list[int]:
        """The first launch of each entry of a driver."""
        return [first for e, first in zip(self.entries, self.firsts, strict=False) if e.name == name]
