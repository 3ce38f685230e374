"""Blocks of scores, transposed: a row for each key, a column for each query, so that what is done for a query is a loop
over vectors of queries.

                 queries i0 ...                                      max, sums:  down the columns, 16 queries at once
    key j0     | s s s s s s |      masked: -inf, and weight 0       causal:     key j is seen by queries from j on
    key j0 + 1 | s s s s s s |
       ...     | s s s s s s |
"""

import numpy as np

from ..elementwise.dropout import mask_factors
from ..elementwise.vector_math import exp, log, maximum
from ..runtime.config import exact_jit, jit

ROWS_OF_SCORES = 512  # numbers that a loop goes over, several keys at once where there are fewer queries


@jit
def hide(S, ld, rows, j0, keys, i0, before, mask, at_mask, mask_row, key_mask, at_keys):
    """Adds the mask; -inf where a key lies behind its query, or does not count."""
    hidden = S.dtype.type(-np.inf)
    for p in range(keys):
        row = S[p * ld : (p + 1) * ld]
        if mask.size > 0:
            for i in range(rows):
                row[i] += mask[at_mask + (i0 + i) * mask_row + j0 + p]
        if key_mask.size > 0 and not key_mask[at_keys + j0 + p]:
            for i in range(ld):
                row[i] = hidden
        for i in range(min(ld, max(0, j0 + p - before - i0))):
            row[i] = hidden


@exact_jit
def _highest(top, a):
    for i in range(a.size):
        top[i] = maximum(top[i], a[i])


@exact_jit
def _exponentials(total, top, a):
    for i in range(a.size):
        e = exp(a[i] - top[i])
        a[i] = e
        total[i] += e


@exact_jit
def _ends(top, total, lse, inverse):
    """The logarithm of the sum of exponentials, and 1/sum; 0 where all keys are masked."""
    zero, one = lse.dtype.type(0), lse.dtype.type(1)
    for i in range(lse.size):
        lse[i] = zero if total[i] == zero else top[i] + log(total[i])
        inverse[i] = zero if total[i] == zero else one / total[i]


@jit
def repeated(row, count):
    """A row that is repeated: constants for so many keys at once."""
    wide = np.empty(row.size * count, row.dtype)
    for a in range(0, wide.size, row.size):
        for i in range(row.size):
            wide[a + i] = row[i]
    return wide


@jit
def exponentials(S, ld, keys, lse, inverse):
    """S = exp(S - top of each column); lse and 1/sum of each column."""
    at_once = max(1, ROWS_OF_SCORES // ld)
    w, end = at_once * ld, keys * ld
    top, total = np.full(w, -np.inf, S.dtype), np.zeros(w, S.dtype)
    for a in range(0, end, w):
        _highest(top, S[a : min(a + w, end)])
    for a in range(ld, w, ld):
        _highest(top[:ld], top[a : a + ld])
    for i in range(ld):
        if top[i] == -np.inf:  # every key is masked: exp(-inf - 0) = 0
            top[i] = 0
    tops = repeated(top[:ld], at_once)
    for a in range(0, end, w):
        _exponentials(total, tops, S[a : min(a + w, end)])
    for a in range(ld, w, ld):
        for i in range(ld):
            total[i] += total[a + i]
    _ends(top, total, lse, inverse)


@jit
def drop(S, ld, keys, j0, seed, first, step, below, kept):
    """S ⊙ D/(1 - rate), where query i and key j of the block have the place first + i step + j."""
    f = np.empty(ld, S.dtype)
    for p in range(keys):
        mask_factors(seed, first + j0 + p, step, below, kept, f)
        row = S[p * ld : (p + 1) * ld]
        for i in range(ld):
            row[i] *= f[i]


@exact_jit
def _differentiate_rows(s, g, lse, inner, scale):
    for i in range(s.size):
        e = exp(s[i] - lse[i])
        s[i] = e
        g[i] = e * (g[i] - inner[i]) * scale


@exact_jit
def _differentiate_dropped_row(s, g, lse, inner, scale, f):
    for i in range(s.size):
        e = exp(s[i] - lse[i])
        s[i] = e * f[i]
        g[i] = e * (g[i] * f[i] - inner[i]) * scale


@jit
def differentiate(S, G, ld, keys, lse, inner, scale, j0, seed, first, step, below, kept, dropped):
    """S = P, G = P ⊙ (G - inner 1ᵀ) scale, of the transposed scores S and the gradients G of the weights.

    lse and inner are repeated for some keys.
    """
    if not dropped:
        for a in range(0, keys * ld, lse.size):
            b = min(a + lse.size, keys * ld)
            _differentiate_rows(S[a:b], G[a:b], lse, inner, scale)
        return
    f = np.empty(ld, S.dtype)
    for p in range(keys):
        mask_factors(seed, first + j0 + p, step, below, kept, f)
        s, g = S[p * ld : (p + 1) * ld], G[p * ld : (p + 1) * ld]
        _differentiate_dropped_row(s, g, lse, inner, scale, f)
