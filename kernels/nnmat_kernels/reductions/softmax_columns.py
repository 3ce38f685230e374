"""Softmax, its logarithm and both derivatives along an axis that is not the last: many columns at once.

The array is seen as slices (M, N), and each column of a slice is normalised. A few registers of columns are taken
together, so there is no scalar code and nothing is transposed. Sums of columns end as float64.

     slice      j     j+1   ...          m, total, ... for 128 columns
      M rows | x0j   x0,j+1   ...   ->   row after row
             | x1j   x1,j+1   ...
"""

import numpy as np

from ..elementwise.vector_math import exp, log1p, maximum
from ..runtime.config import exact_jit
from ..runtime.parallel import in_row_chunks, in_row_chunks_of_two
from .row_tiles import SUM_RUN

COLUMNS_TOGETHER = 128


@exact_jit
def _column_maximum(x, a, m):
    for j in range(m.size):
        m[j] = x[0, a + j]
    for c in range(1, x.shape[0]):
        row = x[c, a : a + m.size]
        for j in range(m.size):
            m[j] = maximum(m[j], row[j])


@exact_jit
def _softmax_piece(x, p, a, m, part, total):
    """Columns from a on, as many as m has places."""
    b, zero = a + m.size, m.dtype.type(0)
    _column_maximum(x, a, m)
    total[:] = 0.0
    for top in range(0, x.shape[0], SUM_RUN):
        part[:] = zero
        for c in range(top, min(top + SUM_RUN, x.shape[0])):
            row, e = x[c, a:b], p[c, a:b]
            if row.ctypes.data == e.ctypes.data:  # in place: over two arrays that overlap, a loop would not vectorise
                for j in range(m.size):
                    e[j] = exp(e[j] - m[j])
                    part[j] += e[j]
            else:
                for j in range(m.size):
                    e[j] = exp(row[j] - m[j])
                    part[j] += e[j]
        for j in range(m.size):
            total[j] += np.float64(part[j])
    for j in range(m.size):
        m[j] = 1.0 / total[j]
    for c in range(x.shape[0]):
        e = p[c, a:b]
        for j in range(m.size):
            e[j] *= m[j]


@exact_jit
def _log_softmax_piece(x, y, a, m, part, rest, at_top):
    b, zero, one = a + m.size, m.dtype.type(0), m.dtype.type(1)
    _column_maximum(x, a, m)
    for j in range(m.size):
        rest[j], at_top[j] = 0.0, -one  # added at the end, or a small rest would lose its digits
    for top in range(0, x.shape[0], SUM_RUN):
        part[:] = zero
        for c in range(top, min(top + SUM_RUN, x.shape[0])):
            row, d = x[c, a:b], y[c, a:b]
            for j in range(m.size):
                d[j] = row[j] - m[j]
            for j in range(m.size):
                maximal = one if d[j] == zero else zero
                part[j] += exp(d[j]) - maximal  # exp(0) is 1 exactly
                at_top[j] += maximal
        for j in range(m.size):
            rest[j] += np.float64(part[j])
    for j in range(m.size):
        m[j] = log1p(rest[j] + np.float64(at_top[j]))
    for c in range(x.shape[0]):
        d = y[c, a:b]
        for j in range(m.size):
            d[j] -= m[j]


@exact_jit
def softmax_columns(X, P, first, last):
    """Slices first..last of X (slices, M, N)."""
    m, part = np.empty(COLUMNS_TOGETHER, X.dtype), np.empty(COLUMNS_TOGETHER, X.dtype)
    total = np.empty(COLUMNS_TOGETHER)
    for i in range(first, last):
        for a in range(0, X.shape[2], COLUMNS_TOGETHER):
            n = min(COLUMNS_TOGETHER, X.shape[2] - a)
            _softmax_piece(X[i], P[i], a, m[:n], part[:n], total[:n])


@exact_jit
def log_softmax_columns(X, Y, first, last):
    m, part = np.empty(COLUMNS_TOGETHER, X.dtype), np.empty(COLUMNS_TOGETHER, X.dtype)
    rest, at_top = np.empty(COLUMNS_TOGETHER), np.empty(COLUMNS_TOGETHER, X.dtype)
    for i in range(first, last):
        for a in range(0, X.shape[2], COLUMNS_TOGETHER):
            n = min(COLUMNS_TOGETHER, X.shape[2] - a)
            _log_softmax_piece(X[i], Y[i], a, m[:n], part[:n], rest[:n], at_top[:n])


@exact_jit
def softmax_columns_backward(G, P, gX, first, last):
    """gX = P ⊙ (G - the sum of G ⊙ P over each column)."""
    inner = np.empty(G.shape[2])
    for i in range(first, last):
        inner[:] = 0.0
        for c in range(G.shape[1]):
            g, p = G[i, c], P[i, c]
            for j in range(g.size):
                inner[j] += np.float64(g[j]) * np.float64(p[j])
        for c in range(G.shape[1]):
            g, p, gx = G[i, c], P[i, c], gX[i, c]
            for j in range(g.size):
                gx[j] = p[j] * (g[j] - gx.dtype.type(inner[j]))


@exact_jit
def log_softmax_columns_backward(G, Y, gX, first, last):
    """gX = G - exp(Y) ⊙ the sum of G over each column."""
    total = np.empty(G.shape[2])
    for i in range(first, last):
        total[:] = 0.0
        for c in range(G.shape[1]):
            g = G[i, c]
            for j in range(g.size):
                total[j] += np.float64(g[j])
        for c in range(G.shape[1]):
            g, y, gx = G[i, c], Y[i, c], gX[i, c]
            if g.ctypes.data == gx.ctypes.data:
                for j in range(g.size):
                    gx[j] = gx[j] - exp(y[j]) * gx.dtype.type(total[j])
            else:
                for j in range(g.size):
                    gx[j] = g[j] - exp(y[j]) * gx.dtype.type(total[j])


softmax_columns_parallel, log_softmax_columns_parallel = map(in_row_chunks, (softmax_columns, log_softmax_columns))
softmax_columns_backward_parallel = in_row_chunks_of_two(softmax_columns_backward)
log_softmax_columns_backward_parallel = in_row_chunks_of_two(log_softmax_columns_backward)
