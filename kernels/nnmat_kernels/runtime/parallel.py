"""How work is shared among threads: from which size on, and the parallel kernels that only hand out pieces of it.

A kernel of elements or of rows is a serial body and a parallel one, which gives the first pieces of its arrays. Where
there are several of one form, the parallel one is made of the serial one here:

    in_chunks(body)              (x, y)              body(piece of x, piece of y)
    in_chunks_of_two(body)       (g, x, y)           body(piece of g, piece of x, piece of y)
    in_row_chunks(body)          (X, Y, rows)        body(X, Y, first, last)
    in_row_chunks_of_two(body)   (G, X, Y, rows)     body(G, X, Y, first, last)

Their arguments are written out, for Numba looks longer at `*arguments`: 0.4 us at a launch, and 4 us if there are many.
"""

from typing import Any

import numpy as np
from numba import prange

from .config import named_after, parallel_jit

# Below these sizes it costs more to hand pieces to threads, or to wake them, than they bring. Kernels of another cost
# for an element have limits of their own.
PARALLEL_FLOPS = 1_000_000  # operations of a product or a convolution
PARALLEL_SIZE = 65_536  # elements of one pass over memory: 10 us of the cheapest body
CHUNK_SIZE = 16_384  # elements of a pass that one thread takes at a time


def in_chunks(body) -> Any:
    """A parallel kernel that calls `body` with CHUNK_SIZE elements of two flat arrays at a time."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(x, y):
        for c in prange((y.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
            a = np.int64(c) * CHUNK_SIZE
            body(x[a : a + CHUNK_SIZE], y[a : a + CHUNK_SIZE])

    return share


def in_chunks_of_two(body) -> Any:
    """The same for bodies that read two arrays."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(g, x, y):
        for c in prange((y.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
            a = np.int64(c) * CHUNK_SIZE
            body(g[a : a + CHUNK_SIZE], x[a : a + CHUNK_SIZE], y[a : a + CHUNK_SIZE])

    return share


def in_row_chunks(body) -> Any:
    """A parallel kernel that calls `body` for `rows` rows of X at a time."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(X, Y, rows):
        for c in prange((X.shape[0] + rows - 1) // rows):
            first = np.int64(c) * rows
            body(X, Y, first, min(first + rows, X.shape[0]))

    return share


def in_row_chunks_of_two(body) -> Any:
    """The same for bodies that take two things beside the result Y."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(G, X, Y, rows):
        for c in prange((G.shape[0] + rows - 1) // rows):
            first = np.int64(c) * rows
            body(G, X, Y, first, min(first + rows, G.shape[0]))

    return share
