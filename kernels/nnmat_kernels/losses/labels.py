"""Which labels are no classes, and which targets no numbers: one look at all of them, before any work."""

import numpy as np

from ..runtime.config import NOWHERE, ZERO, exact_jit


@exact_jit
def wrong_label(y, M):
    """The first row whose label is not in [0, M), or -1: one pass that vectorises, and another where there is one."""
    wrong = ZERO
    for b in range(y.size):
        wrong |= np.int64(y[b] < ZERO) | np.int64(y[b] >= M)
    if wrong:
        for b in range(y.size):
            if y[b] < ZERO or y[b] >= M:
                return np.int64(b)
    return NOWHERE


@exact_jit
def wrong_target(Y, low, high):
    """(0, the first row with an entry that is not from `low` to `high`, such as NaN, or -1)."""
    for b in range(Y.shape[0]):
        y, wrong = Y[b], ZERO
        for m in range(y.size):
            wrong |= np.int64(not low <= y[m]) | np.int64(not y[m] <= high)
        if wrong:
            return 0.0, np.int64(b)
    return 0.0, NOWHERE
