"""Sums the obvious way, in float64."""

import numpy as np


def column_sums(A, out=None, accumulate=False):
    """Aᵀ 1."""
    with np.errstate(invalid="ignore"):  # inf - inf = NaN
        return _into(np.asarray(A, np.float64).sum(axis=0), out, accumulate)


def row_sums(A, out=None, accumulate=False):
    """A 1."""
    with np.errstate(invalid="ignore"):
        return _into(np.asarray(A, np.float64).sum(axis=1), out, accumulate)


def sum_of_squares(A):
    """Tr(Aᵀ A)."""
    return float((np.asarray(A, np.float64) ** 2).sum())


def _into(s, out, accumulate):
    if out is None:
        return s
    out[...] = out + s if accumulate else s
    return out
