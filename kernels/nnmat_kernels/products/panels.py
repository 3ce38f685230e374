"""Products with an operand that is packed once and used many times, for kernels that make many products of their own.

pack_rows       panels of B (inner, columns) as it lies
pack_columns    panels of Bᵀ, from B (columns, inner)
times_panels    C (+)= A times the panels, called by its address
"""

import functools

import numpy as np
from numba import int64

from ..codegen.function_pointer import address, flat_of
from ..codegen.packing import pack, pack_transposed
from ..runtime.config import NOWHERE, ZERO, jit
from ..runtime.target import NR, NR_BYTES
from .macrokernel import gemm_panel


@jit
def pack_rows(S, A, a, row, columns, rows):
    """Panels of A as it lies, each a tile's width of columns and all rows."""
    width = np.int64(NR_BYTES // A.itemsize)
    for j in range(0, columns, width):
        pack(NR, S, j * rows, A, a + j, row, min(width, columns - j), rows)


@jit
def pack_columns(S, A, a, row, rows, size, scale):
    """Panels of scale Aᵀ: each a tile's width of rows of A, and all columns."""
    width = np.int64(NR_BYTES // A.itemsize)
    for i in range(0, rows, width):
        pack_transposed(NR, S, i * size, A, a + i * row, row, min(width, rows - i), size)
    if scale != A.dtype.type(1):
        for e in range((rows + width - 1) // width * width * size):
            S[e] *= scale


@jit
def times_panels(A, a, row_a, step_a, S, s, panel, C, c, row_c, rows, columns, inner, keep):
    """C (rows, columns) = (C if keep else 0) + A (rows, inner) times panels in S, `panel` numbers apart.

    Called by address: it contains all tiles, which would be compiled anew in each kernel.
    """
    width = np.int64(NR_BYTES // A.itemsize)
    for j in range(0, columns, width):
        gemm_panel(
            A, a, row_a, step_a, ZERO, S, s + j // width * panel, width, C, c + j, row_c, rows,
            min(width, columns - j), inner, keep, S, NOWHERE, ZERO,
        )  # fmt: skip


@functools.cache
def times_panels_at(dtype):
    """The address of `times_panels`."""
    A = flat_of(dtype)
    places = (int64,) * 6
    return address(times_panels, A, int64, int64, int64, A, int64, int64, A, *places)
