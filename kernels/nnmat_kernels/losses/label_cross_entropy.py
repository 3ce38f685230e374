"""Softmax cross-entropy with integer labels and no other options: the case of nearly every training step.

For the row h with label l, m = max h, and r the sum of e_c = exp(h_c - m) over all places but one of the maximum,

    loss = log1p(r) + (m - h_l)        g = e/((1 + r) n),   but g_l = -(r if h_l = m else 1 + r - e_l)/((1 + r) n)

the equations of `softmax_cross_entropy` for weights 1, with n rows. Narrow rows are taken many at a time, and wide ones
one by one (`row_tiles`).
"""

import functools

import numpy as np
from numba import int64, prange

from ..codegen.function_pointer import entry_point, matrix_of
from ..elementwise.vector_math import exp, log1p
from ..reductions.row_tiles import NARROW_COLUMNS, SUM_RUN, TILE_ROWS, fill_tile, row_maximum, tile_maximum
from ..runtime.config import ONE, ZERO, exact_jit, jit, parallel_jit, part_jit
from .labels import wrong_label


@exact_jit
def _tile_exponentials(tile, m, rest, extra):
    """tile = exp(tile - m); rest = the sum of the entries below the maximum, plus 1 for each beyond one at it."""
    zero = m.dtype.type(0)
    one = m.dtype.type(1)
    for r in range(m.size):
        rest[r] = 0.0
        extra[r] = -one
    for c in range(tile.shape[0]):
        row = tile[c]
        for r in range(m.size):
            d = row[r] - m[r]
            e = exp(d)
            row[r] = e
            rest[r] += np.float64(zero if d == zero else e)
            extra[r] += one if d == zero else zero
    for r in range(m.size):
        rest[r] += np.float64(extra[r])


@exact_jit
def _tile_losses(rest, loss, scale, share):
    for r in range(rest.size):
        loss[r] = log1p(rest[r])
        scale[r] = share / (1.0 + rest[r])


@exact_jit
def _narrow_rows(H, y, G, share, first, last):
    """Rows first..last: G; returns the sum of their losses. `share` is 1/n."""
    M = H.shape[1]
    wide = min(TILE_ROWS, (last - first + 15) // 16 * 16)
    room, sums = np.empty((M + 3, wide), H.dtype), np.empty((2, wide))
    tile, m, extra, scale, rest, loss = room[:M], room[M], room[M + 1], room[M + 2], sums[0], sums[1]
    value = 0.0
    for top in range(first, last, TILE_ROWS):
        n = min(TILE_ROWS, last - top)
        fill_tile(H, top, n, tile)
        tile_maximum(tile, m)
        _tile_exponentials(tile, m, rest, extra)
        _tile_losses(rest, loss, scale, share)
        for r in range(n):
            label = y[top + r]
            h_label = H[top + r, label]
            others = rest[r] if h_label == m[r] else (1.0 + rest[r]) - np.float64(tile[label, r])
            value += loss[r] + (np.float64(m[r]) - np.float64(h_label))
            extra[r] = -(others / (1.0 + rest[r])) * share  # g_l; what the array held has been used
        for c in range(M):
            row = tile[c]
            for r in range(wide):
                row[r] *= scale[r]
        for r in range(n):
            g = G[top + r]
            for c in range(M):
                g[c] = tile[c, r]
            g[y[top + r]] = extra[r]
    return value


@part_jit
def _run_of_exponentials(h, g, m, a, b):
    """g = exp(h - m) from a to b; the sum without the places of the maximum, and the number of these."""
    zero, one = m - m, g.dtype.type(1)
    rest, extra = g.dtype.type(0), g.dtype.type(0)
    x, e = h[a:b], g[a:b]
    for c in range(x.size):
        d = x[c] - m
        e[c] = exp(d)
    for c in range(x.size):
        rest += zero if x[c] == m else e[c]
        extra += one if x[c] == m else zero
    return rest, extra


@part_jit
def _wide_rows(H, y, G, share, first, last):
    M = H.shape[1]
    value = 0.0
    for b in range(first, last):
        h, g, label = H[b], G[b], y[b]
        m = row_maximum(h)
        rest, extra = 0.0, -1.0
        for a in range(0, M, SUM_RUN):
            part, more = _run_of_exponentials(h, g, m, a, min(a + SUM_RUN, M))
            rest += np.float64(part)
            extra += np.float64(more)
        rest += extra
        others = rest if h[label] == m else (1.0 + rest) - np.float64(g[label])
        value += log1p(rest) + (np.float64(m) - np.float64(h[label]))
        scale = G.dtype.type(share / (1.0 + rest))
        for c in range(M):
            g[c] *= scale
        g[label] = -(others / (1.0 + rest)) * share
    return value


@jit
def rows(H, y, G):
    """(the mean of all losses, -1), or (0, a row whose label is out of range), and then nothing is written."""
    wrong = wrong_label(y, H.shape[1])
    if wrong >= ZERO:
        return 0.0, wrong
    n = H.shape[0]
    if H.shape[1] <= NARROW_COLUMNS:
        return _narrow_rows(H, y, G, 1.0 / np.float64(n), ZERO, n) / np.float64(n), wrong
    return _wide_rows(H, y, G, 1.0 / np.float64(n), ZERO, n) / np.float64(n), wrong


@functools.cache
def rows_entry_point(dtype):
    """`rows` for logits of this dtype."""
    return entry_point(rows, matrix_of(dtype), int64[::1], matrix_of(dtype))


@parallel_jit
def rows_parallel(H, y, G, sums):
    """As `rows`, with the sums of as many chunks of rows as `sums` has places: (0, a wrong row or -1)."""
    n, chunks = H.shape[0], sums.size
    wrong = wrong_label(y, H.shape[1])
    if wrong < ZERO:
        share = 1.0 / np.float64(n)
        for i in prange(chunks):
            k = np.int64(i)
            first, last = k * n // chunks, (k + ONE) * n // chunks
            if H.shape[1] <= NARROW_COLUMNS:
                sums[k] = _narrow_rows(H, y, G, share, first, last)
            else:
                sums[k] = _wide_rows(H, y, G, share, first, last)
    return 0.0, wrong
