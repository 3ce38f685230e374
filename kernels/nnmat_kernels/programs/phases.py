"""Phases: pieces of work that need nothing of each other, each some launches in order, shared by all threads.

A piece finds in the cache what its first launch has brought there.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from numba import prange, types

from ..codegen.function_pointer import entry_point
from ..reductions.sums import chunk_of_squares, root_of_sums
from ..runtime.config import parallel_jit
from ..runtime.launch import ParallelKernel, Tape
from ..runtime.parallel import CHUNK_SIZE
from .entries import Entry
from .lowering import Lowered
from .words import call_block


class Phase(NamedTuple):
    """In the place of a launch: for each piece its launches."""

    pieces: list[list[tuple[Any, tuple, Any]]]


@parallel_jit
def run_pieces(blocks, firsts, failed):
    """Calls the blocks of each piece, those from firsts[i] to firsts[i + 1]; whether none has failed."""
    for i in prange(failed.size):
        piece = np.int64(i)
        failed[piece] = 0
        for b in range(firsts[piece], firsts[piece + 1]):
            failed[piece] |= call_block(blocks[b])
    return not failed.any()


@functools.cache
def runner_of_pieces() -> Any:
    """`run_pieces` as a launch."""
    words = types.int64[::1]
    return ParallelKernel(entry_point(run_pieces.dispatcher, words, words, words))


class NormAndUpdates(Entry):
    """The norm of a gradient and the updates that follow it, in chunks: squares are summed where g is read anyway.

    The sums of the chunks are added in order, as those of `norm` itself.
    """

    def __init__(self, norm: Entry, updates: list[Entry]):
        self.norm, self.updates = norm, updates
        self.driver, self.result, self.place = norm.driver, norm.result, updates[0].place
        self.arguments, self.made = {}, set()
        self.name, self.fused = norm.name, [u.name for u in updates]

    def arrays(self):
        parts = [self.norm, *self.updates]
        return {f"{name} {i}": A for i, e in enumerate(parts) for name, A in e.arrays().items()}

    def reads(self):
        return list(self.arrays().values())

    def written(self):
        return [A for u in self.updates for A in u.written()]

    def lower(self, lowered: Lowered) -> None:
        sums = []
        for part in self.norm.arguments["parts"]:
            slots = np.empty(-(-part.size // CHUNK_SIZE))
            pieces = []
            for c in range(slots.size):
                with Tape() as tape:
                    chunk_of_squares(part[c * CHUNK_SIZE : (c + 1) * CHUNK_SIZE], slots, c)
                    self._update(part, c * CHUNK_SIZE, min((c + 1) * CHUNK_SIZE, part.size), lowered)
                pieces.append(tape.launches)
            lowered.launches.append(Phase(pieces))
            sums.append(slots)
        with Tape() as tape:
            lowered.note(self.result, root_of_sums(sums))
        lowered.launches += tape.launches

    def _update(self, part: np.ndarray, first: int, last: int, lowered: Lowered) -> None:
        """The updates of parameters whose gradients are part[first:last]."""
        for u in self.updates:
            g = u.arguments["g"]
            at = (g.ctypes.data - part.ctypes.data) // g.itemsize  # where g begins in the part
            a, b = max(first - at, 0), min(last - at, g.size)
            if a < b:
                arguments = lowered.passed_on(u)
                u.driver(**{name: A[a:b] if isinstance(A, np.ndarray) else A for name, A in arguments.items()})
