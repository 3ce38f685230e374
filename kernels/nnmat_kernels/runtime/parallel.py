"""How work is shared among threads: from which size on, and the parallel kernels that only hand out pieces of it.

A kernel of elements or of rows is a serial body and a parallel one, which gives the first pieces of its arrays. The
parallel one is made of the serial one here:

    in_chunks(body)         body(piece of x, ..., scalars)          arrays of one length are cut into chunks
    in_row_chunks(body)     body(X, ..., first, last)               the first axis is cut
    in_slots(body)          body(X, ..., sums, slot, first, last)   the same, and each piece has a slot for its sum
"""

from typing import Any

import numpy as np
from numba import prange, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .config import named_after, parallel_jit, settings

# Below these sizes the start of the threads, 2 us, costs more than they bring. Kernels of another cost for an element
# have limits of their own.
PARALLEL_FLOPS = 1_000_000  # operations of a product or a convolution
PARALLEL_SIZE = 65_536  # elements of one pass over memory: 10 us of the cheapest body
CHUNK_SIZE = 16_384  # elements of a pass that one thread takes at a time


def _plain_pieces(arguments, first, count):
    return tuple(x[first : first + count] if isinstance(x, np.ndarray) else x for x in arguments)


@intrinsic
def _compiled_pieces(typing_context, arguments, first, count):
    """The arguments, with x[first : first + count] for each flat array x, and nothing checked."""

    def generate(context, builder, signature, values):
        given, first, count = values
        pieces = []
        for i, kind in enumerate(arguments.types):
            value = builder.extract_value(given, i)
            if isinstance(kind, types.Array):
                x, piece = context.make_array(kind)(context, builder, value), context.make_array(kind)(context, builder)
                data = builder.gep(x.data, [first])
                populate_array(piece, data, [count], [x.itemsize], x.itemsize, meminfo=x.meminfo, parent=x.parent)
                value = piece._getvalue()
            pieces.append(value)
        result = context.make_tuple(builder, signature.return_type, pieces)
        return impl_ret_borrowed(context, builder, signature.return_type, result)

    return arguments(arguments, types.int64, types.int64), generate


_pieces: Any = _plain_pieces if settings.DISABLE_JIT else _compiled_pieces


def in_chunks(body, chunk: int = CHUNK_SIZE) -> Any:
    """A parallel kernel that calls `body` with `chunk` elements of its flat arrays at a time, and its scalars.

    The first argument is an array, and all arrays have its length.
    """

    @parallel_jit
    @named_after(body, "_parallel")
    def share(*arguments):
        size = arguments[0].size
        for c in prange((size + chunk - 1) // chunk):
            first = np.int64(c) * chunk
            body(*_pieces(arguments, first, min(chunk, size - first)))

    return share


def in_row_chunks(body) -> Any:
    """A parallel kernel that calls `body` for `rows` rows of its first argument at a time: (rows, *arguments)."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(rows, *arguments):
        total = arguments[0].shape[0]
        for c in prange((total + rows - 1) // rows):
            first = np.int64(c) * rows
            body(*arguments, first, min(first + rows, total))

    return share


def in_slots(body) -> Any:
    """A parallel kernel that calls `body` for as many pieces of the rows as its last argument has slots for sums."""

    @parallel_jit
    @named_after(body, "_parallel")
    def share(*arguments):
        rows, slots = arguments[0].shape[0], arguments[-1].size
        for i in prange(slots):
            k = np.int64(i)
            body(*arguments, k, k * rows // slots, (k + 1) * rows // slots)

    return share
