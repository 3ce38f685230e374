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
    """(0, the first row with an entry that is not from `low` to `high`, such as NaN, or -1), in passes like those."""
    y, wrong = Y.reshape(-1), ZERO
    for i in range(y.size):
        wrong |= np.int64(not low <= y[i]) | np.int64(not y[i] <= high)
    if wrong:
        for i in range(y.size):
            if not low <= y[i] or not y[i] <= high:
                return 0.0, np.int64(i // Y.shape[1])
    return 0.0, NOWHERE
