"""The one compiled function that runs every program: it walks a list of blocks and calls each at its adapter."""

import numpy as np

from ..runtime.config import jit
from .words import call_block, copy, load, store, ticks

FINITE, NEGATIVE, TRUE, COUNT = 1, 2, 3, 4  # what a word must be for the step to go on
FAILED, FINISHED = -2, -1  # in place of a check
_EXPONENT = 0x7FF0000000000000  # all ones in an infinite float64, or one that is not a number


@jit
def _holds(what, word):
    if what == FINITE:
        return word & _EXPONENT != _EXPONENT
    if what == NEGATIVE:
        return word < 0
    if what == COUNT:
        return word >= 0
    return word & 1 == 1


@jit
def run(blocks, links, first_link, checks, saved, inputs, wanted, results, spent):
    """Runs the blocks once for every row of `inputs`; returns the steps done, and the check that stopped the next.

    blocks (E,): addresses. links (L, 2): words to copy before a block, source and target; those of block e are
    first_link[e] to first_link[e + 1]; a source below `inputs.shape[1]` is that column of the step's inputs.
    checks (C, 3): after which block, what, which word. saved (S, 3): memory that is copied before each step: from, to,
    bytes. wanted (R,): addresses of words, which go to results (steps, R). spent (E + 1,): the ticks that each block
    took are added, and those of the whole call; nothing is measured if it is empty.
    """
    columns, measured = inputs.shape[1], spent.size > 0
    begun = started = np.int64(0)
    if measured:
        begun = ticks()
    for step in range(inputs.shape[0]):
        for i in range(saved.shape[0]):
            copy(saved[i, 1], saved[i, 0], saved[i, 2])
        check = 0
        for e in range(blocks.size):
            for i in range(first_link[e], first_link[e + 1]):
                source = links[i, 0]
                store(links[i, 1], inputs[step, source] if source < columns else load(source))
            if measured:
                started = ticks()
            if call_block(blocks[e]) != 0:
                return step, np.int64(FAILED)
            if measured:
                spent[e] += ticks() - started
            while check < checks.shape[0] and checks[check, 0] == e:
                if not _holds(checks[check, 1], load(checks[check, 2])):
                    return step, np.int64(check)
                check += 1
        for r in range(wanted.size):
            results[step, r] = load(wanted[r])
        if measured:
            now = ticks()
            spent[blocks.size] += now - begun
            begun = now
    return inputs.shape[0], np.int64(FINISHED)
