"""Losses as weighted sums over rows: what they share, whatever the loss of a row is."""

import numpy as np

from ..runtime.config import exact_jit
from ..runtime.launch import launch


@exact_jit
def mean_of_sums(sums, divisor):
    """The sum of the pieces' sums, in order, over a divisor: the same bits for any number of threads."""
    value = 0.0
    for i in range(sums.size):
        value += sums[i]
    return float(value / divisor)  # without the JIT, too


def mean_over_rows(serial, parallel, parallel_size: int, chunk: int, divisor: float, H, *others) -> float:
    """The sum that a kernel makes over the rows of H, by one thread, or in pieces of about `chunk` elements by several;
    divided by `divisor`.

    `serial` takes (H, *others, sums, slot, first, last), and `parallel` (H, *others, sums) with a slot for each piece.
    """
    rows = len(H)
    if rows > 1 and H.size >= parallel_size:
        sums = np.empty(min(rows, H.size // chunk))
        launch(parallel, H, *others, sums)
    else:
        sums = np.empty(1)
        launch(serial, H, *others, sums, 0, 0, rows)
    return launch(mean_of_sums, sums, divisor)
