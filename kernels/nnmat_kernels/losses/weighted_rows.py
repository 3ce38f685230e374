"""Losses as weighted sums over rows: what they share, whatever the loss of a row is."""

import numpy as np


def sum_over_rows(serial, parallel, parallel_size: int, chunk: int, H, *others) -> float:
    """The sum that a kernel makes over the rows of H: by one thread, or in pieces of about `chunk` elements by several.

    `serial` takes (H, *others, sums, slot, first, last), and `parallel` (H, *others, sums) with a slot for each piece.
    """
    rows = len(H)
    if rows > 1 and H.size >= parallel_size:
        sums = np.empty(min(rows, H.size // chunk))
        parallel(H, *others, sums)
        return total(sums)
    sums = np.empty(1)
    serial(H, *others, sums, 0, 0, rows)
    return sums.item()


def total(sums: np.ndarray) -> float:
    """The sum of the pieces' sums in order: the same bits for any number of threads."""
    value = 0.0
    for part in sums.tolist():
        value += part
    return value
