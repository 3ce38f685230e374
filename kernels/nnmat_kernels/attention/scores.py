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
def _higher(top, a, b, c, d):
    for i in range(top.size):
        top[i] = maximum(maximum(top[i], maximum(a[i], b[i])), maximum(c[i], d[i]))


@exact_jit
def _highest(top, a):
    for i in range(top.size):
        top[i] = maximum(top[i], a[i])


@exact_jit
def _exponentials_of_two(total, top, a, b):
    for i in range(total.size):
        e, f = exp(a[i] - top[i]), exp(b[i] - top[i])
        a[i], b[i] = e, f
        total[i] += e + f


@exact_jit
def _exponentials(total, top, a):
    for i in range(total.size):
        e = exp(a[i] - top[i])
        a[i] = e
        total[i] += e


@exact_jit
def _ends(top, total, lse, inverse):
    """The logarithm of the sum of exponentials, and 1/sum; 0 where all keys are masked."""
    zero, one = top.dtype.type(0), top.dtype.type(1)
    for i in range(top.size):
        lse[i] = zero if total[i] == zero else top[i] + log(total[i])
        inverse[i] = zero if total[i] == zero else one / total[i]


@jit
def exponentials(S, ld, keys, lse, inverse):
    """S = exp(S - top of each column); lse and 1/sum of each column."""
    top, total = np.full(ld, -np.inf, S.dtype), np.zeros(ld, S.dtype)
    p = 0
    while p + 4 <= keys:
        q = p * ld
        _higher(top, S[q : q + ld], S[q + ld : q + 2 * ld], S[q + 2 * ld : q + 3 * ld], S[q + 3 * ld : q + 4 * ld])
        p += 4
    while p < keys:
        _highest(top, S[p * ld : (p + 1) * ld])
        p += 1
    for i in range(ld):
        if top[i] == -np.inf:  # every key is masked: exp(-inf - 0) = 0
            top[i] = 0
    p = 0
    while p + 2 <= keys:
        _exponentials_of_two(total, top, S[p * ld : (p + 1) * ld], S[(p + 1) * ld : (p + 2) * ld])
        p += 2
    if p < keys:
        _exponentials(total, top, S[p * ld : (p + 1) * ld])
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
def _differentiate_row(s, g, lse, inner, scale):
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
    """S = P, G = P ⊙ (G - inner 1ᵀ) scale, of the transposed scores S and the gradients G of the weights."""
    f = np.empty(ld, S.dtype)
    for p in range(keys):
        s, g = S[p * ld : (p + 1) * ld], G[p * ld : (p + 1) * ld]
        if dropped:
            mask_factors(seed, first + j0 + p, step, below, kept, f)
            _differentiate_dropped_row(s, g, lse, inner, scale, f)
        else:
            _differentiate_row(s, g, lse, inner, scale)
