"""Parts of the norms of columns: sums, squares and gradients of flat pieces of a matrix, for batch and group norm.

A narrow matrix is read as a wider one, with several of its rows in each row, so that loops over its columns are long:

    (6, 2)   | a b |         (3, 4)  | a b a b |        width 4; a column's sum is that of its places in the wide row
             | a b |  ---->          | a b a b |
             |  …  |                 |    …    |        the last wide row may be short

Rows of constants of a column (its mean, its scale) are repeated up to that width.
"""

import numpy as np

from ..elementwise.vector_math import fma
from ..runtime.config import exact_jit, jit, part_jit

WIDE = 512  # columns from which on a matrix is read as it is


def wide(N: int) -> int:
    """The width in which a matrix of N columns is read."""
    return max(1, WIDE // max(N, 1)) * N


@jit
def bounds(size, width, chunks, chunk):
    """Where a chunk begins and ends: at whole rows of the wide matrix, but for the last one."""
    rows = (size + width - 1) // width
    return min(chunk * rows // chunks * width, size), min((chunk + 1) * rows // chunks * width, size)


@part_jit
def _add_four(total, a, b, c, d):
    for j in range(total.size):
        total[j] += (a[j] + b[j]) + (c[j] + d[j])


@part_jit
def _add(total, a):
    for j in range(a.size):
        total[j] += a[j]


@jit
def add_rows(x, total):
    """total += every wide row of x."""
    w, i = total.size, 0
    while i + 4 * w <= x.size:
        _add_four(total, x[i : i + w], x[i + w : i + 2 * w], x[i + 2 * w : i + 3 * w], x[i + 3 * w : i + 4 * w])
        i += 4 * w
    while i < x.size:
        _add(total, x[i : min(i + w, x.size)])
        i += w


@part_jit
def _add_two_differences(total, squares, a, b, m):
    for j in range(total.size):
        d, e = a[j] - m[j], b[j] - m[j]
        total[j] += d + e
        squares[j] += d * d + e * e


@part_jit
def _add_differences(total, squares, a, m):
    for j in range(a.size):
        d = a[j] - m[j]
        total[j] += d
        squares[j] += d * d


@jit
def add_differences(x, m, total, squares):
    """total += x - m, squares += (x - m)², for every wide row of x."""
    w, i = total.size, 0
    while i + 2 * w <= x.size:
        _add_two_differences(total, squares, x[i : i + w], x[i + w : i + 2 * w], m)
        i += 2 * w
    while i < x.size:
        _add_differences(total, squares, x[i : min(i + w, x.size)], m)
        i += w


@part_jit
def _add_gradients(total, products, g, x, m):
    for j in range(g.size):
        total[j] += g[j]
        products[j] += g[j] * (x[j] - m[j])


@jit
def add_gradients(g, x, m, total, products):
    """total += g, products += g (x - m), for every wide row."""
    for a in range(0, x.size, total.size):
        b = min(a + total.size, x.size)
        _add_gradients(total, products, g[a:b], x[a:b], m)


@exact_jit
def _add_wide(x, y):
    for j in range(y.size):
        y[j] += np.float64(x[j])


@jit
def fold(row, out):
    """out = for each column of the narrow matrix the sum of its places in a wide row, in float64."""
    out[:] = 0.0
    for a in range(0, row.size, out.size):
        _add_wide(row[a : a + out.size], out)


@jit
def widened(constants, width):
    """Each row repeated up to the width."""
    repeated = np.empty((constants.shape[0], width), constants.dtype)
    for k in range(constants.shape[0]):
        for a in range(0, width, constants.shape[1]):
            for j in range(constants.shape[1]):
                repeated[k, a + j] = constants[k, j]
    return repeated


@exact_jit
def _scale_row(x, m, k, b, y):
    for j in range(y.size):
        y[j] = fma(x[j] - m[j], k[j], b[j])


@jit
def scale_rows(x, constants, y):
    """y = (x - m) k + b, with m, k and b the rows of `constants`, of the wide matrix."""
    w = constants.shape[1]
    for a in range(0, x.size, w):
        b = min(a + w, x.size)
        _scale_row(x[a:b], constants[0], constants[1], constants[2], y[a:b])


@exact_jit
def _row_gradient(g, x, m, s, q, e, gx):
    for j in range(gx.size):
        gx[j] = fma(m[j] - x[j], q[j], fma(g[j], s[j], -e[j]))


@jit
def row_gradients(g, x, constants, gx):
    """gx = g s - (x - m) q - e, with m, s, q and e the rows of `constants`, of the wide matrix."""
    w = constants.shape[1]
    for a in range(0, x.size, w):
        b = min(a + w, x.size)
        _row_gradient(g[a:b], x[a:b], constants[0], constants[1], constants[2], constants[3], gx[a:b])


@exact_jit
def _store(sums, adding, out):
    for c in range(out.size):
        out[c] = out[c] + out.dtype.type(sums[c]) if adding else out.dtype.type(sums[c])


@jit
def fold_gradients(sums, add_gamma, add_beta, gamma_gradient, beta_gradient):
    """gβ and gγ: the slots of `sums` (slots, 2, N), of Σ g and Σ g x̂, added in order into the first one."""
    for k in range(1, sums.shape[0]):
        _add_wide(sums[k, 0], sums[0, 0])
        _add_wide(sums[k, 1], sums[0, 1])
    _store(sums[0, 0], add_beta, beta_gradient)
    _store(sums[0, 1], add_gamma, gamma_gradient)
