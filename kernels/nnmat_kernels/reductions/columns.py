"""Parts of the norms of columns: sums, squares and gradients of flat pieces of a matrix, for batch and group norm.

A narrow matrix is read as a wider one, with several of its rows in each row, so that vectors are full:

    (6, 2)   | a b |         (3, 4)  | a b a b |        width 4; a column's sum is that of its places in the wide row
             | a b |  ---->          | a b a b |
             |  …  |                 |    …    |        the last wide row may be short

Rows of constants of a column (its mean, its scale) are repeated up to that width. `sums_for` makes the lines for sums.
"""

import math

import numpy as np

from ..codegen.column_norm import (
    column_differences,
    column_gradients,
    column_products,
    column_sums,
    gradients_behind_relu,
    join_columns,
    products_behind_relu,
    scale_columns,
)
from ..runtime.config import ZERO, exact_jit

FULL = 64  # columns that make full blocks of vectors
WIDE = 512  # columns from which on a matrix is read as it is
FEW_ROWS = 4
LANES = 16  # of the largest vector


def wide(N: int) -> int:
    """The width in which a matrix of N columns is read: whole blocks of vectors, if that is not too much."""
    N = max(N, 1)
    return max(1, min(FULL // math.gcd(N, FULL), WIDE // N)) * N


@exact_jit
def bounds(size, width, chunks, chunk):
    """Where a chunk begins and ends: at whole rows of the wide matrix, but for the last one."""
    rows = (size + width - 1) // width
    return min(chunk * rows // chunks * width, size), min((chunk + 1) * rows // chunks * width, size)


@exact_jit
def sums_for(width):
    """Two lines of zeros for the sums of so many columns."""
    return np.zeros((2, (width + LANES - 1) // LANES * LANES))


@exact_jit
def _part(size, width, part):
    """Where the whole wide rows, or the short one after them, begin, their number and their length."""
    whole = size // width
    if part == 0:
        return ZERO, whole, width
    return whole * width, np.int64(1), size - whole * width


@exact_jit
def _together(width, rows):
    """How many wide rows are written in blocks of columns: where they are long, few lie side by side in a cache."""
    return FEW_ROWS if width > WIDE else max(rows, 1)


@exact_jit
def add_rows(x, width, S):
    """S_0 += every wide row of x."""
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        column_sums(x, first, width, rows, n, S)


@exact_jit
def add_differences(x, width, m, S):
    """S_0 += x - m, S_1 += (x - m)², for every wide row of x."""
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        column_differences(x, first, width, rows, n, m, S)


@exact_jit
def add_gradients(g, x, width, m, S):
    """S_0 += g, S_1 += g (x - m), for every wide row."""
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        column_products(g, x, first, width, rows, n, m, S)


@exact_jit
def scale_rows(x, constants, y):
    """y = (x - m) k + b, with m, k and b the rows of `constants`, of the wide matrix."""
    width = constants.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        for i in range(0, rows, _together(width, rows)):
            count = min(_together(width, rows), rows - i)
            scale_columns(x, first + i * width, width, count, n, constants, y)


@exact_jit
def row_gradients(g, x, constants, gx):
    """gx = g s - (x - m) q - e, with m, s, q and e the rows of `constants`, of the wide matrix."""
    width = constants.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        for i in range(0, rows, _together(width, rows)):
            count = min(_together(width, rows), rows - i)
            column_gradients(g, x, first + i * width, width, count, n, constants, gx)


@exact_jit
def join_rows(x, a, constants, floor, y):
    """`scale_rows`, plus a; 0 where that is not above the floor, which is NaN for none."""
    width = constants.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        if a.size > 0:
            join_columns(x, a, first, width, rows, n, constants, y, floor, 1)
        else:
            join_columns(x, a, first, width, rows, n, constants, y, floor, 0)


@exact_jit
def add_behind_relu(g, x, values, S):
    """`add_gradients` of what the ReLU of the values lets through of g; `values` are m, k and b."""
    width = values.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        products_behind_relu(g, x, x, x, first, width, rows, n, values, S, 0)


@exact_jit
def add_let_through(g, x, y, h, m, S):
    """The same of a ReLU with the output y; what it lets through goes to h. m is a line of a matrix."""
    width = m.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        products_behind_relu(g, x, y, h, first, width, rows, n, m, S, 1)


@exact_jit
def behind_relu_gradients(g, x, values, constants, gx):
    """`row_gradients` of what the ReLU of the values lets through of g."""
    width = constants.shape[1]
    for part in range(2):
        first, rows, n = _part(x.size, width, part)
        gradients_behind_relu(g, x, first, width, rows, n, values, constants, gx)


@exact_jit
def _add_wide(x, y):
    for j in range(y.size):
        y[j] += x[j]


@exact_jit
def fold(row, width, out):
    """out = for each column of the narrow matrix the sum of its places in a wide row."""
    out[:] = 0.0
    for a in range(0, width, out.size):
        _add_wide(row[a : a + out.size], out)


@exact_jit
def widened(constants, width):
    """Each row repeated up to the width."""
    repeated = np.empty((constants.shape[0], width), constants.dtype)
    for k in range(constants.shape[0]):
        for a in range(0, width, constants.shape[1]):
            for j in range(constants.shape[1]):
                repeated[k, a + j] = constants[k, j]
    return repeated


@exact_jit
def _store(sums, adding, out):
    for c in range(out.size):
        out[c] = out[c] + out.dtype.type(sums[c]) if adding else out.dtype.type(sums[c])


@exact_jit
def fold_gradients(sums, add_gamma, add_beta, gamma_gradient, beta_gradient):
    """gβ and gγ: the slots of `sums` (slots, 2, N), of Σ g and Σ g x̂, added in order into the first one."""
    for k in range(1, sums.shape[0]):
        _add_wide(sums[k, 0], sums[0, 0])
        _add_wide(sums[k, 1], sums[0, 1])
    _store(sums[0, 0], add_beta, beta_gradient)
    _store(sums[0, 1], add_gamma, gamma_gradient)
