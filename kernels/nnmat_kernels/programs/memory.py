"""Memory by lifetime: arrays that are never of use at the same time lie in the same place."""

import numpy as np

from .entries import Entries, moved

ALIGNMENT = 64  # bytes: a cache line
# Element by element, at the end at least: the result may take the place of this argument.
IN_PLACE = {
    "sigmoid": "X", "tanh": "X", "relu": "X", "leaky_relu": "X", "dropout": "X", "copy": "X", "add": "A",
    "batch_norm": "plus", "batch_norm_evaluation": "X", "batch_norm_backward": "G",
    "sigmoid_backward": "G", "tanh_backward": "G", "relu_backward": "G", "leaky_relu_backward": "G",
}  # fmt: skip


def lay_out(entries: Entries) -> int:
    """Give all made arrays places in one block of memory; returns its bytes.

    An array keeps its place from the entry that makes it to the last one that reads it, to the end if it is pinned.
    """
    lives = _lifetimes(entries)
    offsets: dict[int, tuple[int, int, int]] = {}  # of each array: its place, its bytes, when it ends
    for start, end, key, size, parent in lives:
        busy = sorted((at, at + n) for at, n, until in offsets.values() if until >= start)
        if parent is not None and parent in offsets and offsets[parent][2] == start and offsets[parent][1] >= size:
            at, n, _ = offsets[parent]
            offsets[parent] = at, n, start - 1
            offsets[key] = at, n, end
            continue
        at = 0
        for first, last in busy:
            if first - at >= size:
                break
            at = max(at, last)
        offsets[key] = at, size, end
    total = max((at + n for at, n, _ in offsets.values()), default=0)
    room = np.empty(total + ALIGNMENT, np.uint8)
    first = -room.ctypes.data % ALIGNMENT
    memory = room[first : first + total]
    _move(entries, {key: at for key, (at, _, _) in offsets.items()}, memory)
    return total


def _lifetimes(entries: Entries) -> list[tuple[int, int, int, int, int | None]]:
    """Of each made array: the first and last entry, its id, its bytes, and the array whose place it may take."""
    last: dict[int, int] = {}
    for i, e in enumerate(entries.list):
        for A in e.arrays().values():
            if (made := entries.root(A)) is not None:
                last[id(made)] = i
    for A in entries.pinned:
        if (made := entries.root(A)) is not None:
            last[id(made)] = len(entries.list)
    found: list[tuple[int, int, int, int, int | None]] = []
    for i, e in enumerate(entries.list):
        for name in sorted(e.made):
            made = entries.root(e.arguments[name])
            if made is None or any(key == id(made) for _, _, key, _, _ in found):
                continue
            size = -(-made.nbytes // ALIGNMENT) * ALIGNMENT
            source = e.arguments.get(IN_PLACE.get(e.name, ""))
            parent = entries.root(source) if isinstance(source, np.ndarray) else None
            whole = parent is not None and source is not None and source.nbytes == parent.nbytes == made.nbytes
            found.append((i, last[id(made)], id(made), size, id(parent) if whole else None))
    return found


def _move(entries: Entries, offsets: dict[int, int], memory: np.ndarray) -> None:
    def there(A):
        made = entries.root(A)
        if made is None or id(made) not in offsets:
            return A
        return moved(A, offsets[id(made)] + A.ctypes.data - made.ctypes.data, memory)

    for e in entries.list:
        e.arguments = {
            name: there(A) if isinstance(A, np.ndarray)
            else type(A)(map(_if_array(there), A)) if isinstance(A, list | tuple) else A
            for name, A in e.arguments.items()
        }  # fmt: skip
    entries.pinned = [there(A) for A in entries.pinned]


def _if_array(function):
    return lambda A: function(A) if isinstance(A, np.ndarray) else A
