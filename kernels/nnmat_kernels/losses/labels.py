"""Which labels are no classes: one look at all of them, before any work."""

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
