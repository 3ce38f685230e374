"""Rows for vector instructions: narrow ones are transposed, many at a time; wide ones are summed in runs.

    H  row b     | h0 h1 ... h9 |              tile   | h0 of 32 rows |
       row b + 1 | h0 h1 ... h9 |     ----->          | h1 of 32 rows |      maximum, sum, ...: over 32 rows at once
          ...                                              ...

So rows of 10 columns need no scalar code. The bits of a row do not depend on the rows beside it.
"""

from ..elementwise.vector_math import maximum
from ..runtime.config import exact_jit

NARROW_COLUMNS = 64  # at most
TILE_ROWS = 32
SUM_RUN = 256  # numbers of one dtype that are summed before float64 takes over: 8 in each of 32 places


@exact_jit
def fill_tile(H, top, n, tile):
    """tile = the transpose of n rows of H from `top` on; where rows are missing, the last one stands in for them."""
    for r in range(tile.shape[1]):
        h = H[top + min(r, n - 1)]
        for c in range(h.size):
            tile[c, r] = h[c]


@exact_jit
def tile_maximum(tile, m):
    """m = the largest entry of each column, NaN if one is NaN."""
    for r in range(m.size):
        m[r] = tile[0, r]
    for c in range(1, tile.shape[0]):
        row = tile[c]
        for r in range(m.size):
            m[r] = maximum(m[r], row[r])


@exact_jit
def row_maximum(h):
    """The largest entry of h, NaN if one is NaN."""
    m = h[0]
    for c in range(h.size):
        m = maximum(m, h[c])
    return m
